//! What a link costs, and from that what a number of links a day needs: the figures of
//! docs/SIZING.md.

mod costs;
mod plan;

use anyhow::Result;
use serde_json::json;

use crate::bench::settings::BenchSettings;
use crate::machine::LoadMeter;
use crate::measurement::{Measurement, Round};

/// Links of each kind of request.
const LINKS: usize = 5_000;
/// The size of YouTube's own pages, and of the fake's.
const PAGES: [(&str, usize); 2] = [("pages of 1 MB", 1_000_000), ("small pages", 0)];

/// Measures the costs, and prints the tables of docs/SIZING.md.
pub(crate) async fn run(settings: &BenchSettings) -> Result<()> {
    for (name, page_bytes) in PAGES.iter().filter(|(name, _)| settings.includes(name)) {
        let meter = LoadMeter::start()?;
        let costs = costs::measure(*page_bytes, settings.scaled(LINKS)).await?;
        settings.report(&Measurement {
            benchmark: "sizing",
            case: (*name).to_owned(),
            unit: "ms of the consumer's processor time a link",
            baseline_is: "",
            target: None,
            rounds: vec![Round {
                ours: costs.alone.consumer_cpu_ms,
                baseline: None,
                load: meter.load()?,
                details: json!(costs),
            }],
        })?;
        println!("{}\n{}", plan::cost_table(&costs), plan::plan_table(&costs));
    }
    Ok(())
}
