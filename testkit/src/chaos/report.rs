//! The result of a run: its timeline, violations and figures.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use tempfile::TempDir;
use tokio::time::Instant;

use super::check::Tally;
use super::settings::{Brokers, Protocol};

/// What happened when, and the violations, which are broken promises.
#[derive(Debug, Default)]
pub(super) struct Story {
    pub(super) timeline: Vec<String>,
    pub(super) violations: Vec<String>,
}

/// The story so far; shared by everything that takes part in a run.
#[derive(Debug)]
pub(super) struct Log {
    /// All times of a schedule count from here.
    pub(super) begin: Instant,
    story: Mutex<Story>,
}

impl Log {
    pub(super) fn new() -> Self {
        Self { begin: Instant::now(), story: Mutex::default() }
    }

    /// Adds an event with the wall time, as in the log lines of the processes.
    pub(super) fn note(&self, what: &str) {
        let (wall, at) = (Timestamp::now(), self.begin.elapsed().as_secs_f64());
        self.story().timeline.push(format!("{wall:.3} {at:7.2} s  {what}"));
    }

    /// Adds a violation: what is wrong, with the ids to search for in the logs.
    pub(super) fn violate(&self, text: String) {
        self.story().violations.push(text);
    }

    /// Notes a failure of a process, whose first line goes into the timeline.
    pub(super) fn misbehaved(&self, text: String) {
        self.note(text.lines().next().unwrap_or_default());
        self.violate(text);
    }

    pub(super) fn take(&self) -> Story {
        std::mem::take(&mut *self.story())
    }

    fn story(&self) -> MutexGuard<'_, Story> {
        self.story.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The figures of a run; its JSON form is one line.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Figures {
    pub(super) seed: u64,
    pub(super) brokers: Brokers,
    pub(super) protocol: Protocol,
    pub(super) static_members: bool,
    /// By kind.
    pub(super) faults: BTreeMap<String, usize>,
    pub(super) requests: usize,
    /// With those that were sent again.
    pub(super) posts: u64,
    /// Posts that were not answered 201.
    pub failed_posts: u64,
    pub(super) records_by_hand: usize,
    /// The figures of the check.
    #[serde(flatten)]
    pub tally: Tally,
    pub(super) violations: usize,
    /// Requests to the fake YouTube.
    pub(super) extractions: u64,
    /// Those beyond what each record needs once, with its planned failures.
    pub(super) repeated_extractions: u64,
    /// The same as a percentage of the promised links.
    pub(super) repeated_percent: f64,
    /// How long faults went on.
    pub(super) schedule_seconds: f64,
    /// How long linkrelay needed after that for the remaining work.
    pub(super) settle_seconds: f64,
    /// The whole run, with starts and the check.
    pub(super) total_seconds: f64,
}

/// A finished run.
#[derive(Debug)]
pub struct Report {
    /// The figures.
    pub figures: Figures,
    pub(super) story: Story,
    pub(super) folder: TempDir,
}

impl Report {
    /// Whether every promise was kept.
    pub fn has_passed(&self) -> bool {
        self.story.violations.is_empty()
    }

    /// The timeline and the violations as text.
    pub fn text(&self) -> String {
        let Story { timeline, violations } = &self.story;
        let mut lines = vec![format!("seed {}\n\ntimeline", self.figures.seed)];
        lines.extend_from_slice(timeline);
        lines.push(format!("\n{} violations", violations.len()));
        lines.extend(violations.iter().map(|violation| format!("- {violation}")));
        lines.join("\n") + "\n"
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

impl Figures {
    /// The most important ones in a line.
    pub fn summary(&self) -> String {
        let Tally { links, lost, doubled, .. } = &self.tally;
        let (posts, failed, violations) = (self.posts, self.failed_posts, self.violations);
        let (repeated, percent) = (self.repeated_extractions, self.repeated_percent);
        format!(
            "links {links}, lost {lost}, doubled {doubled}, extracted again {repeated} \
             ({percent:.1} %), posts {posts} ({failed} not answered 201), violations {violations}"
        )
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
        row("results", &tally.results)?;
        row("extractions", &self.extractions)?;
        let (repeated, percent) = (self.repeated_extractions, self.repeated_percent);
        row("  repeated", &format_args!("{repeated} ({percent:.1} % of the links)"))?;
        row("violations", &self.violations)?;
        let (schedule, settle) = (self.schedule_seconds, self.settle_seconds);
        row("seconds of faults, of calm", &format_args!("{schedule:.0}, {settle:.0}"))
    }
}
