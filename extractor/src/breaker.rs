//! A breaker for each strategy: a strategy that repeatedly fails where others succeed is skipped
//! for a while, and then probed by a single request.
//!
//! The chain decides what counts as a failure, because only it knows whether another strategy
//! found what this one did not. When all strategies fail, none is at fault and no breaker moves.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How many failures in a row open the breaker; each is one where another strategy succeeded.
const FAILURES_TO_OPEN: u32 = 5;
/// How long a strategy is skipped before it is probed.
const OPEN_TIME: Duration = Duration::from_secs(30);
/// How soon other requests should come back while a probe is in flight.
const PROBE_TIME: Duration = Duration::from_secs(1);

/// What a breaker does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BreakerState {
    /// The strategy is asked.
    Closed,
    /// The strategy is skipped.
    Open,
    /// One probe is in flight; all other requests skip the strategy.
    HalfOpen,
}

/// The breaker of one strategy, shared by all requests.
#[derive(Debug, Default)]
pub(crate) struct StrategyBreaker(Mutex<Circuit>);

#[derive(Debug, Clone, Copy)]
enum Circuit {
    Closed { failures: u32 },
    Open { until: Instant },
    HalfOpen,
}

impl Default for Circuit {
    fn default() -> Self {
        Self::Closed { failures: 0 }
    }
}

/// Permission to ask the strategy once. The chain reports the outcome to it. If it is dropped
/// without one, nothing changes, except that a probe counts as failed: another one has to follow.
#[derive(Debug)]
pub(crate) struct Admission {
    breaker: Arc<StrategyBreaker>,
    name: &'static str,
    is_probe: bool,
}

impl StrategyBreaker {
    /// Permits a request to the strategy of this name.
    ///
    /// # Errors
    /// Returns how long to skip the strategy, while the breaker is not closed.
    pub(crate) fn admit(self: &Arc<Self>, name: &'static str) -> Result<Admission, Duration> {
        let is_probe = self.with(|state| match *state {
            Circuit::Closed { .. } => Ok(false),
            Circuit::HalfOpen => Err(PROBE_TIME),
            Circuit::Open { until } => {
                let left = until.saturating_duration_since(Instant::now());
                if !left.is_zero() {
                    return Err(left);
                }
                *state = Circuit::HalfOpen;
                Ok(true)
            }
        })?;
        Ok(Admission { breaker: self.clone(), name, is_probe })
    }

    pub(crate) fn state(&self) -> BreakerState {
        self.with(|state| match state {
            Circuit::Closed { .. } => BreakerState::Closed,
            Circuit::Open { .. } => BreakerState::Open,
            Circuit::HalfOpen => BreakerState::HalfOpen,
        })
    }

    fn with<T>(&self, change: impl FnOnce(&mut Circuit) -> T) -> T {
        // The state is consistent after every step, so a panic elsewhere does no harm.
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Admission {
    /// The strategy answered; a clear refusal is also an answer.
    pub(crate) fn succeeded(mut self) {
        let was_probe = std::mem::take(&mut self.is_probe);
        self.breaker.with(|state| match state {
            // A request that was in flight before the breaker opened proves nothing.
            Circuit::Open { .. } | Circuit::HalfOpen if !was_probe => {}
            _ => *state = Circuit::default(),
        });
        if was_probe {
            let name = self.name;
            tracing::info!(strategy = name, "the strategy {name} answers again and is asked again");
        }
    }

    /// The strategy found nothing where another one did.
    pub(crate) fn failed(self) {
        if self.is_probe {
            return;
        }
        let has_opened = self.breaker.with(|state| {
            let Circuit::Closed { failures } = state else { return false };
            *failures += 1;
            let is_too_much = *failures >= FAILURES_TO_OPEN;
            if is_too_much {
                *state = Circuit::Open { until: Instant::now() + OPEN_TIME };
            }
            is_too_much
        });
        if has_opened {
            let name = self.name;
            tracing::warn!(
                strategy = name,
                "the strategy {name} fails where others succeed, so it is skipped for {OPEN_TIME:?}"
            );
        }
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        if self.is_probe {
            self.breaker.with(|state| *state = Circuit::Open { until: Instant::now() + OPEN_TIME });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "watch_page";

    fn opened() -> Arc<StrategyBreaker> {
        let breaker = Arc::new(StrategyBreaker::default());
        for _ in 0..FAILURES_TO_OPEN {
            assert_eq!(breaker.state(), BreakerState::Closed);
            breaker.admit(NAME).unwrap().failed();
        }
        assert_eq!(breaker.state(), BreakerState::Open);
        breaker
    }

    #[tokio::test(start_paused = true)]
    async fn it_opens_for_a_time_and_then_lets_one_probe_through() {
        let breaker = opened();
        assert_eq!(breaker.admit(NAME).unwrap_err(), OPEN_TIME);
        tokio::time::advance(OPEN_TIME).await;
        let probe = breaker.admit(NAME).unwrap();
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
        assert!(breaker.admit(NAME).is_err(), "a second probe");
        probe.succeeded();
        assert_eq!(breaker.state(), BreakerState::Closed);
        breaker.admit(NAME).unwrap().failed();
        assert_eq!(breaker.state(), BreakerState::Closed, "it counts from zero again");
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_fails_or_is_dropped_opens_it_again() {
        let breaker = opened();
        for end in [Admission::failed, drop] {
            tokio::time::advance(OPEN_TIME).await;
            end(breaker.admit(NAME).unwrap());
            assert_eq!(breaker.state(), BreakerState::Open);
            assert_eq!(breaker.admit(NAME).unwrap_err(), OPEN_TIME);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn only_failures_in_a_row_count_and_a_dropped_admission_is_not_one() {
        let breaker = Arc::new(StrategyBreaker::default());
        for _ in 0..3 {
            for _ in 1..FAILURES_TO_OPEN {
                breaker.admit(NAME).unwrap().failed();
                drop(breaker.admit(NAME).unwrap());
            }
            breaker.admit(NAME).unwrap().succeeded();
        }
        assert_eq!(breaker.state(), BreakerState::Closed);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_in_flight_before_it_opened_proves_nothing() {
        let breaker = Arc::new(StrategyBreaker::default());
        let late: Vec<_> = (0..2).map(|_| breaker.admit(NAME).unwrap()).collect();
        for _ in 0..FAILURES_TO_OPEN {
            breaker.admit(NAME).unwrap().failed();
        }
        late.into_iter().for_each(Admission::succeeded);
        assert_eq!(breaker.state(), BreakerState::Open);
    }
}
