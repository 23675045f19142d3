//! The result of a run: figures, violations and the timeline.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use super::check::Tally;
use super::log::Event;
use super::schedule::Brokers;
use super::settings::Protocol;

/// The figures of a run; its JSON form is one line.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Figures {
    /// The seed of links, failures and faults.
    pub seed: u64,
    /// One broker or three.
    pub brokers: Brokers,
    /// How the group shared its partitions.
    pub protocol: Protocol,
    /// Whether members had fixed names.
    pub static_members: bool,
    /// Faults by kind.
    pub faults: BTreeMap<String, usize>,
    /// Requests of the load.
    pub requests: usize,
    /// Posts, including those that were sent again.
    pub posts: u64,
    /// Posts that were not answered 201.
    pub failed_posts: u64,
    /// Records that were published directly to the topic.
    pub records_by_hand: usize,
    /// The figures of the check.
    #[serde(flatten)]
    pub tally: Tally,
    /// The number of violations.
    pub violations: usize,
    /// Requests to the fake YouTube.
    pub extractions: u64,
    /// Those beyond what each record needs once, with its planned failures.
    pub repeated_extractions: u64,
    /// The same as a percentage of the promised links.
    pub repeated_percent: f64,
    /// How long faults went on.
    pub schedule_seconds: f64,
    /// How long linkrelay needed after that for the remaining work.
    pub settle_seconds: f64,
    /// The whole run, with starts and the check.
    pub total_seconds: f64,
}

/// A finished run.
#[derive(Debug)]
pub struct Report {
    /// The figures.
    pub figures: Figures,
    /// What is wrong; nothing, if every promise was kept.
    pub violations: Vec<String>,
    /// What happened when.
    pub timeline: Vec<Event>,
    pub(super) folder: TempDir,
}

impl Report {
    /// Whether every promise was kept.
    pub fn has_passed(&self) -> bool {
        self.violations.is_empty()
    }

    /// The timeline and the violations as text.
    pub fn text(&self) -> String {
        let mut text = format!("seed {}\n\ntimeline\n", self.figures.seed);
        for event in &self.timeline {
            // Writing into a String cannot fail.
            let _ = writeln!(text, "{event}");
        }
        let _ = writeln!(text, "\n{} violations", self.violations.len());
        for violation in &self.violations {
            let _ = writeln!(text, "- {violation}");
        }
        text
    }

    /// Keeps the logs of all processes and the text; otherwise they are removed with the report.
    ///
    /// # Errors
    /// If the text cannot be written.
    pub fn keep(self) -> Result<PathBuf> {
        let file = self.folder.path().join("story.txt");
        std::fs::write(file, self.text()).context("writing the report")?;
        Ok(self.folder.keep())
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let members = if self.static_members { ", static members" } else { "" };
        let brokers = if self.brokers == Brokers::Three { ", three brokers" } else { "" };
        writeln!(f, "seed {}, protocol {}{members}{brokers}", self.seed, self.protocol.name())?;
        let mut row = |name: &str, value: &dyn fmt::Display| writeln!(f, "{name:<34}{value}");
        row("faults", &self.faults.values().sum::<usize>())?;
        for (kind, count) in &self.faults {
            row(&format!("  {kind}"), count)?;
        }
        let tally = &self.tally;
        row("requests", &self.requests)?;
        row("posts", &format_args!("{} ({} not answered 201)", self.posts, self.failed_posts))?;
        row("records by hand", &self.records_by_hand)?;
        row("links promised", &tally.links)?;
        row("  stored", &tally.stored)?;
        row("  failed, as planned", &tally.failed)?;
        row("  given up, with a dead letter", &tally.given_up)?;
        row("  lost", &tally.lost)?;
        row("  doubled", &tally.doubled)?;
        row("records written again by retries", &tally.surplus_records)?;
        row("dead letters", &tally.dead_letters)?;
        row("extractions", &self.extractions)?;
        let (repeated, percent) = (self.repeated_extractions, self.repeated_percent);
        row("  repeated", &format_args!("{repeated} ({percent:.1} % of the links)"))?;
        row("violations", &self.violations)?;
        let (schedule, settle) = (self.schedule_seconds, self.settle_seconds);
        row("seconds of faults, of calm", &format_args!("{schedule:.0}, {settle:.0}"))
    }
}
