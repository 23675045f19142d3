//! What API keys and the limits of a client cost: acknowledged POSTs a second of a producer with a
//! thousand keys that counts what its clients send, against the same producer without either.

use anyhow::Result;
use linkrelay_testkit::kafka::KafkaBroker;
use serde_json::json;

use crate::bench::settings::BenchSettings;
use crate::http::{closed_loop, post_to_producer};
use crate::key_file::{KEYS, KeyFile};
use crate::load::closed_loop::ClosedLoop;
use crate::measurement::{Measurement, Round, Target};

const CONNECTIONS: usize = 64;

pub(crate) async fn run(settings: &BenchSettings) -> Result<()> {
    let (broker, keys) = (KafkaBroker::start().await?, KeyFile::new()?);
    let case = format!("one link a request, {CONNECTIONS} connections, {KEYS} keys and limits");
    if !settings.includes(&case) {
        return Ok(());
    }
    let closed_loop = closed_loop(settings, CONNECTIONS, 1);
    let round = async |index| round(&broker, closed_loop, &keys, index % 2 == 0).await;
    settings.report(&Measurement {
        benchmark: "keys",
        case,
        unit: "acknowledged POSTs/s",
        baseline_is: "the same producer without keys and limits",
        target: Some(Target::Ratio(0.95)),
        rounds: settings.rounds(round).await?,
    })
}

/// Both sides, in the one order or the other: what comes second finds a warmer broker.
async fn round(
    broker: &KafkaBroker,
    closed_loop: ClosedLoop,
    keys: &KeyFile,
    keys_first: bool,
) -> Result<Round> {
    let with_keys = async || post_to_producer(broker, closed_loop, Some(keys)).await;
    let without = async || post_to_producer(broker, closed_loop, None).await;
    let (ours, baseline) = if keys_first {
        let ours = with_keys().await?;
        (ours, without().await?)
    } else {
        let baseline = without().await?;
        (with_keys().await?, baseline)
    };
    let ((ours, load), (baseline, _)) = (ours, baseline);
    Ok(Round {
        ours: ours.requests_per_second(),
        baseline: Some(baseline.requests_per_second()),
        load,
        details: json!({ "ours": ours.latencies, "without": baseline.latencies }),
    })
}
