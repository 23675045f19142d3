//! Acknowledged POSTs a second, one link each, over 64 connections that stay open: the producer
//! on a real broker, against an axum handler that parses the same body and answers.

mod no_op;
mod turns;

use std::time::Duration;

use anyhow::Result;
use linkrelay_testkit::kafka::KafkaBroker;
use serde_json::json;

use crate::bench::settings::BenchSettings;
use crate::load::closed_loop::{ClosedLoop, Posted};
use crate::machine::{Load, LoadMeter};
use crate::measurement::{Measurement, Round, Target};
pub(crate) use turns::{Side, in_turns};

const CASES: [usize; 3] = [64, 256, 512];

pub(crate) async fn run(settings: &BenchSettings) -> Result<()> {
    let broker = KafkaBroker::start().await?;
    for connections in CASES {
        let case = format!("one link a request, {connections} connections");
        if !settings.includes(&case) {
            continue;
        }
        let closed_loop = closed_loop(settings, connections, 1);
        settings.report(&Measurement {
            benchmark: "http",
            case,
            unit: "acknowledged POSTs/s",
            baseline_is: "axum no-op that parses the same body",
            target: Some(Target::Ratio(0.5)),
            rounds: settings.rounds(async |_| round(&broker, closed_loop).await).await?,
        })?;
    }
    Ok(())
}

async fn round(broker: &KafkaBroker, closed_loop: ClosedLoop) -> Result<Round> {
    let (no_op_addr, no_op) = no_op::start().await?;
    let baseline = closed_loop.run(no_op_addr).await?;
    drop(no_op);
    let (ours, load) = post_to_producer(broker, closed_loop).await?;
    let details = json!({ "ours": ours.latencies, "no_op": baseline.latencies });
    Ok(Round {
        ours: ours.requests_per_second(),
        baseline: Some(baseline.requests_per_second()),
        load,
        details,
    })
}

/// Returns the load of a benchmark with this number of connections.
pub(crate) fn closed_loop(
    settings: &BenchSettings,
    connections: usize,
    links_per_request: usize,
) -> ClosedLoop {
    let (warm_up_ms, seconds) = if settings.quick { (300, 1) } else { (2_000, 8) };
    ClosedLoop {
        connections,
        links_per_request,
        warm_up: Duration::from_millis(warm_up_ms),
        duration: Duration::from_secs(seconds),
    }
}

/// Posts to a producer on a new topic, and checks that every link that was answered 201 is there.
///
/// # Errors
/// If the producer does not start, an answer is not 201, or the topic has another number of links.
pub(crate) async fn post_to_producer(
    broker: &KafkaBroker,
    closed_loop: ClosedLoop,
) -> Result<(Posted, Load)> {
    let mut side = Side::start(broker, None).await?;
    let meter = LoadMeter::start()?;
    let posted = side.post(closed_loop).await?;
    let load = meter.load()?;
    side.stop().await?;
    Ok((posted, load))
}
