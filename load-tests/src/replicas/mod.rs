//! How links a second follow the number of consumer processes.
//!
//! A real broker, twelve partitions, 64 links in flight in each process, 50 ms a link, and a store
//! that acknowledges immediately; compared with what that many in flight could do at best.
//!
//! The rate is that of all processes together in the same seconds, after each of them has stored
//! something and the group has settled. Extractions take their time by the kernel's timer.

pub(crate) mod group;
mod handover;
mod worker;

use std::time::Duration;

use anyhow::{Result, ensure};
use futures::future::try_join_all;
use jiff::Timestamp;
use linkrelay_kafka::LinkRecord;
use linkrelay_testkit::kafka::KafkaBroker;
use linkrelay_testkit::tools::fresh_name;
use serde_json::json;

use crate::bench::settings::BenchSettings;
use crate::kafka::{dlq, link_record, write_records};
use crate::machine::LoadMeter;
use crate::measurement::{Measurement, Round, Target};
use group::{Group, Worker};

pub use worker::{Arguments, work};

const PARTITIONS: i32 = 12;
const LATENCY: Duration = Duration::from_millis(50);
const IN_FLIGHT: usize = 64;
const REPLICAS: [usize; 4] = [1, 2, 4, 6];
/// From the first link of the last process to the beginning of what is measured.
const SETTLING: Duration = Duration::from_secs(3);
const MEASURED: Duration = Duration::from_secs(10);
/// Enough for six processes for half a minute.
const LINKS: usize = 240_000;
/// In the skewed case, every third link names the same video.
const SKEW: usize = 3;

pub(crate) async fn run(settings: &BenchSettings) -> Result<()> {
    let broker = KafkaBroker::start().await?;
    for (case, record) in [("even", link_record as Make), ("a third of one video", skewed)] {
        if !REPLICAS.iter().any(|count| settings.includes(&name(*count, case))) {
            continue;
        }
        let topic = broker.fresh_topic("replicas", PARTITIONS).await?;
        broker.create_topic(&dlq(&topic), 1).await?;
        write_records(&broker, &topic, LINKS, record).await?;
        for count in REPLICAS.into_iter().filter(|count| settings.includes(&name(*count, case))) {
            let rounds = settings.rounds(async |_| round(&broker, &topic, count).await).await?;
            settings.report(&Measurement {
                benchmark: "replicas",
                case: name(count, case),
                unit: "links/s",
                baseline_is: "64 in flight in each process / 50 ms",
                target: (case == "even" && count <= 4).then_some(Target::Ratio(0.97)),
                rounds,
            })?;
        }
    }
    handover::run(settings, &broker).await
}

type Make = fn(usize) -> Result<LinkRecord>;

fn name(count: usize, case: &str) -> String {
    let processes = if count == 1 { "process" } else { "processes" };
    format!("{count} {processes}, {case}")
}

/// Makes every third link name the same video, so that all of these are in one partition.
fn skewed(number: usize) -> Result<LinkRecord> {
    link_record(if number.is_multiple_of(SKEW) { 0 } else { number })
}

async fn round(broker: &KafkaBroker, topic: &str, count: usize) -> Result<Round> {
    let group = group(broker, topic, "classic");
    let mut workers: Vec<Worker> = (0..count).map(|_| group.start()).collect::<Result<_>>()?;
    try_join_all(workers.iter_mut().map(Worker::until_first)).await?;
    tokio::time::sleep(SETTLING).await;
    let meter = LoadMeter::start()?;
    let begin_ms = Timestamp::now().as_millisecond();
    // A little longer, so that there is a report after the end.
    tokio::time::sleep(MEASURED + Duration::from_millis(500)).await;
    let load = meter.load()?;
    let end_ms = begin_ms + i64::try_from(MEASURED.as_millis())?;
    let mut of_each = Vec::new();
    let mut stored = 0;
    for worker in workers {
        of_each.push(worker.stored_between(begin_ms, end_ms)?);
        stored += worker.stored()?;
        worker.kill()?;
    }
    ensure!(stored < LINKS as u64, "the topic was drained before the measurement ended");
    let ours = of_each.iter().sum::<u64>() as f64 / MEASURED.as_secs_f64();
    let nominal = (IN_FLIGHT * count) as f64 / LATENCY.as_secs_f64();
    let details = json!({ "links_of_each": of_each, "seconds": MEASURED.as_secs() });
    Ok(Round { ours, baseline: Some(nominal), load, details })
}

fn group<'a>(broker: &'a KafkaBroker, topic: &'a str, protocol: &'static str) -> Group<'a> {
    Group {
        broker,
        topic,
        name: fresh_name("replicas"),
        protocol,
        latency: LATENCY,
        in_flight: IN_FLIGHT,
    }
}
