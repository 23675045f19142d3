//! Consumers that follow the lag, by the query and the rules of `deploy/kubernetes/keda`: the real
//! group, a real Prometheus with the recording rules, and a stand-in for KEDA and Kubernetes, which
//! starts and stops processes.

/// The stand-in.
mod autoscaler;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use linkrelay_fake_youtube::Failure;
use linkrelay_testkit::site;
use linkrelay_testkit::wait::{SHORT, ok_if, wait_for};
use serde_json::json;

use self::autoscaler::Autoscaler;
use crate::helpers::{VERY_LONG, binary, links, until};
use crate::prometheus::server::Prometheus;
use crate::role::Role;
use crate::site::Site;

const SCALED_OBJECT: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../deploy/kubernetes/keda/scale-by-prometheus.yaml"
));
/// A minute of Kubernetes is four seconds here.
const SHORTER: u32 = 15;
/// What a consumer does in four seconds with 8 links in flight and 200 ms for each.
const RECORDS_PER_CONSUMER: &str = "160";
const LATENCY: Duration = Duration::from_millis(200);
/// Each takes three consumers 17 s, and a lag is seen by the query some seconds after it is there.
const WAVES: [usize; 2] = [2_000, 2_000];
const LINKS_PER_REQUEST: usize = 500;

/// Consumers of which the first `running` run.
struct Consumers {
    all: Vec<site::Role>,
    running: usize,
}

impl Consumers {
    fn new(site: &Site, count: usize) -> Self {
        let settings = [("MAX_IN_FLIGHT", "8"), ("CONCURRENCY_PER_PARTITION", "8")];
        let consumer = || {
            let role = site::Role::new("consumer", binary("linkrelay-consumer")).unwrap();
            role.envs(site.env()).envs(settings)
        };
        Self { all: std::iter::repeat_with(consumer).take(count).collect(), running: 0 }
    }

    fn addrs(&self) -> Vec<SocketAddr> {
        self.all.iter().map(site::Role::addr).collect()
    }

    /// Starts or stops the last ones, as Kubernetes does.
    async fn scale_to(&mut self, wanted: usize) {
        while self.running < wanted {
            self.all[self.running].start().unwrap();
            self.running += 1;
        }
        while self.running > wanted {
            self.running -= 1;
            self.all[self.running].stop().await.unwrap();
        }
    }
}

/// The group of one test, while it is scaled.
struct Scaled {
    site: Site,
    producer: Role,
    prometheus: Prometheus,
    consumers: Consumers,
    autoscaler: Autoscaler,
    begun: Instant,
    submitted: usize,
    repeated: u64,
    largest: usize,
}

impl Scaled {
    async fn start() -> Self {
        let site = Site::slow(LATENCY).await;
        let yaml = SCALED_OBJECT.replace("/ 3000 ", &format!("/ {RECORDS_PER_CONSUMER} "));
        assert_ne!(yaml, SCALED_OBJECT);
        let autoscaler = Autoscaler::new(&yaml, SHORTER);
        let mut consumers = Consumers::new(&site, autoscaler.max);
        let producer = site.ready_producer(&[]).await;
        let prometheus = Prometheus::scraping(&[producer.addr()], &consumers.addrs()).await;
        consumers.scale_to(1).await;
        let begun = Instant::now();
        let (submitted, repeated, largest) = (0, 0, 1);
        Self {
            site,
            producer,
            prometheus,
            consumers,
            autoscaler,
            begun,
            submitted,
            repeated,
            largest,
        }
    }

    async fn submit(&mut self, count: usize) {
        for batch in links(self.submitted..self.submitted + count).chunks(LINKS_PER_REQUEST) {
            self.producer.post_valid(&json!(batch)).await;
        }
        self.submitted += count;
        println!("{count} links are submitted at {:.0?}", self.begun.elapsed());
    }

