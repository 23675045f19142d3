//! How close one request may follow another, if the operator sets a fixed rate.
//!
//! Each request gets the next free slot in a row of equal steps, so there are no bursts, and
//! requests begin in the order in which they came. (A rate limiter from a library would bring a
//! clock of its own, which tests in paused time cannot move.)

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Shared by all clients of YouTube; without a rate, no request waits.
#[derive(Debug, Default)]
pub(crate) struct Pacer {
    step: Option<Duration>,
    next: Mutex<Option<Instant>>,
}

impl Pacer {
    /// Makes a pacer that lets one request begin every `step`.
    pub(crate) fn new(step: Option<Duration>) -> Self {
        Self { step, next: Mutex::default() }
    }

    /// Waits for the next free slot.
    ///
    /// # Cancel safety
    /// If the call is dropped, its slot stays unused.
    pub(crate) async fn wait(&self) {
        let Some(step) = self.step else { return };
        let begin = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            let begin = next.map_or(now, |next| next.max(now));
            *next = Some(begin + step);
            begin
        };
        tokio::time::sleep_until(begin).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn requests_follow_each_other_in_equal_steps_and_never_in_bursts() {
        let pacer = Pacer::new(Some(Duration::from_millis(100)));
        let began = Instant::now();
        futures::future::join_all((0..11).map(|_| pacer.wait())).await;
        assert_eq!(began.elapsed().as_millis(), 1_000);
        tokio::time::advance(Duration::from_secs(60)).await;
        let resumed = Instant::now();
        futures::future::join_all((0..3).map(|_| pacer.wait())).await;
        assert_eq!(resumed.elapsed().as_millis(), 200, "a quiet minute saves up nothing");
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_rate_no_request_waits() {
        let began = Instant::now();
        Pacer::default().wait().await;
        assert_eq!(began.elapsed(), Duration::ZERO);
    }
}
