//! How fast the consumer core drains a topic: a real broker, six partitions, 64 links in flight,
//! and an extractor that only takes time. Compared with what 64 in flight could do at best.
//!
//! A run is measured from the beginning of its first extraction to the store's acknowledgement of
//! its last document. Joining the group and the first fetch come before it, the last commit after
//! it; both are shown. The first and last 64 links, with less than 64 in flight, are counted.

pub(crate) mod run;
pub(crate) mod timer;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use linkrelay_store::LinkStore;
use linkrelay_testkit::kafka::KafkaBroker;
use linkrelay_testkit::mongo::MongoServer;
use mongodb::bson::RawDocumentBuf;
use serde_json::{Value, json};

use crate::bench::settings::BenchSettings;
use crate::kafka::{RelaySettings, bare_read, preloaded_topic};
use crate::machine::LoadMeter;
use crate::measurement::{Measurement, Round, Target};
use crate::store::{self, MongoSide};
use run::{Drained, drain};
use timer::{Slack, Timer};

/// MAX_IN_FLIGHT, and equally many a partition.
const IN_FLIGHT: usize = 64;

#[derive(Debug)]
struct DrainCase {
    timer: Timer,
    is_store_real: bool,
    /// Enough for about ten seconds.
    links_count: usize,
}

fn cases() -> Result<Vec<DrainCase>> {
    let (long, short) = (Duration::from_millis(50), Duration::from_millis(5));
    let case = |timer, is_store_real, links_count| DrainCase { timer, is_store_real, links_count };
    Ok(vec![
        case(Timer::Tokio(long), false, 12_800),
        case(Timer::exact(long, Slack::Least)?, false, 12_800),
        case(Timer::Tokio(short), false, 102_400),
        case(Timer::exact(short, Slack::Least)?, false, 102_400),
        case(Timer::None, false, 1_000_000),
        case(Timer::Tokio(long), true, 12_800),
        case(Timer::Tokio(short), true, 40_000),
        case(Timer::None, true, 40_000),
    ])
}

impl DrainCase {
    fn name(&self) -> String {
        let latency_ms = self.timer.nominal().as_millis();
        let exact = if matches!(self.timer, Timer::Exact(_)) { " by an exact timer" } else { "" };
        let store = if self.is_store_real { "MongoDB wire" } else { "store at once" };
        format!("at {latency_ms} ms{exact}, {store}")
    }

    fn target(&self) -> Target {
        match self.timer.nominal().as_millis() {
            _ if self.is_store_real => Target::Ratio(0.95),
            0 => Target::AtLeast(100_000.0),
            1..50 => Target::Ratio(0.95),
            _ => Target::Ratio(0.98),
        }
    }

    /// Returns the same rounds against 64 / latency, which only an exact timer can reach.
    fn of_nominal(&self, mut measured: Measurement) -> Option<Measurement> {
        let Timer::Exact(_) = self.timer else { return None };
        let nominal = IN_FLIGHT as f64 / self.timer.nominal().as_secs_f64();
        measured.rounds.iter_mut().for_each(|round| round.baseline = Some(nominal));
        let is_long = self.timer.nominal() >= Duration::from_millis(50);
        let target = Some(Target::Ratio(if is_long { 0.99 } else { 0.97 }));
        let case = format!("{}, of nominal", measured.case);
        Some(Measurement { case, baseline_is: "64 in flight / latency", target, ..measured })
    }

    fn baseline_is(&self) -> &'static str {
        match (self.timer.is_none(), self.is_store_real) {
            (true, true) => "bare insert_many loop",
            (true, false) => "bare BaseConsumer that only reads",
            (false, true) => "the smaller of 64 bare sleepers and a bare insert_many loop",
            (false, false) => "64 tasks that only sleep, by the same timer",
        }
    }
}

pub(crate) async fn run(settings: &BenchSettings) -> Result<()> {
    let mut cases = cases()?;
    cases.retain(|case| settings.includes(&case.name()));
    let mut bench = Bench::start(settings, cases.iter().any(|case| case.is_store_real)).await?;
    for case in cases {
        let case = DrainCase { links_count: settings.scaled(case.links_count), ..case };
        let rounds = settings.rounds(async |_| bench.round(&case).await).await?;
        let measured = Measurement {
            benchmark: "drain",
            case: case.name(),
            unit: "links/s",
            baseline_is: case.baseline_is(),
            target: Some(case.target()),
            rounds,
        };
        settings.report(&measured)?;
        if let Some(measured) = case.of_nominal(measured) {
            settings.report(&measured)?;
        }
    }
    Ok(())
}

