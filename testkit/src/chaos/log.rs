//! What happened when, and what went wrong: the timeline and the violations of a run.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The time since the beginning of the schedule.
    pub at: Duration,
    /// The time of day, as in the log lines of the processes.
    pub wall: Timestamp,
    /// What happened.
    pub what: String,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3} {:7.2} s  {}", self.wall, self.at.as_secs_f64(), self.what)
    }
}

/// The events and the violations, which are broken promises.
type Entries = (Vec<Event>, Vec<String>);

/// The events and violations so far; shared by everything that takes part in a run.
#[derive(Debug)]
pub(super) struct Log {
    /// All times of a schedule count from here.
    pub(super) begin: Instant,
    entries: Mutex<Entries>,
}

impl Log {
    pub(super) fn new() -> Self {
        Self { begin: Instant::now(), entries: Mutex::default() }
    }

    pub(super) fn note(&self, what: impl Into<String>) {
        let event = Event { at: self.begin.elapsed(), wall: Timestamp::now(), what: what.into() };
        self.entries().0.push(event);
    }

    /// Adds a violation: what is wrong, with the ids to search for in the logs.
    pub(super) fn violate(&self, text: String) {
        self.entries().1.push(text);
    }

    /// Notes a failure of a process, whose first line goes into the timeline.
    pub(super) fn misbehaved(&self, text: String) {
        self.note(text.lines().next().unwrap_or_default());
        self.violate(text);
    }

    pub(super) fn take(&self) -> Entries {
        std::mem::take(&mut *self.entries())
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
