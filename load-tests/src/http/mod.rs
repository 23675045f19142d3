//! Acknowledged POSTs a second, one link each, over 64 connections that stay open: the producer
//! on a real broker, against an axum handler that parses the same body and answers.

pub mod client;
pub mod generator;
mod no_op;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use linkrelay_testkit::kafka::KafkaBroker;
use serde_json::json;

use crate::BenchSettings;
use crate::doubles::CountingStore;
use crate::kafka::fresh_topic;
use crate::machine::LoadMeter;
use crate::measurement::{Measurement, Round, Target};
use crate::roles::start_producer;
use generator::{Generated, Generator};
use no_op::NoOpServer;

const CASES: [usize; 3] = [64, 256, 512];

/// Runs it.
///
/// # Errors
/// If a server does not start, or an answer is not 201.
pub async fn run(settings: &BenchSettings) -> Result<()> {
    let broker = KafkaBroker::start().await?;
    for connections in CASES {
        let case = format!("one link a request, {connections} connections");
        if settings.wants(&case) {
            run_case(&broker, settings, case, connections).await?;
        }
    }
    Ok(())
}

async fn run_case(
    broker: &KafkaBroker,
    settings: &BenchSettings,
    case: String,
    connections: usize,
) -> Result<()> {
    let mut rounds = Vec::new();
    for _ in 0..settings.rounds() {
        rounds.push(round(broker, settings, connections).await?);
    }
    settings.report(&Measurement {
        benchmark: "http",
        case,
        unit: "acknowledged POSTs/s",
        baseline_is: "axum no-op that parses the same body",
        target: Some(Target::Ratio(0.5)),
        rounds,
    })
}

async fn round(
    broker: &KafkaBroker,
    settings: &BenchSettings,
    connections: usize,
) -> Result<Round> {
    let generator = Generator {
        connections,
        links_per_request: 1,
        warm_up: warm_up(settings),
        duration: duration(settings),
    };
    let no_op = NoOpServer::start().await?;
    let baseline = generator.run(no_op.addr()).await?;
    no_op.stop().await?;
    let topic = fresh_topic(broker).await?;
    let store = Arc::new(CountingStore::at_once(u64::MAX));
    let (addr, producer) = start_producer(broker, &topic, store).await?;
    let meter = LoadMeter::start()?;
    let ours = generator.run(addr).await?;
    let load = meter.load()?;
    producer.stop().await?;
    check_arrived(broker, &topic, &ours).await?;
    let details = json!({ "ours": ours.latencies, "no_op": baseline.latencies });
    Ok(Round {
        ours: ours.requests_per_second(),
        baseline: Some(baseline.requests_per_second()),
        load,
        details,
    })
}

/// Every link that was answered 201 is in the topic.
///
/// # Errors
/// If there are less.
pub(crate) async fn check_arrived(
    broker: &KafkaBroker,
    topic: &str,
    generated: &Generated,
) -> Result<()> {
    let arrived: i64 = broker.end_offsets(topic).await?.values().sum();
    let acknowledged = i64::try_from(generated.links_acknowledged)?;
    anyhow::ensure!(arrived == acknowledged, "{arrived} arrived, {acknowledged} were acknowledged");
    Ok(())
}

pub(crate) fn warm_up(settings: &BenchSettings) -> Duration {
    Duration::from_millis(if settings.quick { 300 } else { 2_000 })
}

pub(crate) fn duration(settings: &BenchSettings) -> Duration {
    Duration::from_secs(if settings.quick { 1 } else { 8 })
}
