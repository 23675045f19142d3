//! When nobody may begin: after the far side has asked for less.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// One clock for all who go the same way.
#[derive(Debug)]
pub(super) struct CoolDown {
    /// The first wait, doubled each time the far side throttles again without naming one.
    min: Duration,
    /// No wait is longer, whatever the far side says.
    max: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    until: Option<Instant>,
    reason: &'static str,
    /// Cool-downs in a row.
    strikes: u32,
}

impl CoolDown {
    pub(super) fn new(min: Duration, max: Duration) -> Self {
        Self { min, max, state: Mutex::default() }
    }

    /// Why nobody may begin, and for how long still; `None` if everybody may.
    pub(super) fn rest(&self) -> Option<(&'static str, Duration)> {
        self.with(|state| {
            let rest = state.until?.saturating_duration_since(Instant::now());
            (!rest.is_zero()).then_some((state.reason, rest))
        })
    }

    /// A new wave of throttling, or of another trouble, has begun. Gives the wait.
    pub(super) fn start(&self, reason: &'static str, asked: Option<Duration>) -> Duration {
        self.with(|state| {
            let doubled = self.min.saturating_mul(2_u32.saturating_pow(state.strikes));
            state.strikes = state.strikes.saturating_add(1);
            let wait = asked.unwrap_or(doubled).clamp(self.min, self.max);
            self.hold(state, reason, wait)
        })
    }

    /// One more of the same wave; only a longer wait that it names itself counts.
    pub(super) fn extend(&self, reason: &'static str, asked: Option<Duration>) -> Duration {
        let wait = asked.map_or(Duration::ZERO, |asked| asked.clamp(self.min, self.max));
        self.with(|state| self.hold(state, reason, wait))
    }

    /// An answer came as it should.
    pub(super) fn calm(&self) {
        self.with(|state| state.strikes = 0);
    }

    fn hold(&self, state: &mut State, reason: &'static str, wait: Duration) -> Duration {
        let now = Instant::now();
        let wanted = now + wait;
        let until = state.until.map_or(wanted, |until| until.max(wanted));
        state.until = Some(until);
        state.reason = reason;
        until.saturating_duration_since(now)
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        // The state is whole after every step.
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn waits_double_until_an_answer_comes() {
        let cool_down = CoolDown::new(SECOND, SECOND * 300);
        for seconds in [1, 2, 4] {
            assert_eq!(cool_down.start("status_429", None), SECOND * seconds);
            tokio::time::advance(SECOND * seconds).await;
            assert_eq!(cool_down.rest(), None);
        }
        cool_down.calm();
        assert_eq!(cool_down.start("status_429", None), SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn the_far_side_s_own_wait_is_honoured_within_bounds() {
        for (asked, waits) in [(7, 7), (0, 1), (86_400, 300)] {
            let cool_down = CoolDown::new(SECOND, SECOND * 300);
            assert_eq!(cool_down.start("status_429", Some(SECOND * asked)), SECOND * waits);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_more_of_the_same_wave_never_shortens_and_may_lengthen() {
        let cool_down = CoolDown::new(SECOND, SECOND * 300);
        cool_down.start("status_429", Some(SECOND * 3));
        assert_eq!(cool_down.extend("status_429", None), SECOND * 3);
        assert_eq!(cool_down.extend("status_429", Some(SECOND)), SECOND * 3);
        assert_eq!(cool_down.extend("sorry", Some(SECOND * 9)), SECOND * 9);
        assert_eq!(cool_down.rest(), Some(("sorry", SECOND * 9)));
    }
}
