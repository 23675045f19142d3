//! What one strategy's requests by one exit prove about each other: whether YouTube found a video
//! for a request that began after another one.
//!
//! Time is a count ([`Moment`]) and not a clock, so two events are never at the same time. It must
//! not know: which answers need a proof, or what follows without one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;

/// A position in the order in which requests began and answers came.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(u64);

/// Numbers the moments of one strategy, by all of its exits.
#[derive(Debug, Clone, Default)]
pub(super) struct Moments(Arc<AtomicU64>);

impl Moments {
    /// Returns a moment that is later than every other one returned before.
    pub(super) fn next(&self) -> Moment {
        Moment(self.0.fetch_add(1, Ordering::SeqCst) + 1)
    }
}

/// Why a request for the canary found no video.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CanaryFailure {
    /// YouTube refuses the canary as well.
    Refused,
    /// YouTube throttled the request.
    Throttled { reason: &'static str, retry_after: Option<Duration> },
    /// The request failed for a reason that says nothing about other videos.
    Failed(String),
}

/// The evidence of one strategy by one exit.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    moments: Moments,
    state: watch::Sender<State>,
}

#[derive(Debug, Default)]
struct State {
    /// How many requests for videos are in flight.
    in_flight: usize,
    /// The latest beginning of a request that found a video.
    found: Moment,
    /// When a video was found the last time.
    found_at: Moment,
    /// The latest beginning of a request for the canary that found none, and why.
    canary_failed: Option<(Moment, CanaryFailure)>,
    /// Whether no video was found since the canary was refused or throttled.
    is_limited: bool,
    /// When a video was found for the first time after that. Answers until then may be due to the
    /// limit, although videos are found now.
    recovered: Moment,
    /// Whether a request for the canary is in flight, or waits to begin.
    is_canary_asked: bool,
}

/// A request in flight, from its beginning until it is dropped.
#[derive(Debug)]
pub(super) struct Asking<'a> {
    evidence: &'a Evidence,
    pub(super) began: Moment,
}

/// The right to ask for the canary, which one request has at a time. Dropped without a result, it
/// passes to the next one.
#[derive(Debug)]
pub(super) struct CanaryTurn<'a>(&'a Evidence);

impl Evidence {
    pub(super) fn new(moments: Moments) -> Self {
        Self { moments, state: watch::Sender::default() }
    }

    /// Notes that a request begins.
    pub(super) fn begin(&self) -> Asking<'_> {
        self.state.send_modify(|state| state.in_flight += 1);
        Asking { evidence: self, began: self.moments.next() }
    }

    /// Whether a video was found after this moment, no matter when the request for it began.
    pub(super) fn has_found_since(&self, moment: Moment) -> bool {
        self.state.borrow().found_at > moment
    }

    /// Returns a moment for an answer that has come now.
    pub(super) fn now(&self) -> Moment {
        self.moments.next()
    }

    /// Returns what is known about an answer of this moment to a request that `began` then: `Ok` if
    /// a request that began after the answer has found a video; an error if the answer was within a
    /// limit, or the canary was not found after it; `None` if neither was tried.
    pub(super) fn since(&self, moment: Moment, began: Moment) -> Option<Result<(), CanaryFailure>> {
        let state = self.state.borrow();
        if state.found > moment {
            // YouTube may have decided the answer at any time since it began.
            let was_limited = state.recovered > began;
            return Some(if was_limited { Err(CanaryFailure::Refused) } else { Ok(()) });
        }
        let failed = state.canary_failed.as_ref().filter(|(began, _)| *began > moment);
        failed.map(|(_, failure)| Err(failure.clone()))
    }

    /// Waits until a request that began after this moment has found a video, or no request is in
    /// flight, but no longer than `limit`.
    ///
    /// # Cancel safety
    /// Nothing is lost when dropped.
    pub(super) async fn others_have_ended(&self, moment: Moment, limit: Duration) {
        let is_enough = |state: &State| state.found > moment || state.in_flight == 0;
        let mut state = self.state.subscribe();
        // The sender is this evidence, which outlives the wait.
        drop(tokio::time::timeout(limit, state.wait_for(is_enough)).await);
    }

    /// Returns the right to ask for the canary, if no other request has it.
    pub(super) fn canary_turn(&self) -> Option<CanaryTurn<'_>> {
        let is_free = self
            .state
            .send_if_modified(|state| !std::mem::replace(&mut state.is_canary_asked, true));
        // Not `then_some`: a turn that is made and dropped ends the one in use.
        is_free.then(|| CanaryTurn(self))
    }

    /// Waits until no request has the right to ask for the canary.
    ///
    /// # Cancel safety
    /// Nothing is lost when dropped.
    pub(super) async fn canary_is_answered(&self) {
        let mut state = self.state.subscribe();
        drop(state.wait_for(|state| !state.is_canary_asked).await);
    }

    fn note_found(&self, began: Moment) {
        self.state.send_modify(|state| {
            state.found = state.found.max(began);
            state.found_at = self.moments.next();
            let failed_at = state.canary_failed.as_ref().map(|(failed_at, _)| *failed_at);
            if state.is_limited && Some(began) > failed_at {
                state.is_limited = false;
                state.recovered = state.found_at;
            }
        });
    }
}

impl Asking<'_> {
    /// Notes that the request found a video.
    pub(super) fn found(&self) {
        self.evidence.note_found(self.began);
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.evidence.state.send_modify(|state| state.in_flight -= 1);
    }
}

impl CanaryTurn<'_> {
    /// Returns the moment in which the request for the canary begins.
    pub(super) fn begin(&self) -> Moment {
        self.0.moments.next()
    }

    /// Notes the result of a request for the canary that began then.
    pub(super) fn end(self, began: Moment, result: Result<(), CanaryFailure>) {
        match result {
            Ok(()) => self.0.note_found(began),
            Err(failure) => {
                self.0.state.send_modify(|state| {
                    state.is_limited |= !matches!(failure, CanaryFailure::Failed(_));
                    state.canary_failed = Some((began, failure));
                });
            }
        }
    }
}

impl Drop for CanaryTurn<'_> {
    fn drop(&mut self) {
        self.0.state.send_modify(|state| state.is_canary_asked = false);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Requests begin in one order and end in another.
        #[test]
        fn a_moment_has_a_proof_if_a_request_that_began_later_has_found_a_video(
            requests in proptest::collection::vec((any::<u16>(), any::<bool>()), 0..12),
        ) {
            let evidence = Evidence::new(Moments::default());
            let begun: Vec<_> = requests.iter().map(|_| evidence.begin()).collect();
            let mut ends: Vec<usize> = (0..requests.len()).collect();
            ends.sort_by_key(|index| requests[*index].0);
            let mut latest_found = None;
            for index in ends {
                if requests[index].1 {
                    begun[index].found();
                    latest_found = latest_found.max(Some(index));
                }
                for (other, asking) in begun.iter().enumerate() {
                    let expected = latest_found.is_some_and(|found| found > other);
                    prop_assert_eq!(evidence.since(asking.began, asking.began).is_some(), expected);
                }
            }
        }
    }
}
