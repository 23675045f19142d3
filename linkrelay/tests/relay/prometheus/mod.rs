//! `deploy/prometheus`, `deploy/grafana` and docs/METRICS.md, with Debian's Prometheus and the
//! roles at work.

/// The dashboards of `deploy/grafana`.
mod dashboards;
/// The table of docs/METRICS.md.
mod documented;
/// The rules of `deploy/prometheus`.
mod rules;
/// Prometheus, and what it answers.
pub(crate) mod server;

use std::path::PathBuf;
use std::time::Duration;

use linkrelay_fake_youtube::Failure;
use linkrelay_testkit::forward::{ForwardProxy, ForwardSettings};
use linkrelay_testkit::wait::{SHORT, ok_if, wait_for};
use serde_json::json;

use crate::helpers::{VERY_LONG, link, links, video_id};
use crate::role::{Path, Role, stop, up};
use crate::site::{Site, youtube};
use server::Prometheus;

/// Lets the consumer count requests by client.
const KEY: &str = "a-key-of-the-producer";
/// Videos that YouTube does not show, and that it fails to show.
const PRIVATE: usize = 900_000;
const BROKEN: usize = 900_001;
/// The links of a round of load.
const ROUND: usize = 20;

fn file(path: &str) -> String {
    std::fs::read_to_string(workspace(path)).unwrap()
}

fn workspace(path: &str) -> PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(path)
}

/// A producer, a consumer and the embedded mode.
struct Roles {
    site: Site,
    producer: Role,
    consumer: Role,
    relay: Role,
    rounds: usize,
}

impl Roles {
    /// Starts them.
    async fn start(data: &std::path::Path, youtube: &[(&str, String)]) -> Self {
        let site = Site::new().await;
        site.fake.set_failure(&video_id(PRIVATE), Some(Failure::Private));
        site.fake.set_failure(&video_id(BROKEN), Some(Failure::ServerError));
        let of_producer = [("EXPAND_LISTS", "true"), ("EXTRACTOR_API_KEY", KEY)];
        let of_consumer = [
            ("YOUTUBE_API_KEY", "a-key"),
            ("LINKRELAY_API_KEYS", KEY),
            ("MAX_ATTEMPTS", "2"),
            ("REUSE_WITHIN", "1h"),
        ];
        let (producer, consumer) = site.roles_of_both_paths(&of_producer, &of_consumer).await;
        let relay = up(data, &[], youtube).ready().await;
        Self { site, producer, consumer, relay, rounds: 0 }
    }

    /// Submits links of every kind on both paths.
    async fn work(&mut self) {
        let first = self.rounds * ROUND;
        self.rounds += 1;
        for role in [&self.producer, &self.relay] {
            role.post_valid(&json!(links(first..first + ROUND))).await;
            // The same ones again have other answers: of the cache, or 503 where all slots are taken.
            let (status, answer) = role.post_to(Path::Waiting, &json!([link(first)])).await;
            assert!(matches!(status, 201 | 503), "{status} {answer}");
        }
        let list = format!("https://www.youtube.com/playlist?list=PLround-{}_5", self.rounds);
        let odd = json!([link(PRIVATE), link(BROKEN), list, "not a link"]);
        let (status, answer) = self.producer.post(&odd).await;
        assert_eq!(status, 207, "{answer}");
        self.producer.get("/export").await;
        self.producer.get("/no-such-page").await;
    }

    async fn stop(self) {
        stop([self.producer, self.consumer, self.relay]).await;
        drop(self.site);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_panel_and_rule_has_data_and_every_metric_is_documented() {
    let data = tempfile::tempdir().unwrap();
    let (fake, env) = youtube(Duration::ZERO).await;
    // Proxies have a gauge of their own.
    let proxy = ForwardSettings { to: Some(fake.addr()), ..ForwardSettings::default() };
    let proxies = [proxy.clone(), proxy].map(ForwardProxy::start);
    let proxies = futures::future::try_join_all(proxies).await.unwrap();
    let urls: Vec<_> = proxies.iter().map(|proxy| format!("http://{}", proxy.addr())).collect();
    let env = [&env[..], &[("PROXY_URLS", urls.join(","))]].concat();
    let mut roles = Roles::start(data.path(), &env).await;
    let of_producers = [roles.producer.addr(), roles.relay.addr()];
    let prometheus = Prometheus::scraping(&of_producers, &[roles.consumer.addr()]).await;
    let queries: Vec<_> = dashboards::queries().into_iter().chain(rules::recorded()).collect();
    assert!(queries.len() > 60, "{} queries", queries.len());
    // A rate needs two samples between which something was counted, so links keep coming.
    wait_for("data for every query", VERY_LONG, SHORT * 5, async || {
        roles.work().await;
        let mut empty = Vec::new();
        for (name, query) in &queries {
            if !prometheus.has_data(query).await {
                empty.push(format!("{name}: {query}"));
            }
        }
        ok_if(empty.is_empty(), empty.join("\n"))
    })
    .await
    .unwrap();
    prometheus.check_rules().await;
    // Opened, so that they are counted; a stream of a request that no client has sent stays open.
    let pending = "/links/0193e3a4-0000-7000-8000-000000000000-3/events";
    let stream = reqwest::get(roles.producer.url() + pending).await.unwrap();
    let shown =
        [&roles.producer, &roles.consumer, &roles.relay].map(async |role| role.metrics().await);
    documented::check(&futures::future::join_all(shown).await);
    drop(stream);
    prometheus.stop().await;
    roles.stop().await;
}
