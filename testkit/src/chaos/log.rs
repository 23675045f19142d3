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

/// The kind of a broken promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An acknowledged link without a document, or an acknowledged record that is not there.
    Lost,
    /// More than one document with one id, or of one link that was sent once.
    Doubled,
    /// A document of a link that no client sent.
    UnexpectedDocument,
    /// A record that neither a client nor the producer wrote.
    ForeignRecord,
    /// A document with another status than its link must have.
    WrongStatus,
    /// A document about another link or video, or without metadata.
    WrongContent,
    /// A malformed record without its single failed document.
    NoMalformedDocument,
    /// A link given up or a malformed record without a dead letter that has its raw bytes.
    NoDeadLetter,
    /// A dead letter of a record that was not given up.
    UnexpectedDeadLetter,
    /// A group's offset that is not the end of its partition, although no work is left.
    NotCommitted,
    /// A request that was never answered 201, although every fault had ended.
    Unanswered,
    /// A request that was answered with another status than 201 and 503.
    Refused,
    /// A request whose answers named several ids.
    SeveralIds,
    /// A lag that did not get to 0.
    NotSettled,
    /// A request whose status disagrees with its documents.
    WrongRequestStatus,
    /// More repeated extractions than this run may have.
    TooManyRepeats,
    /// A process that exited unexpectedly, or with an error when it was stopped.
    Misbehaved,
}

/// A broken promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Its kind.
    pub kind: Kind,
    /// What is wrong, with the ids to search for in the logs.
    pub text: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The events and violations so far; shared by everything that takes part in a run.
#[derive(Debug)]
pub(super) struct Log {
    /// All times of a schedule count from here.
    pub(super) begin: Instant,
    entries: Mutex<(Vec<Event>, Vec<Violation>)>,
}

impl Log {
    pub(super) fn new() -> Self {
        Self { begin: Instant::now(), entries: Mutex::default() }
    }

    pub(super) fn note(&self, what: impl Into<String>) {
        let event = Event { at: self.begin.elapsed(), wall: Timestamp::now(), what: what.into() };
        self.entries().0.push(event);
    }

    pub(super) fn violate(&self, kind: Kind, text: String) {
        self.entries().1.push(Violation { kind, text });
    }

    /// Notes a failure of a process, whose first line goes into the timeline.
    pub(super) fn misbehaved(&self, text: String) {
        self.note(text.lines().next().unwrap_or_default());
        self.violate(Kind::Misbehaved, text);
    }

    pub(super) fn take(&self) -> (Vec<Event>, Vec<Violation>) {
        std::mem::take(&mut *self.entries())
    }

    fn entries(&self) -> MutexGuard<'_, (Vec<Event>, Vec<Violation>)> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
