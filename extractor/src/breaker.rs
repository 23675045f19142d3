//! A breaker for each strategy: one that fails again and again while others succeed is stepped
//! over for a while, and tried again by a single request.
//!
//! It does not judge: the chain does, because only it knows whether another strategy found what
//! this one did not. When all fail, the trouble is not theirs and no breaker moves.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// So many failures in a row, each one put to shame by another strategy.
const FAILURES_TO_OPEN: u32 = 5;
/// How long a strategy is stepped over before it is probed.
const REST: Duration = Duration::from_secs(30);
/// What is told to those who come while a probe is on its way.
const PROBE_TIME: Duration = Duration::from_secs(1);

/// What a breaker does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BreakerState {
    /// Lets it through.
    Closed,
    /// Steps over.
    Open,
    /// One probe is on its way; all others step over.
    HalfOpen,
}

impl BreakerState {
    /// For metric labels and for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half-open",
        }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Breaker(Mutex<State>);

#[derive(Debug, Clone, Copy)]
enum State {
    Closed { failures: u32 },
    Open { until: Instant },
    HalfOpen,
}

impl Default for State {
    fn default() -> Self {
        Self::Closed { failures: 0 }
    }
}

/// Leave to ask once, and the duty to say how it went. Dropped without a word, it changes
/// nothing, but a probe counts as failed: somebody has to come after it.
#[derive(Debug)]
pub(crate) struct Admission {
    breaker: Arc<Breaker>,
    name: &'static str,
    is_probe: bool,
}

impl Breaker {
    /// Leave to ask the strategy of this name; otherwise how long to step over it.
    pub(crate) fn admit(self: &Arc<Self>, name: &'static str) -> Result<Admission, Duration> {
        let is_probe = self.with(|state| match *state {
            State::Closed { .. } => Ok(false),
            State::HalfOpen => Err(PROBE_TIME),
            State::Open { until } => {
                let rest = until.saturating_duration_since(Instant::now());
                if !rest.is_zero() {
                    return Err(rest);
                }
                *state = State::HalfOpen;
                Ok(true)
            }
        })?;
        Ok(Admission { breaker: self.clone(), name, is_probe })
    }

    pub(crate) fn state(&self) -> BreakerState {
        self.with(|state| match state {
            State::Closed { .. } => BreakerState::Closed,
            State::Open { .. } => BreakerState::Open,
            State::HalfOpen => BreakerState::HalfOpen,
        })
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        // The state is whole after every step.
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Admission {
    /// It answered as it should; a clear refusal is such an answer, too.
    pub(crate) fn succeeded(mut self) {
        let was_probe = std::mem::take(&mut self.is_probe);
        self.breaker.with(|state| match state {
            // One that was on its way before the breaker opened proves nothing.
            State::Open { .. } | State::HalfOpen if !was_probe => {}
            _ => *state = State::default(),
        });
        if was_probe {
            tracing::info!(strategy = self.name, "{} answers again", self.name);
        }
    }

    /// It found nothing where another strategy did.
    pub(crate) fn failed(self) {
        if self.is_probe {
            return;
        }
        let has_opened = self.breaker.with(|state| {
            let State::Closed { failures } = state else { return false };
            *failures += 1;
            let is_too_much = *failures >= FAILURES_TO_OPEN;
            if is_too_much {
                *state = State::Open { until: Instant::now() + REST };
            }
            is_too_much
        });
        if has_opened {
            let name = self.name;
            tracing::warn!(strategy = name, "{name} fails where others succeed: stepped over");
        }
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        if self.is_probe {
            self.breaker.with(|state| *state = State::Open { until: Instant::now() + REST });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "watch_page";

    fn opened() -> Arc<Breaker> {
        let breaker = Arc::new(Breaker::default());
        for _ in 0..FAILURES_TO_OPEN {
            assert_eq!(breaker.state(), BreakerState::Closed);
            breaker.admit(NAME).unwrap().failed();
        }
        assert_eq!(breaker.state(), BreakerState::Open);
        breaker
    }

    #[tokio::test(start_paused = true)]
    async fn it_opens_rests_and_lets_one_probe_through() {
        let breaker = opened();
        assert_eq!(breaker.admit(NAME).unwrap_err(), REST);
        tokio::time::advance(REST).await;
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
            tokio::time::advance(REST).await;
            end(breaker.admit(NAME).unwrap());
            assert_eq!(breaker.state(), BreakerState::Open);
            assert_eq!(breaker.admit(NAME).unwrap_err(), REST);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn only_failures_in_a_row_count_and_a_dropped_admission_is_none() {
        let breaker = Arc::new(Breaker::default());
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
    async fn what_was_on_its_way_before_proves_nothing() {
        let breaker = Arc::new(Breaker::default());
        let late: Vec<_> = (0..2).map(|_| breaker.admit(NAME).unwrap()).collect();
        for _ in 0..FAILURES_TO_OPEN {
            breaker.admit(NAME).unwrap().failed();
        }
        late.into_iter().for_each(Admission::succeeded);
        assert_eq!(breaker.state(), BreakerState::Open);
    }
}
