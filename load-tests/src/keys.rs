//! What API keys cost: acknowledged POSTs a second of a producer with a thousand keys, against the
//! same producer without keys.

use std::path::PathBuf;

use anyhow::Result;
use linkrelay_http::keys::{KeyEntry, KeyText, Scopes, add_key};
use linkrelay_testkit::kafka::KafkaBroker;
use serde_json::json;
use tempfile::TempDir;

use crate::bench::settings::BenchSettings;
use crate::http::{closed_loop, post_to_producer};
use crate::load::closed_loop::ClosedLoop;
use crate::measurement::{Measurement, Round, Target};

const CONNECTIONS: usize = 64;
const KEYS: usize = 1_000;

/// A file of keys, and one of them.
#[derive(Debug)]
pub(crate) struct Keys {
    folder: TempDir,
    pub(crate) key: KeyText,
}

impl Keys {
    fn new() -> Result<Self> {
        let keys = Self { folder: tempfile::tempdir()?, key: KeyText::generate() };
        for _ in 1..KEYS {
            keys.add(&KeyText::generate())?;
        }
        keys.add(&keys.key)?;
        Ok(keys)
    }

    /// The file.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("keys")
    }

    fn add(&self, key: &KeyText) -> Result<()> {
        let entry = KeyEntry::new(key, Scopes::all(), "bench").map_err(anyhow::Error::msg)?;
        Ok(add_key(&self.path(), &entry)?)
    }
}

pub(crate) async fn run(settings: &BenchSettings) -> Result<()> {
    let (broker, keys) = (KafkaBroker::start().await?, Keys::new()?);
    let case = format!("one link a request, {CONNECTIONS} connections, {KEYS} keys");
    if !settings.includes(&case) {
        return Ok(());
    }
    let closed_loop = closed_loop(settings, CONNECTIONS, 1);
    let round = async |index| round(&broker, closed_loop, &keys, index % 2 == 0).await;
    settings.report(&Measurement {
        benchmark: "keys",
        case,
        unit: "acknowledged POSTs/s",
        baseline_is: "the same producer without keys",
        target: Some(Target::Ratio(0.95)),
        rounds: settings.rounds(round).await?,
    })
}

/// Both sides, in the one order or the other: what comes second finds a warmer broker.
async fn round(
    broker: &KafkaBroker,
    closed_loop: ClosedLoop,
    keys: &Keys,
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