    /// One decision of the autoscaler.
    async fn step(&mut self) {
        let value = self.prometheus.value(&self.autoscaler.query).await;
        let before = self.consumers.running;
        let wanted = self.autoscaler.decide(Instant::now(), before, value);
        if wanted == before {
            return;
        }
        println!(
            "{:>5.0?} {before} -> {wanted} consumers; the query says {:.2}; links repeated since \
             the last step: {}",
            self.begun.elapsed(),
            value.unwrap_or(f64::NAN),
            self.repeated_since(),
        );
        assert_eq!(before.abs_diff(wanted), 1, "one at a time");
        self.consumers.scale_to(wanted).await;
        self.largest = self.largest.max(wanted);
    }

    /// Decides again and again until there are as many consumers as `done` asks for.
    async fn step_until(&mut self, what: &str, done: impl Fn(usize) -> bool) {
        wait_for(what, VERY_LONG, SHORT * 10, async || {
            self.step().await;
            let running = self.consumers.running;
            if done(running) { Ok(()) } else { Err(format!("{running} consumers")) }
        })
        .await
        .unwrap();
    }

    async fn stop(mut self) {
        self.consumers.scale_to(0).await;
        self.prometheus.stop().await;
        self.producer.stop().await;
    }

    /// Links for which YouTube was asked again since the last call.
    fn repeated_since(&mut self) -> u64 {
        let hits = self.site.fake.hits();
        let repeated = hits.by_video.values().map(|asked| asked.saturating_sub(1)).sum();
        repeated - std::mem::replace(&mut self.repeated, repeated)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn consumers_follow_a_lag_that_comes_and_goes() {
    let mut scaled = Scaled::start().await;
    scaled.submit(WAVES[0]).await;
    scaled.step_until("most of the consumers", |running| running >= 5).await;
    scaled.step_until("fewer consumers, once the lag is gone", |running| running <= 3).await;
    let largest = scaled.largest;
    scaled.submit(WAVES[1]).await;
    scaled.step_until("more consumers again", |running| running >= 4).await;
    scaled.step_until("one consumer", |running| running == 1).await;
    scaled.site.until_lag_is_zero().await;
    let last = scaled.repeated_since();
    let (submitted, repeated) = (scaled.submitted, scaled.repeated);
    let documents = scaled.site.texts("link").await;
    let distinct: std::collections::BTreeSet<&String> = documents.iter().collect();
    let (lost, doubled) =
        (submitted - distinct.len().min(submitted), documents.len() - distinct.len());
    println!(
        "{submitted} links, at most {largest} consumers: {lost} lost, {doubled} doubled, {repeated} \
         repeated, of them {last} after the last step; {:.0?}",
        scaled.begun.elapsed()
    );
    assert_eq!((documents.len(), lost, doubled), (submitted, 0, 0));
    assert_eq!(scaled.site.fake.hits().by_video.len(), submitted, "every request was counted");
    assert_eq!(scaled.site.dead_letters().await.len(), 0);
    assert!(repeated * 20 < submitted as u64, "{repeated} of {submitted} links were repeated");
    scaled.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_consumer_is_added_while_youtube_throttles() {
    let mut scaled = Scaled::start().await;
    scaled.site.fake.set_failure_of_all(Some(Failure::BotCheck));
    scaled.submit(LINKS_PER_REQUEST).await;
    let wanted = format!("linkrelay:incomplete_records:sum / {RECORDS_PER_CONSUMER}");
    for (what, query, least) in [
        ("the cool-down in Prometheus", "linkrelay:extraction_held:max2m", 1.0),
        ("records for more consumers", wanted.as_str(), 3.0),
    ] {
        until(what, async || {
            let value = scaled.prometheus.value(query).await;
            ok_if(value.is_some_and(|value| value >= least), format!("{value:?}"))
        })
        .await;
    }
    for _ in 0..20 {
        scaled.step().await;
        assert_eq!(scaled.consumers.running, 1);
    }
    scaled.stop().await;
}
