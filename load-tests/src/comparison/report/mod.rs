//! What a comparison found: for users (`report.md`, `report.svg`) and programs (`report.json`).

mod chart;
mod markdown;
mod scale;
mod svg;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use serde::Serialize;

use super::agreement::Agreement;
use super::link_path::LinkPath;
use super::scenario::{LoadPlan, Phase, Scenario};
use crate::machine::{Load, Machine};
use crate::stats::Percentiles;

/// Both paths, or the one that was run.
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    pub(crate) at: Timestamp,
    pub(crate) machine: Machine,
    /// `false` for a debug build.
    pub(crate) is_release: bool,
    pub(crate) load: LoadDescription,
    pub(crate) paths: Vec<PathResult>,
}

/// A load, and what it went through.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct LoadDescription {
    pub(crate) scenario: Scenario,
    #[serde(flatten)]
    pub(crate) plan: LoadPlan,
    /// One link for all. If `None`, each was to a video of its own.
    pub(crate) fixed_link: Option<String>,
    /// What the fake YouTube took for each link.
    pub(crate) latency_seconds: f64,
    /// How long a client waited for its answer.
    pub(crate) client_timeout_seconds: f64,
    pub(crate) consumers: usize,
}

/// The result of the load on one path.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct PathResult {
    pub(crate) path: LinkPath,
    pub(crate) requests: usize,
    pub(crate) answers: BTreeMap<u16, usize>,
    pub(crate) latest_sent_ms: f64,
    pub(crate) timed_out: usize,
    pub(crate) errors: BTreeMap<String, usize>,
    /// Documents in the store at the end, each of them read.
    pub(crate) documents: usize,
    /// Documents that say why there is no metadata.
    pub(crate) failed_documents: usize,
    /// Of requests answered 201 or 207, and of those whose client timed out.
    pub(crate) response_times: Option<Percentiles>,
    /// When each document was stored, counted from the first request, in order.
    pub(crate) stored_after_seconds: Vec<f64>,
    pub(crate) agreement: Agreement,
    /// Which processes used the processors while the load was sent.
    pub(crate) machine_load: Load,
}

/// One path in the measurement that linkrelay is compared with: the same load, on other programs
/// and another machine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Original {
    /// The path of linkrelay that is compared with it.
    pub(crate) path: LinkPath,
    pub(crate) title: &'static str,
    pub(crate) answered: usize,
    pub(crate) timed_out: usize,
    pub(crate) documents: usize,
    /// Of an answer, if it is known.
    pub(crate) response_ms: Option<f64>,
    /// Until the last document, if it is known.
    pub(crate) all_stored_seconds: Option<f64>,
}

/// Requests in the original measurement.
pub(crate) const ORIGINAL_REQUESTS: usize = 500;

/// Both paths as they were measured before linkrelay.
pub(crate) const ORIGINALS: [Original; 2] = [
    Original {
        path: LinkPath::Kafka,
        title: "original, queue",
        answered: 500,
        timed_out: 0,
        documents: 500,
        response_ms: Some(213.0),
        all_stored_seconds: Some(600.0),
    },
    Original {
        path: LinkPath::Waiting,
        title: "original, waiting",
        answered: 65,
        timed_out: 435,
        documents: 447,
        response_ms: None,
        all_stored_seconds: None,
    },
];

impl Comparison {
    /// Returns the original measurement if it had the same load.
    pub(crate) fn originals(&self) -> &'static [Original] {
        if self.load.plan == Scenario::Original.plan() { &ORIGINALS } else { &[] }
    }

    /// Returns a message for each path on which answers and documents do not agree.
    pub fn disagreements(&self) -> Vec<String> {
        let broken = self.paths.iter().filter(|result| !result.agreement.is_complete());
        let messages = broken.map(|PathResult { path, agreement, .. }| {
            let examples = agreement.missing.iter().map(ToString::to_string);
            let examples = examples.chain(agreement.unannounced.keys().cloned());
            format!(
                "{path}: {} promised documents are missing, {} links have a document that no answer names; for instance {}",
                agreement.missing.len(),
                agreement.unannounced.len(),
                examples.take(3).collect::<Vec<_>>().join(", ")
            )
        });
        messages.collect()
    }

    /// Returns the table of the report, as Markdown.
    pub fn table(&self) -> String {
        markdown::table(self)
    }

    /// Writes the three files of the report into a folder, which is made if it is not there.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        let json = serde_json::to_string_pretty(self)?;
        for (name, text) in [
            ("report.md", markdown::page(self)),
            ("report.json", json + "\n"),
            ("report.svg", chart::draw(self)),
        ] {
            let path = folder.join(name);
            std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
        }
        Ok(())
    }
}

/// The load as the report says it.
impl fmt::Display for LoadPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Phase { seconds, first_rate, last_rate }) in self.phases.iter().enumerate() {
            let then = if index == 0 { "" } else { ", then " };
            write!(f, "{then}{seconds} s × {first_rate}")?;
            if first_rate != last_rate {
                write!(f, " to {last_rate}")?;
            }
            f.write_str(" requests a second")?;
        }
        match self.links_per_request {
            1 => f.write_str(", one link each")?,
            count => write!(f, ", {count} links each")?,
        }
        match self.bad_percent {
            0 => Ok(()),
            percent => write!(f, ", {percent} % of them bad"),
        }
    }
}

impl PathResult {
    /// Returns how many requests were answered with this status.
    pub(crate) fn answered(&self, status: u16) -> usize {
        self.answers.get(&status).copied().unwrap_or(0)
    }

    /// Returns the time from the first request to the last document, if there is one.
    pub(crate) fn all_stored_seconds(&self) -> Option<f64> {
        self.stored_after_seconds.last().copied()
    }
}

#[cfg(test)]
pub(super) mod sample;
#[cfg(test)]
mod tests;
