use std::net::{Ipv4Addr, SocketAddr};

use linkrelay_testkit::process::{Process, ProcessBuilder};
use linkrelay_testkit::tools::{free_port, prometheus};
use linkrelay_testkit::wait::LONG;
use serde_json::Value;
use tempfile::TempDir;

use super::file;

/// Prometheus with the files of `deploy/`, in a folder and on a port of its own.
pub(crate) struct Prometheus {
    process: Process,
    addr: SocketAddr,
    http: reqwest::Client,
    _folder: TempDir,
}

impl Prometheus {
    /// Starts it with the example of `deploy/` and these addresses, and waits until it listens.
    pub(crate) async fn scraping(producers: &[SocketAddr], consumers: &[SocketAddr]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for rules in ["recording.yml", "alerts.yml"] {
            let text = file(&format!("deploy/prometheus/{rules}"));
            std::fs::write(folder.path().join(rules), text).unwrap();
        }
        let config = folder.path().join("prometheus.yml");
        std::fs::write(&config, with_addresses(producers, consumers)).unwrap();
        let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port().unwrap()));
        let data = folder.path().join("data");
        let mut process = ProcessBuilder::new("prometheus", prometheus("prometheus").unwrap())
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", data.display()))
            .arg(format!("--web.listen-address={addr}"))
            .current_dir(folder.path())
            .remove_if_orphaned(folder.path())
            .spawn()
            .unwrap();
        process.until_accepts(addr, LONG).await.unwrap();
        let http = reqwest::Client::builder().no_proxy().timeout(LONG).build().unwrap();
        Self { process, addr, http, _folder: folder }
    }

    /// Whether a query has a sample that is a number.
    pub(crate) async fn has_data(&self, query: &str) -> bool {
        let answer = self.get("/api/v1/query", &[("query", query)]).await;
        let samples = answer["data"]["result"].as_array();
        let samples = samples.unwrap_or_else(|| panic!("{query}: {answer}"));
        let is_number = |sample: &Value| {
            let value = sample["value"][1].as_str().and_then(|value| value.parse::<f64>().ok());
            value.is_some_and(f64::is_finite)
        };
        samples.iter().any(is_number)
    }

    /// The number of a query with one sample; `None` if it has none.
    pub(crate) async fn value(&self, query: &str) -> Option<f64> {
        let answer = self.get("/api/v1/query", &[("query", query)]).await;
        let samples = answer["data"]["result"].as_array();
        let samples = samples.unwrap_or_else(|| panic!("{query}: {answer}"));
        assert!(samples.len() <= 1, "{query}: {answer}");
        samples.first()?["value"][1].as_str()?.parse().ok()
    }

    /// Every rule is evaluated without an error.
    pub(crate) async fn check_rules(&self) {
        let answer = self.get("/api/v1/rules", &[]).await;
        let groups = answer["data"]["groups"].as_array().unwrap();
        let rules: Vec<&Value> =
            groups.iter().flat_map(|group| group["rules"].as_array().unwrap()).collect();
        assert!(rules.len() > 30, "{answer}");
        for rule in rules {
            assert_eq!(rule["health"], "ok", "{rule}");
        }
    }

    async fn get(&self, path: &str, query: &[(&str, &str)]) -> Value {
        let request = self.http.get(format!("http://{}{path}", self.addr)).query(query);
        request.send().await.unwrap().json().await.unwrap()
    }

    pub(crate) async fn stop(mut self) {
        let status = self.process.terminate(LONG).await.unwrap();
        assert!(status.success(), "{status}: {}", self.process.log_tail());
    }
}

/// The example of `deploy/` with what an operator changes, and a scrape each second.
fn with_addresses(producers: &[SocketAddr], consumers: &[SocketAddr]) -> String {
    let quoted = |addrs: &[SocketAddr]| {
        addrs.iter().map(|addr| format!("\"{addr}\"")).collect::<Vec<_>>().join(", ")
    };
    let replaced = [
        ("scrape_interval: 15s", "scrape_interval: 1s".to_owned()),
        ("evaluation_interval: 15s", "evaluation_interval: 1s".to_owned()),
        ("[\"127.0.0.1:3000\"]", format!("[{}]", quoted(producers))),
        ("[\"127.0.0.1:5000\"]", format!("[{}]", quoted(consumers))),
    ];
    let mut config = file("deploy/prometheus/prometheus.yml");
    for (from, to) in replaced {
        assert_eq!(config.matches(from).count(), 1, "{from} in {config}");
        config = config.replace(from, &to);
    }
    config
}
