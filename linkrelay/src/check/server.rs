//! The addresses of linkrelay's own servers, which must be free or answered by linkrelay, and the
//! metrics that a running consumer has of its strategies.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::time::Duration;

use linkrelay_common::metrics;
use linkrelay_http::MetricsSettings;
use linkrelay_http::keys::{Access, KeySettings};
use linkrelay_producer::ApiSettings;
use serde::Deserialize;
use url::Url;

use super::probe::{Finding, Probe, ProbeResult};

const ANSWER_LIMIT: Duration = Duration::from_secs(5);
const API_TAKEN: &str = "stop it, or set HTTP_ADDR";
const NOT_THERE: &str = "start a consumer there, or set EXTRACTOR_URL";
const CONSUMER_TAKEN: &str = "stop it, or set EXTRACTOR_ADDR";

/// The answer of `/health/ready`.
#[derive(Debug, Deserialize)]
struct Readiness {
    ready: bool,
    #[serde(default)]
    parts: BTreeMap<String, String>,
}

pub(super) fn parts(
    api: &ApiSettings,
    consumer: SocketAddr,
    metrics: &MetricsSettings,
) -> Vec<Probe> {
    let metrics_addr = metrics.metrics_addr.unwrap_or(consumer);
    let mut parts = vec![
        Probe::new("api", API_TAKEN, address(api.http_addr, API_TAKEN)),
        Probe::new("consumer", CONSUMER_TAKEN, address(consumer, CONSUMER_TAKEN)),
        Probe::optional("breakers", "", breakers(metrics_addr)),
    ];
    // Without a URL, `up` uses its own extractor server.
    if let Some(url) = &api.extractor_url {
        parts.push(Probe::new("extractor server", NOT_THERE, extractor_server(url.clone())));
    }
    parts
}

/// Whether clients need keys. A server that would not start is only a warning, because a consumer
/// of its own starts without keys.
pub(super) fn keys(settings: &KeySettings, addr: SocketAddr) -> Probe {
    match settings.access_needed_at("HTTP_ADDR", addr) {
        Ok(Access::Keys(_)) => Probe::fine("keys", "clients need one"),
        Ok(Access::Everyone) => {
            Probe::fine("keys", "none: everyone who reaches the address is served")
        }
        Err(error) if error.setting == "HTTP_ADDR" => {
            Probe::wrong("keys", Finding::warning(error, ""))
        }
        Err(error) => Probe::wrong("keys", Finding::new(error, "`up` would not start")),
    }
}

/// Succeeds if linkrelay answers there; whether it is ready is checked where it runs.
async fn extractor_server(url: Url) -> ProbeResult {
    let ready = format!("{}/health/ready", url.as_str().trim_end_matches('/'));
    let response = client()?.get(ready).send().await;
    let response = response.map_err(|error| Finding::new(error.without_url(), NOT_THERE))?;
    match response.json::<Readiness>().await {
        Ok(_) => Ok("linkrelay answers at EXTRACTOR_URL".to_owned()),
        Err(_) => Err(Finding::new("another program answers at EXTRACTOR_URL", NOT_THERE)),
    }
}

/// Succeeds if linkrelay answers there and is ready, or if a server could listen there.
async fn address(addr: SocketAddr, fix: &'static str) -> ProbeResult {
    if addr.port() == 0 {
        return Ok("will take a free port".to_owned());
    }
    let url = url_here(addr, "/health/ready");
    let response = match client()?.get(&url).send().await {
        Ok(response) => response,
        Err(error) if error.is_connect() => return free(addr, fix),
        Err(_) => return Err(taken(addr, fix)),
    };
    match response.json::<Readiness>().await {
        Ok(Readiness { ready: true, .. }) => Ok(format!("linkrelay answers at {addr}, ready")),
        Ok(Readiness { parts, .. }) => {
            let ill = parts.into_iter().filter(|(_, status)| status != "ok");
            let ill: Vec<String> = ill.map(|(part, status)| format!("{part}: {status}")).collect();
            let problem = format!("linkrelay answers at {addr}, not ready: {}", ill.join(", "));
            Err(Finding::new(problem, "its log says more; see docs/OPERATIONS.md"))
        }
        Err(_) => Err(taken(addr, fix)),
    }
}

