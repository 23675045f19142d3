//! How many requests may be in flight: more while they succeed, half as many after throttling.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// A limit that moves between 1 and a maximum, and begins at the maximum.
#[derive(Debug)]
pub(super) struct AdaptiveLimit {
    permits: Arc<Semaphore>,
    state: Mutex<LimitState>,
    max: usize,
}

#[derive(Debug)]
struct LimitState {
    limit: usize,
    /// The successes since the limit last moved.
    successes: usize,
    /// How many of the permits in use will be dropped on return: the limit fell while they were
    /// in use.
    owed: usize,
    last_cut: Option<Instant>,
}

/// The permit of one request.
#[derive(Debug)]
pub(super) struct Slot {
    limit: Arc<AdaptiveLimit>,
    permit: Option<OwnedSemaphorePermit>,
    began: Instant,
}

impl AdaptiveLimit {
    pub(super) fn new(max: usize) -> Self {
        let state = LimitState { limit: max, successes: 0, owed: 0, last_cut: None };
        Self { permits: Arc::new(Semaphore::new(max)), state: Mutex::new(state), max }
    }

    /// Waits for a slot; callers get theirs in the order in which they came.
    ///
    /// # Cancel safety
    /// A dropped call loses only its position in the queue.
    pub(super) async fn acquire(self: &Arc<Self>) -> Slot {
        // The semaphore is never closed; if it were, no request should wait for it.
        let permit = self.permits.clone().acquire_owned().await.ok();
        Slot { limit: self.clone(), permit, began: Instant::now() }
    }

    /// Returns a slot if one is free and no other caller waits for it.
    pub(super) fn try_acquire(self: &Arc<Self>) -> Option<Slot> {
        let permit = self.permits.clone().try_acquire_owned().ok()?;
        Some(Slot { limit: self.clone(), permit: Some(permit), began: Instant::now() })
    }

    pub(super) fn limit(&self) -> usize {
        self.with(|state| state.limit)
    }

    pub(super) fn in_flight(&self) -> usize {
        let given_out = self.with(|state| state.limit + state.owed);
        given_out.saturating_sub(self.permits.available_permits())
    }

    fn grow(&self) {
        let is_new_permit = self.with(|state| {
            state.successes += 1;
            if state.successes < state.limit || state.limit >= self.max {
                return false;
            }
            state.successes = 0;
            state.limit += 1;
            // A permit that was to be dropped on return is kept instead of adding a new one.
            let is_owed = state.owed > 0;
            state.owed -= usize::from(is_owed);
            !is_owed
        });
        if is_new_permit {
            self.permits.add_permits(1);
        }
    }

    /// Halves the limit, but only for a request that began after the limit was last halved: the
    /// earlier ones were throttled in the same wave. Returns whether it did.
    fn cut(&self, began: Instant) -> bool {
        self.with(|state| {
            if state.last_cut.is_some_and(|cut| began <= cut) {
                return false;
            }
            let halved = (state.limit / 2).max(1);
            let fewer = state.limit - halved;
            state.owed += fewer - self.permits.forget_permits(fewer);
            state.limit = halved;
            state.successes = 0;
            state.last_cut = Some(Instant::now());
            true
        })
    }

    fn with<T>(&self, change: impl FnOnce(&mut LimitState) -> T) -> T {
        // The state is consistent after every step, so a panic elsewhere does no harm.
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Slot {
    /// YouTube answered the request and did not throttle.
    pub(super) fn succeeded(self) {
        self.limit.grow();
    }

    /// YouTube throttled the request. Returns whether it is the first of its wave. The slot is
    /// free only when this is dropped, so that the cool-down has begun before the next request
    /// gets it.
    pub(super) fn throttled(&self) -> bool {
        self.limit.cut(self.began)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let is_owed = self.limit.with(|state| {
            let is_owed = state.owed > 0;
            state.owed -= usize::from(is_owed);
            is_owed
        });
        if let Some(permit) = self.permit.take().filter(|_| is_owed) {
            permit.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    /// How many more requests may begin.
    fn free(limit: &Arc<AdaptiveLimit>) -> usize {
        limit.permits.available_permits()
    }

    async fn later() {
        tokio::time::advance(Duration::from_millis(1)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_wave_of_throttling_halves_the_limit_once() {
        let limit = Arc::new(AdaptiveLimit::new(8));
        let mut slots = Vec::new();
        for _ in 0..8 {
            slots.push(limit.acquire().await);
        }
        later().await;
        assert!(slots.pop().unwrap().throttled());
        assert_eq!((limit.limit(), limit.in_flight()), (4, 7));
        assert!(slots.into_iter().all(|slot| !slot.throttled()));
        assert_eq!((limit.limit(), free(&limit)), (4, 4));
    }

    #[tokio::test(start_paused = true)]
    async fn it_never_falls_below_one_and_grows_by_one_a_window_up_to_its_maximum() {
        let limit = Arc::new(AdaptiveLimit::new(4));
        for expected in [2, 1, 1] {
            let slot = limit.acquire().await;
            later().await;
            slot.throttled();
            assert_eq!(limit.limit(), expected);
            later().await;
        }
        let mut seen = Vec::new();
        for _ in 0..12 {
            limit.acquire().await.succeeded();
            seen.push(limit.limit());
        }
        assert_eq!(seen, [2, 2, 3, 3, 3, 4, 4, 4, 4, 4, 4, 4]);
        assert_eq!(free(&limit), 4);
    }

    proptest! {
        #[test]
        fn no_permit_is_ever_lost_or_added(steps in proptest::collection::vec(0_u8..4, 1..200)) {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = runtime.enable_time().start_paused(true).build().unwrap();
            runtime.block_on(async {
                let limit = Arc::new(AdaptiveLimit::new(6));
                let mut out: Vec<Slot> = Vec::new();
                for step in steps {
                    later().await;
                    match step {
                        0 if free(&limit) > 0 => out.push(limit.acquire().await),
                        1 if !out.is_empty() => out.remove(0).succeeded(),
                        2 if !out.is_empty() => drop(out.remove(0).throttled()),
                        3 if !out.is_empty() => drop(out.remove(0)),
                        _ => {}
                    }
                    assert!((1..=6).contains(&limit.limit()));
                    assert_eq!(limit.in_flight(), out.len());
                }
                out.clear();
                assert_eq!(free(&limit), limit.limit());
            });
        }
    }
}
