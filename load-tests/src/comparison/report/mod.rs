//! What a comparison found, for people (`report.md`, `report.svg`) and programs (`report.json`).

pub mod markdown;
pub mod plot;
mod scale;
mod svg;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use serde::Serialize;

use super::agreement::Agreement;
use super::scenario::Phase;
use super::settings::Generator;
use super::way::Way;
use crate::machine::{Load, Machine};
use crate::stats::Percentiles;

/// Both ways, or the one that was wanted.
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    /// When it ended.
    pub at: Timestamp,
    /// Where it ran.
    pub machine: Machine,
    /// Or built without optimisation.
    pub is_release: bool,
    /// Who sent the load.
    pub generator: Generator,
    /// Which load.
    pub load: LoadDescription,
    /// What came of it.
    pub ways: Vec<WayResult>,
}

/// A load, and what it met.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs, reason = "each says it all by its name")]
pub struct LoadDescription {
    pub scenario: String,
    pub phases: Vec<Phase>,
    pub links_per_request: usize,
    pub bad_percent: usize,
    /// One link for all; else each was to a video of its own.
    pub fixed_link: Option<String>,
    /// Of the fake YouTube, for each link.
    pub latency_seconds: f64,
    pub client_timeout_seconds: f64,
    pub consumers: usize,
}

/// What came of the load on one way.
#[derive(Debug, Clone, Serialize)]
pub struct WayResult {
    /// Which.
    pub way: Way,
    /// Sent.
    pub requests: usize,
    /// By status.
    pub answers: BTreeMap<u16, usize>,
    /// How late the latest request was sent, if the generator can tell.
    pub latest_sent_ms: Option<f64>,
    /// Clients that gave up.
    pub timed_out: usize,
    /// Connections that failed, by reason.
    pub errors: BTreeMap<String, usize>,
    /// In the store at the end, each of them read.
    pub documents: usize,
    /// Of these, the ones that say why there is no metadata.
    pub failed_documents: usize,
    /// Of those answered 201 or 207, and of those who gave up.
    pub response_times: Option<Percentiles>,
    /// When each document was stored, from the first request on, in order.
    pub stored_after_seconds: Vec<f64>,
    /// Of answers and documents.
    pub agreement: Agreement,
    /// Who used the processors meanwhile.
    pub machine_load: Load,
}

/// A figure of the measurement that linkrelay is compared with: the same load, on other
/// programs and another machine.
#[derive(Debug, Clone, Copy)]
pub struct Original {
    /// On which way.
    pub way: Way,
    /// For people.
    pub title: &'static str,
    /// Requests answered 201.
    pub answered: usize,
    /// Clients that gave up after ten seconds.
    pub timed_out: usize,
    /// In the store at the end.
    pub documents: usize,
    /// Of an answer, as far as it is known.
    pub response_ms: Option<f64>,
    /// Until the last document, as far as it is known.
    pub all_stored_seconds: Option<f64>,
}

/// The load of the original figures.
pub const ORIGINAL_REQUESTS: usize = 500;

/// Both ways as they were measured before linkrelay.
pub const ORIGINALS: [Original; 2] = [
    Original {
        way: Way::Kafka,
        title: "original, queue",
        answered: 500,
        timed_out: 0,
        documents: 500,
        response_ms: Some(213.0),
        all_stored_seconds: Some(600.0),
    },
    Original {
        way: Way::Waiting,
        title: "original, waiting",
        answered: 65,
        timed_out: 435,
        documents: 447,
        response_ms: None,
        all_stored_seconds: None,
    },
];

impl Comparison {
    /// The figures to show beside these: those of the same load.
    pub fn originals(&self) -> &'static [Original] {
        let load = &self.load;
        let is_steady = |phase: &Phase| {
            (phase.duration, phase.arrival_rate) == (10, 50) && phase.ramp_to.is_none()
        };
        let is_original = matches!(load.phases.as_slice(), [phase] if is_steady(phase))
            && (load.links_per_request, load.bad_percent) == (1, 0);
        if is_original { &ORIGINALS } else { &[] }
    }

    /// The load in a few words.
    pub fn load_in_words(&self) -> String {
        let phase = |phase: &Phase| {
            let rate = match phase.ramp_to {
                Some(last) => format!("{} to {last}", phase.arrival_rate),
                None => phase.arrival_rate.to_string(),
            };
            format!("{} s × {rate} requests a second", phase.duration)
        };
        let phases: Vec<String> = self.load.phases.iter().map(phase).collect();
        let links = match self.load.links_per_request {
            1 => "one link each".to_owned(),
            count => format!("{count} links each"),
        };
        let bad = match self.load.bad_percent {
            0 => String::new(),
            percent => format!(", {percent} % of them bad"),
        };
        format!("{}, {links}{bad}", phases.join(", then "))
    }

    /// Where answers and documents do not agree. Must be nowhere.
    pub fn disagreements(&self) -> Vec<String> {
        let broken = self.ways.iter().filter(|result| !result.agreement.is_whole());
        let told = broken.map(|WayResult { way, agreement, .. }| {
            let examples = agreement.missing.iter().map(ToString::to_string);
            let examples = examples.chain(agreement.unannounced.keys().cloned());
            format!(
                "{way}: {} promised documents are missing, {} links have a document that no answer told of; for instance {}",
                agreement.missing.len(),
                agreement.unannounced.len(),
                examples.take(3).collect::<Vec<_>>().join(", ")
            )
        });
        told.collect()
    }
}

impl WayResult {
    /// How many were answered so.
    pub fn answered(&self, status: u16) -> usize {
        self.answers.get(&status).copied().unwrap_or(0)
    }

    /// From the first request to the last document, if there is one.
    pub fn all_stored_seconds(&self) -> Option<f64> {
        self.stored_after_seconds.last().copied()
    }
}

/// Writes all three files.
///
/// # Errors
/// If they cannot be written.
pub fn write(comparison: &Comparison, folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    let json = serde_json::to_string_pretty(comparison)?;
    for (name, text) in [
        ("report.md", markdown::page(comparison)),
        ("report.json", json + "\n"),
        ("report.svg", plot::draw(comparison)),
    ] {
        let path = folder.join(name);
        std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod sample;
#[cfg(test)]
mod tests;
