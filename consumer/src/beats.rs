//! What the heartbeat of a consumer says: the poll thread notes it with the gauges, the beat reads
//! it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use linkrelay_store::processes::ProcessFigures;

/// The newest figures; all clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Noted(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    figures: ProcessFigures,
    /// Completed since the last beat.
    completed: usize,
}

impl Noted {
    /// Notes the figures of now; those of the beat itself are not read.
    pub(crate) fn note(&self, figures: ProcessFigures) {
        self.with(|state| state.figures = figures);
    }

    /// Adds records that are complete.
    pub(crate) fn completed(&self, records_count: usize) {
        self.with(|state| state.completed += records_count);
    }

    /// Returns what a beat says, this long after the one before.
    pub(crate) fn beat(&self, since_last: Duration) -> ProcessFigures {
        self.with(|state| {
            let completed = std::mem::take(&mut state.completed);
            // The first beat comes at the start, when nothing can be complete.
            let seconds = since_last.as_secs_f64().max(f64::EPSILON);
            ProcessFigures {
                links_per_second: Some(completed as f64 / seconds),
                ..state.figures.clone()
            }
        })
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        // The state is consistent after every step, so a panic elsewhere does no harm.
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Returns when a cool-down that lasts this much longer is over.
pub(crate) fn until(rest: Option<Duration>) -> Option<Timestamp> {
    rest.and_then(|rest| Timestamp::now().checked_add(rest).ok())
}
