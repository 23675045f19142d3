//! A consumer that starts before ten million records, over a store that has documents: its memory,
//! and how soon it begins with the first link.

use std::time::Duration;

use anyhow::Result;

use super::BENCHMARK;
use crate::bench::settings::BenchSettings;
use crate::measurement::{Measurement, Round, Target};
use crate::memory::{self, MemoryCase};

const RECORDS: usize = 10_000_000;
const DOCUMENTS: usize = 50_000;

pub(super) async fn run(settings: &BenchSettings) -> Result<()> {
    let case = MemoryCase {
        name: "small pages",
        lag: settings.scaled(RECORDS),
        documents: settings.scaled(DOCUMENTS),
        page_bytes: 0,
        is_as_youtube: false,
        is_store_hanging: false,
        watched_for: Duration::from_secs(settings.scaled(60) as u64),
    };
    let name = |what| format!("lag of {}: {what}", case.lag);
    let (memory, first) = (name("memory"), name("first link"));
    if !settings.includes(&memory) && !settings.includes(&first) {
        return Ok(());
    }
    let mut first_rounds = Vec::new();
    let rounds = settings.rounds(async |_| {
        let (round, first_link) = memory::round(case).await?;
        first_rounds.push(Round { ours: first_link.as_secs_f64(), ..round.clone() });
        Ok(round)
    });
    let rounds = rounds.await?;
    settings.report(&Measurement {
        benchmark: BENCHMARK,
        case: memory,
        unit: "MiB at most",
        baseline_is: "",
        target: Some(Target::Below(150.0)),
        rounds,
    })?;
    settings.report(&Measurement {
        benchmark: BENCHMARK,
        case: first,
        unit: "s",
        baseline_is: "",
        target: Some(Target::Below(2.0)),
        rounds: first_rounds,
    })
}