fn free(addr: SocketAddr, fix: &str) -> ProbeResult {
    match TcpListener::bind(addr) {
        Ok(_) => Ok(format!("{addr} is free")),
        Err(error) => Err(Finding::new(format!("{addr} cannot be used: {error}"), fix)),
    }
}

fn taken(addr: SocketAddr, fix: &str) -> Finding {
    Finding::new(format!("another program answers at {addr}"), fix)
}

/// Returns nothing if no consumer answers, or one without these metrics.
async fn breakers(metrics_addr: SocketAddr) -> Option<ProbeResult> {
    let response = client().ok()?.get(url_here(metrics_addr, "/metrics")).send().await.ok()?;
    breaker_result(&response.text().await.ok()?)
}

fn breaker_result(metrics_text: &str) -> Option<ProbeResult> {
    let prefix = format!("{}{{strategy=\"", metrics::STRATEGY_BREAKER);
    let strategies: Vec<(&str, &str)> = metrics_text
        .lines()
        .filter_map(|line| line.strip_prefix(&prefix)?.split_once("\"} "))
        .collect();
    if strategies.is_empty() {
        return None;
    }
    let is_held = metrics_text.lines().any(|line| line == format!("{} 1", metrics::BREAKER_OPEN));
    if is_held {
        let problem = "most links fail, so the running consumer holds them";
        return Some(Err(Finding::new(problem, "see \"Most links fail\" in docs/OPERATIONS.md")));
    }
    let not_closed = strategies.iter().filter(|(_, state)| *state != "0");
    let not_closed: Vec<&str> = not_closed.map(|(strategy, _)| *strategy).collect();
    Some(if not_closed.is_empty() {
        Ok(format!("all {} strategies of the running consumer are asked", strategies.len()))
    } else {
        Err(Finding::new(
            format!("{} fails where others succeed, and is skipped", not_closed.join(", ")),
            "links continue without it; try another order of EXTRACTORS, and a newer linkrelay",
        ))
    })
}

fn client() -> Result<reqwest::Client, Finding> {
    let client = reqwest::Client::builder().no_proxy().timeout(ANSWER_LIMIT).build();
    client.map_err(|error| Finding::new(error, ""))
}

/// Returns the URL of a server; one that listens on all addresses is asked on this machine.
pub(crate) fn url_here(addr: SocketAddr, path: &str) -> String {
    let ip = match addr.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
    };
    format!("http://{}{path}", SocketAddr::new(ip, addr.port()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn breakers_are_read_from_metrics() {
        let state = |oembed: u8| {
            format!(
                "# HELP linkrelay_strategy_breaker_state x\n\
                 linkrelay_strategy_breaker_state{{strategy=\"watch_page\"}} 0\n\
                 linkrelay_strategy_breaker_state{{strategy=\"oembed\"}} {oembed}\n\
                 linkrelay_breaker_open 0\n"
            )
        };
        assert!(breaker_result(&state(0)).unwrap().is_ok());
        let problem = breaker_result(&state(2)).unwrap().unwrap_err().problem;
        assert!(problem.starts_with("oembed fails"), "{problem}");
        let held = state(0).replace("breaker_open 0", "breaker_open 1");
        assert!(breaker_result(&held).unwrap().is_err());
        assert_eq!(breaker_result("linkrelay_links_total 1\n"), None);
    }

    #[test]
    fn a_server_that_listens_on_all_addresses_is_asked_on_this_machine() {
        for (addr, expected) in [
            ("0.0.0.0:3000", "http://127.0.0.1:3000/x"),
            ("[::]:3000", "http://[::1]:3000/x"),
            ("10.0.0.7:3000", "http://10.0.0.7:3000/x"),
        ] {
            assert_eq!(url_here(addr.parse().unwrap(), "/x"), expected);
        }
    }
}
