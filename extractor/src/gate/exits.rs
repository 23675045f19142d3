//! The exits to YouTube: the direct connection, or the proxies. Each has its own gate, because
//! YouTube throttles each address separately.
//!
//! Requests use the exits in rotation. An exit that cools down is skipped; only while all of them
//! cool down, requests wait.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::FutureExt;
use futures::future::select_all;

use super::limit::Slot;
use super::{Gate, GateSettings, GateState, LONGEST_HELD};
use crate::error::ExtractError;

/// All exits, each with its gate.
#[derive(Debug)]
pub(crate) struct Exits {
    gates: Vec<Gate>,
    /// Counts up; modulo the number of gates, it is the index of the exit to try first.
    entries: AtomicUsize,
}

/// Permission to make one request through an exit.
#[derive(Debug)]
pub(super) struct ExitSlot {
    /// The exit's index.
    pub(super) exit: usize,
    pub(super) slot: Slot,
}

impl Exits {
    /// Makes an exit for each of these names, with an equal share of the requests that may be in
    /// flight; the first exits get what cannot be divided. There must not be more exits than
    /// requests.
    pub(crate) fn new(names: Vec<String>, settings: GateSettings) -> Self {
        let GateSettings { max_concurrent, .. } = settings;
        let count = names.len().max(1);
        let share = |exit| max_concurrent / count + usize::from(exit < max_concurrent % count);
        let gate = |(exit, name)| {
            Gate::new(name, GateSettings { max_concurrent: share(exit), ..settings })
        };
        Self {
            gates: names.into_iter().enumerate().map(gate).collect(),
            entries: AtomicUsize::new(0),
        }
    }

    /// Waits until a request may begin, and returns the exit to use.
    ///
    /// # Errors
    /// [`ExtractError::Throttled`] if the wait would be longer than [`LONGEST_HELD`].
    ///
    /// # Cancel safety
    /// The call may be dropped at any time; nothing is lost.
    pub(super) async fn enter(&self) -> Result<ExitSlot, ExtractError> {
        loop {
            let open = self.open();
            if open.is_empty() {
                self.wait_for_one().await?;
                continue;
            }
            let pass = match open.iter().find_map(|exit| self.try_enter(*exit)) {
                Some(pass) => pass,
                None => select_all(open.iter().map(|exit| self.enter_by(*exit).boxed())).await.0,
            };
            // The exit may have begun to cool down during the wait.
            if self.gates[pass.exit].rest().is_zero() {
                return Ok(pass);
            }
        }
    }

    /// YouTube answered and did not throttle.
    pub(super) fn succeeded(&self, pass: ExitSlot) {
        self.gates[pass.exit].succeeded(pass.slot);
    }

    /// YouTube asked for fewer requests. Returns the cool-down of this exit.
    pub(super) fn throttled(
        &self,
        pass: ExitSlot,
        reason: &'static str,
        asked: Option<Duration>,
    ) -> Duration {
        self.gates[pass.exit].throttled(pass.slot, reason, asked)
    }

    /// This exit does not reach YouTube.
    pub(super) fn is_blocked(&self, exit: usize, error: &str) {
        self.gates[exit].is_blocked(error);
    }

    /// Returns the time until another exit than this may be used, zero if one may be used now;
    /// `None` if there is no other.
    pub(super) fn elsewhere(&self, exit: usize) -> Option<Duration> {
        let others = self.gates.iter().enumerate().filter(|(other, _)| *other != exit);
        others.map(|(_, gate)| gate.rest()).min()
    }

    /// Returns the current state of all exits together.
    pub(crate) fn state(&self) -> GateState {
        let gates = self.gates.iter();
        let rests: Vec<Duration> = gates.clone().map(Gate::rest).collect();
        GateState {
            limit: gates.clone().map(|gate| gate.limit.limit()).sum(),
            in_flight: gates.clone().map(|gate| gate.limit.in_flight()).sum(),
            cooling: rests.iter().min().copied().filter(|rest| !rest.is_zero()),
            cool_downs_total: gates.map(|gate| gate.cool_downs.load(Ordering::Relaxed)).sum(),
            exits: rests.len(),
            resting: rests.iter().filter(|rest| !rest.is_zero()).count(),
        }
    }

    /// Returns the exits that do not cool down, beginning with the next one in rotation.
    fn open(&self) -> Vec<usize> {
        let count = self.gates.len();
        let first = self.entries.fetch_add(1, Ordering::Relaxed);
        let in_rotation = (0..count).map(|step| first.wrapping_add(step) % count);
        in_rotation.filter(|exit| self.gates[*exit].rest().is_zero()).collect()
    }

