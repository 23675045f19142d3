//! Holds the pipeline when most recent links fail for reasons that are not their own, so that an
//! outage does not empty the topic into the dead letters.
//!
//! Closed: links flow. Open: they wait, except for one probe in each interval. A probe that gets an
//! answer (a refusal is an answer) closes the breaker.
//!
//! A link counts once as failing, no matter how many attempts it has: one bad link with many
//! attempts is not an outage. A link that succeeds counts each time.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use linkrelay_common::health::Part;
use tokio::sync::Notify;
use tokio::time::Instant;

/// When the breaker opens, and how often it lets a probe through.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OutagePolicy {
    /// How many recent links are evaluated.
    pub(crate) window_links: usize,
    /// With fewer recent links than this, the breaker stays closed.
    pub(crate) min_links: usize,
    /// The share of them that must fail, above 0 and at most 1.
    pub(crate) failure_ratio: f64,
    pub(crate) probe_interval: Duration,
}

/// Shared by every lane of the process.
#[derive(Debug)]
pub(crate) struct OutageBreaker {
    policy: OutagePolicy,
    part: Part,
    state: Mutex<State>,
    /// Wakes the links that wait when the state changes.
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Whether each recent link failed.
    recent: VecDeque<bool>,
    /// `Some` while open.
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    next_probe: Instant,
    is_probing: bool,
}

/// Permission of the breaker to ask YouTube. The outcome is reported to it; if it is dropped
/// without a report, the attempt does not count.
#[derive(Debug)]
pub(crate) struct BreakerPass<'a> {
    breaker: &'a OutageBreaker,
    is_probe: bool,
}

impl OutageBreaker {
    /// Makes a closed breaker that reports to `part`.
    pub(crate) fn new(policy: OutagePolicy, part: Part) -> Self {
        part.ok();
        Self { policy, part, state: Mutex::default(), changed: Notify::new() }
    }

    /// Returns a pass: immediately while closed, or when the next probe is due while open.
    ///
    /// # Cancel safety
    /// Nothing is lost when dropped.
    pub(crate) async fn pass(&self) -> BreakerPass<'_> {
        loop {
            let changed = self.changed.notified();
            let wait_until = match self.with(State::enter) {
                Entry::Free => return BreakerPass { breaker: self, is_probe: false },
                Entry::Probe => return BreakerPass { breaker: self, is_probe: true },
                Entry::Wait { until } => until,
            };
            tokio::select! {
                () = changed => {}
                () = sleep_until(wait_until) => {}
            }
        }
    }

    /// Returns whether links are held.
    pub(crate) fn is_open(&self) -> bool {
        self.with(|state| state.open.is_some())
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        // The state is consistent after every step.
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

enum Entry {
    Free,
    Probe,
    /// `None` to wait until the state changes.
    Wait {
        until: Option<Instant>,
    },
}

impl State {
    fn enter(&mut self) -> Entry {
        let Some(open) = &mut self.open else { return Entry::Free };
        if open.is_probing {
            return Entry::Wait { until: None };
        }
        if open.next_probe > Instant::now() {
            return Entry::Wait { until: Some(open.next_probe) };
        }
        open.is_probing = true;
        Entry::Probe
    }

    fn count(&mut self, has_failed: bool, window_links: usize) {
        self.recent.push_back(has_failed);
        while self.recent.len() > window_links {
            self.recent.pop_front();
        }
    }

    fn is_failing(&self, policy: &OutagePolicy) -> bool {
        let failed = self.recent.iter().filter(|has_failed| **has_failed).count();
        self.recent.len() >= policy.min_links
            && failed as f64 >= policy.failure_ratio * self.recent.len() as f64
    }
}

impl BreakerPass<'_> {
    /// Returns whether the pass was granted although the breaker is open.
    pub(crate) fn is_probe(&self) -> bool {
        self.is_probe
    }

    /// Reports that YouTube answered, with metadata or with a refusal.
    pub(crate) fn succeeded(self) {
        let OutageBreaker { policy, part, changed, .. } = self.breaker;
        let was_open = self.breaker.with(|state| {
            state.count(false, policy.window_links);
            let was_open = state.open.take().is_some();
            if was_open {
                state.recent.clear();
            }
            was_open
        });
        if was_open {
            part.ok();
            changed.notify_waiters();
        }
    }

    /// Reports that YouTube did not answer, for a reason that is not the link's own.
    /// `is_first_attempt` is whether it was the first attempt of this link.
    pub(crate) fn failed(self, is_first_attempt: bool, error: &str) {
        let OutageBreaker { policy, part, .. } = self.breaker;
        let interval = policy.probe_interval;
        let next_probe = Instant::now() + interval;
        let is_open = self.breaker.with(|state| {
            if is_first_attempt {
                state.count(true, policy.window_links);
            }
            if state.open.is_none() && state.is_failing(policy) {
                state.open = Some(Open { next_probe, is_probing: false });
            }
            state.open.is_some()
        });
        if is_open {
            part.fails(format!("most links fail, so they are held, and one is tried every {interval:?}; last: {error}"));
        }
    }
}

