//! What a run gave: figures, what is wrong, and the story.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use super::check::{Tally, Violation};
use super::schedule::Brokers;
use super::settings::Protocol;
use super::timeline::Event;

/// The figures of a run; its JSON form is one line.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Figures {
    /// What decided about everything.
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
    /// Posts, with those that had to be sent again.
    pub posts: u64,
    /// Posts that were not answered 201.
    pub failed_posts: u64,
    /// Records put straight into the topic.
    pub records_by_hand: usize,
    /// What the check counted.
    #[serde(flatten)]
    pub tally: Tally,
    /// What is wrong, in number.
    pub violations: usize,
    /// Requests to the fake YouTube.
    pub extractions: u64,
    /// Those beyond what each record needs once, with its planned failures.
    pub repeated_extractions: u64,
    /// The same of a hundred promised links.
    pub repeated_percent: f64,
    /// How long faults went on.
    pub schedule_seconds: f64,
    /// How long the rest took after that.
    pub settle_seconds: f64,
    /// All of it, with starts and the check.
    pub total_seconds: f64,
}

/// A run, judged.
#[derive(Debug)]
pub struct Report {
    /// The figures.
    pub figures: Figures,
    /// What is wrong; nothing, if all is well.
    pub violations: Vec<Violation>,
    /// What happened when.
    pub timeline: Vec<Event>,
    pub(super) folder: TempDir,
}

impl Report {
    /// Whether nothing is wrong.
    pub fn is_well(&self) -> bool {
        self.violations.is_empty()
    }

    /// The whole story of a run that went wrong.
    pub fn story(&self) -> String {
        let mut story = format!("seed {}\n\ntimeline\n", self.figures.seed);
        for event in &self.timeline {
            // Writing into a String cannot fail.
            let _ = writeln!(story, "{event}");
        }
        let _ = writeln!(story, "\n{} violations", self.violations.len());
        for violation in &self.violations {
            let _ = writeln!(story, "- {violation}");
        }
        story
    }

    /// Keeps the logs of all processes and the story; without it they go with the report.
    ///
    /// # Errors
    /// If the story cannot be written.
    pub fn keep(self) -> Result<PathBuf> {
        write_story(self.folder.path(), &self.story())?;
        Ok(self.folder.keep())
    }
}

fn write_story(folder: &Path, story: &str) -> Result<()> {
    std::fs::write(folder.join("story.txt"), story).context("writing the story")
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let members = if self.static_members { ", static members" } else { "" };
        let protocol = serde_json::to_value(self.protocol).unwrap_or_default();
        let protocol = protocol.as_str().unwrap_or_default();
        let brokers = if self.brokers == Brokers::Three { ", three brokers" } else { "" };
        writeln!(f, "seed {}, protocol {protocol}{members}{brokers}", self.seed)?;
        let faults: usize = self.faults.values().sum();
        row(f, "faults", faults)?;
        for (kind, count) in &self.faults {
            row(f, &format!("  {kind}"), count)?;
        }
        let tally = &self.tally;
        row(f, "requests", self.requests)?;
        row(f, "posts", format!("{} ({} not answered 201)", self.posts, self.failed_posts))?;
        row(f, "records by hand", self.records_by_hand)?;
        row(f, "links promised", tally.links)?;
        row(f, "  stored", tally.stored)?;
        row(f, "  failed, as planned", tally.failed)?;
        row(f, "  given up, with a dead letter", tally.given_up)?;
        row(f, "  lost", tally.lost)?;
        row(f, "  doubled", tally.doubled)?;
        row(f, "records written again by retries", tally.surplus_records)?;
        row(f, "dead letters", tally.dead_letters)?;
        row(f, "extractions", self.extractions)?;
        let (repeated, percent) = (self.repeated_extractions, self.repeated_percent);
        row(f, "  repeated", format!("{repeated} ({percent:.1} % of the links)"))?;
        row(f, "violations", self.violations)?;
        let (schedule, settle) = (self.schedule_seconds, self.settle_seconds);
        row(f, "seconds of faults, of calm", format!("{schedule:.0}, {settle:.0}"))
    }
}

fn row(f: &mut fmt::Formatter<'_>, name: &str, value: impl fmt::Display) -> fmt::Result {
    writeln!(f, "{name:<34}{value}")
}