    fn try_enter(&self, exit: usize) -> Option<ExitSlot> {
        self.gates[exit].limit.try_acquire().map(|slot| ExitSlot { exit, slot })
    }

    async fn enter_by(&self, exit: usize) -> ExitSlot {
        ExitSlot { exit, slot: self.gates[exit].limit.acquire().await }
    }

    /// Waits until the first exit has cooled down. The wait holds no slot: requests that waited
    /// with one would all begin at the same time.
    async fn wait_for_one(&self) -> Result<(), ExtractError> {
        let rests = self.gates.iter().filter_map(|gate| gate.cool_down.rest());
        match rests.min_by_key(|(_, rest)| *rest) {
            Some((reason, rest)) if rest > LONGEST_HELD => {
                Err(ExtractError::Throttled { reason, retry_after: Some(rest) })
            }
            Some((_, rest)) => {
                tokio::time::sleep(rest).await;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn exits(count: usize, max_concurrent: usize) -> Exits {
        let settings =
            GateSettings { max_concurrent, cool_down_min: SECOND, cool_down_max: SECOND * 300 };
        Exits::new((0..count).map(|number| format!("proxy {number}")).collect(), settings)
    }

    async fn entered(exits: &Exits, count: usize) -> Vec<usize> {
        let mut by = Vec::new();
        for _ in 0..count {
            let pass = exits.enter().await.unwrap();
            by.push(pass.exit);
            exits.succeeded(pass);
        }
        by
    }

    async fn throttle(exits: &Exits, exit: usize, asked: Option<Duration>) {
        let slot = exits.gates[exit].limit.acquire().await;
        tokio::time::advance(Duration::from_millis(1)).await;
        exits.throttled(ExitSlot { exit, slot }, "status_429", asked);
    }

    #[tokio::test(start_paused = true)]
    async fn they_are_used_in_rotation_and_share_the_limit() {
        let exits = exits(3, 8);
        assert_eq!(entered(&exits, 6).await, [0, 1, 2, 0, 1, 2]);
        let limits: Vec<_> = exits.gates.iter().map(|gate| gate.limit.limit()).collect();
        assert_eq!((limits, exits.state().limit), (vec![3, 3, 2], 8));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_cools_down_is_skipped_until_it_has_cooled_down() {
        let exits = exits(2, 8);
        throttle(&exits, 0, Some(SECOND * 30)).await;
        assert_eq!(entered(&exits, 4).await, [1, 1, 1, 1]);
        let state = exits.state();
        assert_eq!((state.resting, state.cooling, state.limit), (1, None, 6));
        assert_eq!(exits.elsewhere(1), Some(SECOND * 30));
        assert_eq!(exits.elsewhere(0), Some(Duration::ZERO));
        tokio::time::advance(SECOND * 30).await;
        let by = entered(&exits, 4).await;
        assert_eq!(by.iter().filter(|exit| **exit == 0).count(), 2, "{by:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn when_all_cool_down_requests_wait_for_the_first_or_are_throttled() {
        let exits = exits(2, 8);
        throttle(&exits, 0, Some(SECOND * 30)).await;
        throttle(&exits, 1, Some(SECOND * 3)).await;
        let began = tokio::time::Instant::now();
        assert_eq!(entered(&exits, 1).await, [1]);
        assert_eq!(began.elapsed().as_secs(), 3);
        throttle(&exits, 1, Some(SECOND * 60)).await;
        let error = exits.enter().await.unwrap_err();
        let ExtractError::Throttled { retry_after, .. } = error else { panic!("{error}") };
        assert_eq!(retry_after.unwrap().as_secs(), 26, "the sooner of both");
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_waits_gets_the_first_free_slot_of_any_exit() {
        let exits = exits(2, 2);
        let (first, second) = (exits.enter().await.unwrap(), exits.enter().await.unwrap());
        assert_eq!((first.exit, second.exit), (0, 1));
        let mut waiting = Box::pin(exits.enter());
        assert!(futures::poll!(&mut waiting).is_pending());
        exits.succeeded(second);
        assert_eq!(waiting.await.unwrap().exit, 1);
        drop(first);
        assert_eq!(exits.state().in_flight, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn an_unreachable_exit_cools_down_once_no_matter_how_many_requests_fail() {
        let exits = exits(2, 8);
        for _ in 0..9 {
            exits.is_blocked(0, "refused");
        }
        assert_eq!(exits.gates[0].rest(), SECOND);
        assert_eq!(exits.state().cool_downs_total, 0, "YouTube did not throttle");
    }
}
