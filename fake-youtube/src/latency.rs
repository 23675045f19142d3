//! How long an answer takes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::pages::Draws;

/// The delay of every answer; a change also applies to requests that wait already.
#[derive(Debug)]
pub(crate) struct Latency {
    fixed: watch::Sender<Duration>,
    jitter: Duration,
    seed: u64,
    waits_total: AtomicU64,
}

impl Latency {
    pub(crate) fn new(fixed: Duration, jitter: Duration, seed: u64) -> Self {
        let (fixed, _) = watch::channel(fixed);
        Self { fixed, jitter, seed, waits_total: AtomicU64::new(0) }
    }

    pub(crate) fn set(&self, fixed: Duration) {
        self.fixed.send_replace(fixed);
    }

    /// Waits as long as an answer takes, or until `stop` is cancelled.
    pub(crate) async fn wait(&self, stop: &CancellationToken) {
        let began = Instant::now();
        let number = self.waits_total.fetch_add(1, Ordering::Relaxed);
        let share = Draws::new(self.seed, &["jitter", &number.to_string()]).fraction();
        let jitter = self.jitter.mul_f64(share);
        let mut changes = self.fixed.subscribe();
        loop {
            let wait = changes.borrow_and_update().saturating_add(jitter);
            if wait.is_zero() {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(wait.saturating_sub(began.elapsed())) => return,
                () = stop.cancelled() => return,
                // The sender is in `self`, so this is a change.
                _ = changes.changed() => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn jitter_spreads_the_answers_between_its_bounds() {
        let second = Duration::from_secs(1);
        let latency = Latency::new(second, second, 3);
        let stop = CancellationToken::new();
        let mut waits = Vec::new();
        for _ in 0..50 {
            let began = Instant::now();
            latency.wait(&stop).await;
            waits.push(began.elapsed());
        }
        // The clock is paused, so these are the waits asked for, not measured ones.
        let (shortest, longest) = (waits.iter().min().unwrap(), waits.iter().max().unwrap());
        assert!(
            *shortest >= second && *longest <= second * 2 + Duration::from_millis(2),
            "{waits:?}"
        );
        assert!(*longest - *shortest > second / 2, "{waits:?}");
    }

    #[tokio::test]
    async fn the_longest_delay_does_not_panic() {
        let latency = Latency::new(Duration::MAX, Duration::MAX, 0);
        let stop = CancellationToken::new();
        stop.cancel();
        latency.wait(&stop).await;
    }
}
