//! The whole process waits when the far side asks for less (429, a bot check, a consent page).

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The first wait when the far side names none; doubled each time it throttles again.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// No wait is longer, whatever the far side says: it is asked again at least this often.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// Shared by every lane of the process.
#[derive(Debug, Default)]
pub(crate) struct CoolDown(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    until: Option<Instant>,
    /// How often in a row the far side throttled without saying for how long.
    strikes: u32,
}

impl CoolDown {
    /// Waits until the process is cool.
    ///
    /// # Cancel safety
    /// Nothing is lost when dropped.
    pub(crate) async fn passed(&self) {
        while let Some(until) =
            self.with(|state| state.until.filter(|until| *until > Instant::now()))
        {
            tokio::time::sleep_until(until).await;
        }
    }

    /// Whether nothing has to wait.
    pub(crate) fn is_cool(&self) -> bool {
        self.with(|state| state.until.is_none_or(|until| until <= Instant::now()))
    }

    /// The far side throttled one request. All that were on their way hit the same wall, so
    /// only the first of them starts a cool-down.
    pub(crate) fn start(&self, reason: &str, retry_after: Option<Duration>) {
        let now = Instant::now();
        let started = self.with(|state| {
            if state.until.is_some_and(|until| until > now) {
                return None;
            }
            let doubled =
                FIRST_WAIT.saturating_mul(1_u32.checked_shl(state.strikes).unwrap_or(u32::MAX));
            let wait = retry_after.unwrap_or(doubled).clamp(FIRST_WAIT, LONGEST_WAIT);
            state.until = Some(now + wait);
            state.strikes = state.strikes.saturating_add(1);
            Some(wait)
        });
        if let Some(wait) = started {
            tracing::warn!(
                reason,
                wait_seconds = wait.as_secs_f64(),
                "throttled: the whole process cools down"
            );
        }
    }

    /// The far side answered as it should.
    pub(crate) fn end(&self) {
        self.with(|state| state.strikes = 0);
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        // The state is whole after every step.
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn waited(cool_down: &CoolDown) -> Duration {
        let before = Instant::now();
        cool_down.passed().await;
        before.elapsed()
    }

    fn about(duration: Duration, seconds: u64) -> bool {
        duration.as_millis().abs_diff(u128::from(seconds) * 1_000) <= 5
    }

    #[tokio::test(start_paused = true)]
    async fn waits_double_until_something_succeeds() {
        let cool_down = CoolDown::default();
        assert!(about(waited(&cool_down).await, 0));
        for seconds in [1, 2, 4] {
            cool_down.start("status_429", None);
            cool_down.start("status_429", None);
            assert!(about(waited(&cool_down).await, seconds));
        }
        cool_down.end();
        cool_down.start("status_429", None);
        assert!(about(waited(&cool_down).await, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn the_far_side_s_own_wait_is_honoured_within_reason() {
        let cool_down = CoolDown::default();
        for (asked, waits) in [(7, 7), (0, 1), (86_400, 300)] {
            cool_down.start("status_429", Some(Duration::from_secs(asked)));
            assert!(about(waited(&cool_down).await, waits), "{asked}");
        }
    }
}
