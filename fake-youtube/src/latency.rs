//! How long an answer takes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::pages::Draws;

/// The delay of every answer; may change at any time, also for those that wait already.
#[derive(Debug)]
pub(crate) struct Latency {
    delay: watch::Sender<Delay>,
    seed: u64,
    waits_total: AtomicU64,
}

#[derive(Debug, Clone, Copy)]
struct Delay {
    fixed: Duration,
    jitter: Duration,
}

impl Latency {
    pub(crate) fn new(fixed: Duration, jitter: Duration, seed: u64) -> Self {
        let (delay, _) = watch::channel(Delay { fixed, jitter });
        Self { delay, seed, waits_total: AtomicU64::new(0) }
    }

    pub(crate) fn set(&self, fixed: Duration) {
        self.delay.send_modify(|delay| delay.fixed = fixed);
    }

    /// Waits as long as an answer takes, or until `stop`.
    pub(crate) async fn wait(&self, stop: &CancellationToken) {
        let began = Instant::now();
        let number = self.waits_total.fetch_add(1, Ordering::Relaxed);
        let share = Draws::new(self.seed, &["jitter", &number.to_string()]).fraction();
        let mut changes = self.delay.subscribe();
        loop {
            let delay = *changes.borrow_and_update();
            let wait = delay.fixed.saturating_add(delay.jitter.mul_f64(share));
            if wait.is_zero() {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(wait.saturating_sub(began.elapsed())) => return,
                () = stop.cancelled() => return,
                // The sender lives in `self`, so this is a change.
                _ = changes.changed() => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

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
        // The clock of this test is paused: these are the waits asked for, not measured ones.
        let (shortest, longest) = (waits.iter().min().unwrap(), waits.iter().max().unwrap());
        assert!(
            *shortest >= second && *longest <= second * 2 + Duration::from_millis(2),
            "{waits:?}"
        );
        assert!(*longest - *shortest > second / 2, "{waits:?}");
    }

    #[tokio::test]
    async fn an_endless_wait_is_no_panic() {
        let latency = Latency::new(Duration::MAX, Duration::MAX, 0);
        let stop = CancellationToken::new();
        stop.cancel();
        latency.wait(&stop).await;
    }

    #[tokio::test]
    async fn a_change_and_a_stop_reach_those_that_wait() {
        let hours = Duration::from_secs(36_000);
        let latency = Arc::new(Latency::new(hours, Duration::ZERO, 0));
        let stop = CancellationToken::new();
        let wait = |latency: &Arc<Latency>, stop: &CancellationToken| {
            let (latency, stop) = (Arc::clone(latency), stop.clone());
            tokio::spawn(async move { latency.wait(&stop).await })
        };
        let waiting = wait(&latency, &stop);
        latency.set(Duration::ZERO);
        waiting.await.unwrap();
        latency.set(hours);
        let waiting = wait(&latency, &stop);
        stop.cancel();
        waiting.await.unwrap();
    }
}
