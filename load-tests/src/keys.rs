//! What API keys and the limits of a client cost: acknowledged POSTs a second of a producer with a
//! thousand keys that counts what its clients send, against the same producer without either.

use anyhow::Result;
use linkrelay_testkit::kafka::KafkaBroker;
use serde_json::json;

use crate::bench::settings::BenchSettings;
use crate::http::{Side, closed_loop, in_turns};
use crate::key_file::{KEYS, KeyFile};
use crate::load::closed_loop::ClosedLoop;
use crate::machine::LoadMeter;
use crate::measurement::{Measurement, Round, Target};

const CONNECTIONS: usize = 64;

pub(crate) async fn run(settings: &BenchSettings) -> Result<()> {
    let (broker, keys) = (KafkaBroker::start().await?, KeyFile::new()?);
    let case = format!("one link a request, {CONNECTIONS} connections, {KEYS} keys and limits");
    if !settings.includes(&case) {
        return Ok(());
    }
    let closed_loop = closed_loop(settings, CONNECTIONS, 1);
    let round = async |_| round(&broker, closed_loop, &keys).await;
    settings.report(&Measurement {
        benchmark: "keys",
        case,
        unit: "acknowledged POSTs/s",
        baseline_is: "the same producer without keys and limits",
        target: Some(Target::Ratio(0.95)),
        rounds: settings.rounds(round).await?,
    })
}

async fn round(broker: &KafkaBroker, closed_loop: ClosedLoop, keys: &KeyFile) -> Result<Round> {
    let sides = [Side::start(broker, Some(keys)).await?, Side::start(broker, None).await?];
    let meter = LoadMeter::start()?;
    let [ours, baseline] = in_turns(sides, closed_loop).await?;
    let load = meter.load()?;
    Ok(Round { ours, baseline: Some(baseline), load, details: json!({}) })
}
