//! When a link may ask YouTube: once the breaker lets it pass, the process is cool, and one of
//! the MAX_IN_FLIGHT permits is free. Shared by every lane of the process.
//!
//! It must not know: what an answer means.

use std::time::Duration;

use linkrelay_common::metrics as names;
use linkrelay_extractor::CoolDown;
use metrics::gauge;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::breaker::{BreakerPass, OutageBreaker};

/// The first wait when YouTube names none; doubled each time it throttles again.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest wait, even if YouTube names a longer one: it is asked again at least this often.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// What all links wait for before they ask YouTube.
#[derive(Debug)]
pub(crate) struct Permits {
    pub(super) semaphore: Semaphore,
    max_in_flight: usize,
    cool_down: CoolDown,
    breaker: OutageBreaker,
}

/// Permission to ask YouTube once. It is held while YouTube is asked, and not while a link waits
/// for its next attempt or for the store.
#[derive(Debug)]
pub(super) struct Permit<'a> {
    semaphore_permit: SemaphorePermit<'a>,
    /// `None` for an attempt that the breaker does not count.
    pass: Option<BreakerPass<'a>>,
}

impl Permits {
    pub(crate) fn new(max_in_flight: usize, breaker: OutageBreaker) -> Self {
        Self {
            semaphore: Semaphore::new(max_in_flight),
            max_in_flight,
            cool_down: CoolDown::new(FIRST_WAIT, LONGEST_WAIT),
            breaker,
        }
    }

    /// Returns whether all links are held. A lane without progress is then not a standstill.
    pub(crate) fn are_held(&self) -> bool {
        self.is_cooling() || self.breaker.is_open()
    }

    /// Publishes the gauges of permits, cool-down and breaker.
    pub(crate) fn publish_gauges(&self) {
        let in_flight = self.max_in_flight.saturating_sub(self.semaphore.available_permits());
        gauge!(names::LINKS_IN_FLIGHT).set(in_flight as f64);
        gauge!(names::COOLING_DOWN).set(f64::from(u8::from(self.is_cooling())));
        gauge!(names::BREAKER_OPEN).set(f64::from(u8::from(self.breaker.is_open())));
    }

    /// Waits for the breaker, the cool-down and a permit. Waits again if the breaker has opened or
    /// a cool-down has begun by the time the permit is granted.
    ///
    /// # Cancel safety
    /// Nothing is lost when dropped.
    pub(super) async fn next(&self) -> Permit<'_> {
        loop {
            let pass = self.breaker.pass().await;
            self.cool_down.passed().await;
            let semaphore_permit = acquire(&self.semaphore).await;
            if !self.is_cooling() && (pass.is_probe() || !self.breaker.is_open()) {
                return Permit { semaphore_permit, pass: Some(pass) };
            }
        }
    }

    /// Returns whether the breaker holds links.
    pub(super) fn breaker_is_open(&self) -> bool {
        self.breaker.is_open()
    }

    /// Starts a cool-down, because YouTube throttled a link. The others in flight are throttled as
    /// well, so only the first of them starts one.
    pub(super) fn throttled(&self, reason: &'static str, retry_after: Option<Duration>) {
        if let Some(wait) = self.cool_down.start_if_cool(reason, retry_after) {
            tracing::warn!(
                reason,
                wait_seconds = wait.as_secs_f64(),
                "throttled: the whole process cools down"
            );
        }
    }

    /// Notes that YouTube answered a link with metadata, so that the next cool-down is short again.
    pub(super) fn found(&self) {
        self.cool_down.calm();
    }

    /// Returns `open` while the breaker holds links, else `closed`.
    pub(crate) fn breaker_state(&self) -> &'static str {
        if self.breaker.is_open() { "open" } else { "closed" }
    }

    /// Returns how much longer the process cools down.
    pub(crate) fn cool_down_rest(&self) -> Option<Duration> {
        self.cool_down.rest().map(|(_, rest)| rest)
    }

    fn is_cooling(&self) -> bool {
        self.cool_down.rest().is_some()
    }
}

impl<'a> Permit<'a> {
    /// Waits for a permit of this semaphore only.
    ///
    /// # Cancel safety
    /// Nothing is lost when dropped.
    pub(super) async fn of(semaphore: &'a Semaphore) -> Self {
        Self { semaphore_permit: acquire(semaphore).await, pass: None }
    }

    /// Releases the permit after the answer. Returns the pass to which the answer is reported.
    pub(super) fn end(self) -> Option<BreakerPass<'a>> {
        drop(self.semaphore_permit);
        self.pass
    }
}

/// # Cancel safety
/// Nothing is lost when dropped.
async fn acquire(semaphore: &Semaphore) -> SemaphorePermit<'_> {
    // None of these semaphores is ever closed.
    let Ok(permit) = semaphore.acquire().await else { std::future::pending().await };
    permit
}