/// What all cases share.
struct Bench {
    broker: KafkaBroker,
    mongo: Option<RealStore>,
    /// By the number of links in them; each run reads as a group of its own.
    topics: BTreeMap<usize, String>,
    groups_count: usize,
}

struct RealStore {
    server: &'static MongoServer,
    /// What the bare loop writes: documents as linkrelay's store has written them.
    documents: Vec<RawDocumentBuf>,
}

impl Bench {
    async fn start(settings: &BenchSettings, is_store_real: bool) -> Result<Self> {
        let broker = KafkaBroker::start().await?;
        let mongo = if is_store_real {
            let server = MongoServer::shared().await?;
            let documents = store::raw_documents(server.uri(), settings.scaled(20_000)).await?;
            Some(RealStore { server, documents })
        } else {
            None
        };
        Ok(Self { broker, mongo, topics: BTreeMap::new(), groups_count: 0 })
    }

    async fn round(&mut self, case: &DrainCase) -> Result<Round> {
        let relay = self.relay_settings(case.links_count).await?;
        let mongo = self.mongo.as_ref().filter(|_| case.is_store_real);
        let timer = &case.timer;
        let sleepers = if timer.is_none() {
            None
        } else {
            Some(timer.sleeps_per_second(IN_FLIGHT, case.links_count / 2).await)
        };
        let (mut side, mut bare) = (None, None);
        if let Some(RealStore { server, documents }) = mongo {
            let inserts = MongoSide::fresh(server.uri()).await?.bare(documents).await?;
            bare = Some(("bare_inserts_per_second", inserts));
            side = Some(MongoSide::fresh(server.uri()).await?);
        } else if timer.is_none() {
            bare = Some(("bare_reads_per_second", bare_read(&relay, case.links_count).await?));
        }
        let inner = side.as_ref().map(|side| Arc::clone(&side.store) as Arc<dyn LinkStore>);
        let meter = LoadMeter::start()?;
        let drained = drain(&self.broker, &relay, timer.clone(), inner, case.links_count).await?;
        let load = meter.load()?;
        if let Some(side) = side {
            side.drop().await?;
        }
        let baseline = [sleepers, bare.map(|(_, rate)| rate)];
        let baseline = baseline.into_iter().flatten().reduce(f64::min);
        let mut details = drained.details(timer);
        let own_us = load.own_cpus * load.seconds * 1e6;
        details["own_cpu_us_per_link"] = json!(rounded(own_us / case.links_count as f64));
        if let Some((name, rate)) = bare {
            details[name] = json!(rate.round());
        }
        if let Some(sleepers) = sleepers {
            details["bare_mean_sleep_ms"] = json!(rounded(IN_FLIGHT as f64 / sleepers * 1e3));
        }
        Ok(Round { ours: drained.links_per_second(), baseline, load, details })
    }

    /// Returns the settings of the next run on the topic with this number of links.
    async fn relay_settings(&mut self, links_count: usize) -> Result<RelaySettings> {
        if !self.topics.contains_key(&links_count) {
            let topic = preloaded_topic(&self.broker, links_count).await?;
            self.topics.insert(links_count, topic);
        }
        self.groups_count += 1;
        let (group, in_flight) = (format!("bench-{}", self.groups_count), IN_FLIGHT.to_string());
        let over = [
            "--kafka-group-id",
            &group,
            "--max-in-flight",
            &in_flight,
            "--concurrency-per-partition",
            &in_flight,
        ];
        RelaySettings::new(&self.broker, &self.topics[&links_count], &over)
    }
}

impl Drained {
    fn details(&self, timer: &Timer) -> Value {
        let mut details = json!({
            "links": self.links_count,
            "seconds": rounded(self.took.as_secs_f64()),
            "until_first_extraction_seconds": rounded(self.until_first.as_secs_f64()),
            "until_all_committed_seconds": rounded(self.until_committed.as_secs_f64()),
            "mean_batch": self.mean_batch.round(),
        });
        if !timer.is_none() {
            let nominal = IN_FLIGHT as f64 / timer.nominal().as_secs_f64();
            details["mean_sleep_ms"] = json!(rounded(self.mean_sleep.as_secs_f64() * 1e3));
            details["of_nominal"] = json!(rounded(self.links_per_second() / nominal));
        }
        details
    }
}

fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}
