//! The requests in flight, at most one for each video.
//!
//! Each flight is a task that all its waiting callers own together: a caller that leaves early
//! does not end it for the others, and it ends when the last one has left.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt;
use futures::future::{BoxFuture, Shared, WeakShared};
use linkrelay_common::VideoId;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;

use super::Extracted;
use crate::error::ExtractError;

/// A caller's handle of a request in flight, to await its answer.
pub(super) type Flight = Shared<BoxFuture<'static, Extracted>>;

/// The result of [`Flights::join_or_start`].
#[derive(Debug)]
pub(super) enum Lookup {
    /// The answer was cached, so no request is needed.
    Cached(Box<Extracted>),
    /// A request for this video was in flight.
    Joined(Flight),
    /// A request has begun.
    Started(Flight),
}

/// All requests in flight.
#[derive(Debug, Default)]
pub(super) struct Flights {
    open: Arc<Mutex<OpenFlights>>,
}

#[derive(Debug, Default)]
struct OpenFlights {
    by_id: HashMap<VideoId, (u64, WeakShared<BoxFuture<'static, Extracted>>)>,
    /// Numbers the flights, to distinguish a flight from a later one for the same video.
    last_number: u64,
}

/// Removes its flight when it is dropped: at the flight's end, also if it panicked or was aborted.
struct RemoveOnDrop {
    open: Arc<Mutex<OpenFlights>>,
    video_id: VideoId,
    number: u64,
}

impl Flights {
    /// Joins the flight for this video. Without one, returns the answer of `cached`, or starts a
    /// flight with `request` if that has none. Must be called within a runtime.
    pub(super) fn join_or_start<R>(
        &self,
        video_id: VideoId,
        cached: impl FnOnce() -> Option<Extracted>,
        request: impl FnOnce() -> R,
    ) -> Lookup
    where
        R: Future<Output = Extracted> + Send + 'static,
    {
        let mut open = lock(&self.open);
        let in_flight = open.by_id.get(&video_id).and_then(|(_, flight)| flight.upgrade());
        if let Some(flight) = in_flight {
            return Lookup::Joined(flight);
        }
        if let Some(answer) = cached() {
            return Lookup::Cached(Box::new(answer));
        }
        open.last_number += 1;
        let number = open.last_number;
        let remove_on_drop = RemoveOnDrop { open: self.open.clone(), video_id, number };
        let flight = start(request(), remove_on_drop);
        if let Some(weak) = flight.downgrade() {
            open.by_id.insert(video_id, (number, weak));
        }
        Lookup::Started(flight)
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        lock(&self.open).by_id.len()
    }
}

fn start(
    request: impl Future<Output = Extracted> + Send + 'static,
    remove_on_drop: RemoveOnDrop,
) -> Flight {
    let flight = async move {
        let _remove_on_drop = remove_on_drop;
        request.await
    };
    // Its strategies are part of the trace of the caller that began the flight.
    let traced = linkrelay_telemetry::Span::current().around(flight);
    let task = AbortOnDropHandle::new(tokio::spawn(traced.in_current_span()));
    task.map(|ended| ended.unwrap_or_else(|error| Err(interrupted(&error)))).boxed().shared()
}

/// Returns the error for a flight whose task ended early: a panic costs only its own video.
fn interrupted(error: &tokio::task::JoinError) -> ExtractError {
    let what = if error.is_panic() { "a strategy panicked" } else { "the process is stopping" };
    ExtractError::Unreadable(what.to_owned())
}

fn lock(open: &Mutex<OpenFlights>) -> std::sync::MutexGuard<'_, OpenFlights> {
    // The map is consistent after every step, so a panic elsewhere does no harm.
    open.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for RemoveOnDrop {
    fn drop(&mut self) {
        let mut open = lock(&self.open);
        if open.by_id.get(&self.video_id).is_some_and(|(number, _)| *number == self.number) {
            open.by_id.remove(&self.video_id);
        }
    }
}
