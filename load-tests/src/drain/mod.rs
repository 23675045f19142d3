//! How fast the consumer core drains a topic: real broker, six partitions, 64 links in flight,
//! an extractor that only takes time. Against what 64 in flight could do at best.
//!
//! A run is measured from the beginning of its first extraction to the acknowledgement of its
//! last document by the store. Joining the group and the first fetch come before it, the last
//! commit after it; both are shown. The first and the last 64 links, when less than 64 are in
//! flight, are in it.

mod bare;
mod run;
pub mod timer;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use linkrelay_store::LinkStore;
use linkrelay_testkit::kafka::KafkaBroker;
use linkrelay_testkit::mongo::MongoServer;
use mongodb::bson::RawDocumentBuf;
use serde_json::{Value, json};

use crate::BenchSettings;
use crate::kafka::{RelaySettings, bare_read, preloaded_topic};
use crate::machine::LoadMeter;
use crate::measurement::{Measurement, Round, Target};
use crate::store::{self, MongoSide};
use run::{Drained, drain};
use timer::Timer;

/// MAX_IN_FLIGHT, and as many a partition.
const IN_FLIGHT: usize = 64;

/// How an extraction's time passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Latency {
    None,
    Tokio(Duration),
    Exact(Duration),
}

#[derive(Debug, Clone, Copy)]
struct Case {
    latency: Latency,
    is_store_real: bool,
    links_count: usize,
}

/// So many links that a case takes about ten seconds.
fn cases() -> Vec<Case> {
    let (long, short) = (Duration::from_millis(50), Duration::from_millis(5));
    let case = |latency, is_store_real, links_count| Case { latency, is_store_real, links_count };
    vec![
        case(Latency::Tokio(long), false, 12_800),
        case(Latency::Tokio(short), false, 102_400),
        case(Latency::Exact(short), false, 102_400),
        case(Latency::None, false, 1_000_000),
        case(Latency::Tokio(long), true, 12_800),
        case(Latency::Tokio(short), true, 40_000),
        case(Latency::None, true, 40_000),
    ]
}

impl Case {
    fn name(self) -> String {
        let latency = match self.latency {
            Latency::None => "at 0 ms".to_owned(),
            Latency::Tokio(latency) => format!("at {} ms", latency.as_millis()),
            Latency::Exact(latency) => format!("at {} ms by an exact timer", latency.as_millis()),
        };
        let store = if self.is_store_real { "MongoDB wire" } else { "store at once" };
        format!("{latency}, {store}")
    }

    fn timer(self) -> Result<Timer> {
        match self.latency {
            Latency::None => Ok(Timer::None),
            Latency::Tokio(latency) => Ok(Timer::Tokio(latency)),
            Latency::Exact(latency) => Timer::exact(latency),
        }
    }

    fn target(self) -> Target {
        match self.latency {
            _ if self.is_store_real => Target::Ratio(0.95),
            Latency::None => Target::AtLeast(100_000.0),
            Latency::Tokio(latency) | Latency::Exact(latency) if latency.as_millis() >= 50 => {
                Target::Ratio(0.98)
            }
            Latency::Tokio(_) | Latency::Exact(_) => Target::Ratio(0.95),
        }
    }

    fn baseline_is(self) -> &'static str {
        match self.latency {
            Latency::None if self.is_store_real => "bare insert_many loop",
            Latency::None => "bare BaseConsumer that only reads",
            _ if self.is_store_real => {
                "the smaller of 64 bare sleepers and a bare insert_many loop"
            }
            _ => "64 tasks that only sleep, by the same timer",
        }
    }
}

/// Runs every case.
///
/// # Errors
/// If a server does not start, or a run does not end.
pub async fn run(settings: &BenchSettings) -> Result<()> {
    let cases: Vec<Case> =
        cases().into_iter().filter(|case| settings.wants(&case.name())).collect();
    let mut bench = Bench::start(settings, cases.iter().any(|case| case.is_store_real)).await?;
    for case in cases {
        let case = Case { links_count: settings.scaled(case.links_count), ..case };
        let mut rounds = Vec::new();
        for _ in 0..settings.rounds() {
            rounds.push(bench.round(case).await?);
        }
        settings.report(&Measurement {
            benchmark: "drain",
            case: case.name(),
            unit: "links/s",
            baseline_is: case.baseline_is(),
            target: Some(case.target()),
            rounds,
        })?;
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
    /// What the bare loop writes: documents as our own store has written them.
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

    async fn round(&mut self, case: Case) -> Result<Round> {
        let relay = self.relay_settings(case.links_count).await?;
        let timer = case.timer()?;
        let mongo = self.mongo.as_ref().filter(|_| case.is_store_real);
        let sleepers = if timer.is_none() {
            None
        } else {
            Some(bare::sleeps_per_second(&timer, IN_FLIGHT, case.links_count / 2).await)
        };
        let other_side = match mongo {
            Some(mongo) => {
                let inserts =
                    MongoSide::fresh(mongo.server.uri()).await?.bare(&mongo.documents).await?;
                Some(("bare_inserts_per_second", inserts))
            }
            None if timer.is_none() => {
                Some(("bare_reads_per_second", bare_read(&relay, case.links_count).await?))
            }
            None => None,
        };
        let side = match mongo {
            Some(mongo) => Some(MongoSide::fresh(mongo.server.uri()).await?),
            None => None,
        };
        let inner = side.as_ref().map(|side| Arc::clone(&side.store) as Arc<dyn LinkStore>);
        let meter = LoadMeter::start()?;
        let drained = drain(&self.broker, &relay, timer.clone(), inner, case.links_count).await?;
        let load = meter.load()?;
        if let Some(side) = side {
            side.drop().await?;
        }
        let baseline = [sleepers, other_side.map(|(_, rate)| rate)];
        let baseline = baseline.into_iter().flatten().reduce(f64::min);
        let mut details = drained.details(&timer);
        let own_seconds = load.own_cpus * load.seconds;
        details["own_cpu_us_per_link"] =
            json!(rounded(own_seconds * 1e6 / case.links_count as f64));
        if let Some((name, rate)) = other_side {
            details[name] = json!(rate.round());
        }
        if let Some(sleepers) = sleepers {
            details["bare_mean_sleep_ms"] = json!(rounded(IN_FLIGHT as f64 / sleepers * 1e3));
        }
        Ok(Round { ours: drained.links_per_second(), baseline, load, details })
    }

    /// For the next run on the topic with so many links.
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
