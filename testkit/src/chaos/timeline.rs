//! What happened when: the story of a run, for whoever has to find out why it failed.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// From the beginning of the schedule.
    pub at: Duration,
    /// As it stands in the processes' log lines.
    pub wall: Timestamp,
    /// What.
    pub what: String,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3} {:7.2} s  {}", self.wall, self.at.as_secs_f64(), self.what)
    }
}

/// The events so far; shared by everything that makes things happen.
#[derive(Debug, Clone)]
pub(super) struct Timeline {
    begin: Instant,
    events: Arc<Mutex<Vec<Event>>>,
}

impl Timeline {
    pub(super) fn new(begin: Instant) -> Self {
        Self { begin, events: Arc::default() }
    }

    /// The moment that all times of a schedule count from.
    pub(super) fn begin(&self) -> Instant {
        self.begin
    }

    pub(super) fn note(&self, what: impl Into<String>) {
        let event = Event { at: self.begin.elapsed(), wall: Timestamp::now(), what: what.into() };
        self.events.lock().unwrap_or_else(PoisonError::into_inner).push(event);
    }

    pub(super) fn events(&self) -> Vec<Event> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