impl Drop for BreakerPass<'_> {
    fn drop(&mut self) {
        if !self.is_probe {
            return;
        }
        let next_probe = Instant::now() + self.breaker.policy.probe_interval;
        self.breaker.with(|state| {
            if let Some(open) = &mut state.open {
                *open = Open { next_probe, is_probing: false };
            }
        });
        self.breaker.changed.notify_waiters();
    }
}

async fn sleep_until(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use linkrelay_common::health::Health;

    use super::*;

    const POLICY: OutagePolicy = OutagePolicy {
        window_links: 10,
        min_links: 4,
        failure_ratio: 0.5,
        probe_interval: Duration::from_secs(5),
    };

    fn breaker() -> (OutageBreaker, Health) {
        let health = Health::default();
        (OutageBreaker::new(POLICY, health.part("extraction")), health)
    }

    async fn fail(breaker: &OutageBreaker, is_first_attempt: bool) {
        breaker.pass().await.failed(is_first_attempt, "status 503");
    }

    async fn open_breaker() -> (OutageBreaker, Health) {
        let (breaker, health) = breaker();
        for _ in 0..4 {
            fail(&breaker, true).await;
        }
        (breaker, health)
    }

    #[tokio::test(start_paused = true)]
    async fn it_opens_when_half_of_the_recent_links_fail() {
        let (breaker, health) = breaker();
        breaker.pass().await.succeeded();
        for _ in 0..2 {
            fail(&breaker, true).await;
        }
        assert!(!breaker.is_open(), "three links are too few");
        fail(&breaker, true).await;
        assert!(breaker.is_open());
        let readiness = health.readiness();
        assert!(
            !readiness.ready && readiness.parts["extraction"].contains("status 503"),
            "{readiness:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn one_bad_link_with_many_attempts_does_not_open_it() {
        let (breaker, _) = breaker();
        fail(&breaker, true).await;
        for _ in 0..100 {
            fail(&breaker, false).await;
        }
        assert!(!breaker.is_open());
    }

    #[tokio::test(start_paused = true)]
    async fn while_open_one_probe_at_a_time_passes_each_interval() {
        let (breaker, _) = open_breaker().await;
        let opened = Instant::now();
        let probe = breaker.pass().await;
        assert_eq!(opened.elapsed().as_secs(), 5);
        let second = tokio::time::timeout(Duration::from_secs(60), breaker.pass()).await;
        assert!(second.is_err(), "a second probe passed during the first");
        probe.failed(false, "still 503");
        assert!(breaker.is_open());
        let probe = breaker.pass().await;
        probe.succeeded();
        assert!(!breaker.is_open());
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_is_dropped_makes_room_for_another() {
        let (breaker, _) = open_breaker().await;
        drop(breaker.pass().await);
        breaker.pass().await.succeeded();
        assert!(!breaker.is_open());
    }

    #[tokio::test(start_paused = true)]
    async fn closing_lets_all_links_continue() {
        let (breaker, health) = open_breaker().await;
        let waiting = async { breaker.pass().await.succeeded() };
        let probing = async { breaker.pass().await.succeeded() };
        tokio::join!(probing, waiting);
        assert!(health.readiness().ready);
    }
}
