//! The time in which no request may begin, after YouTube has asked for fewer.
//!
//! The gate has a cool-down for each exit, and the consumer one for the whole process. It must not
//! know: what waits, or which caller says that YouTube has throttled.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// One cool-down, shared by all requests that it holds back.
#[derive(Debug)]
pub struct CoolDown {
    /// The first wait, doubled each time YouTube throttles again without naming one.
    min: Duration,
    /// The longest wait, even if YouTube names a longer one.
    max: Duration,
    state: Mutex<CoolDownState>,
}

#[derive(Debug, Default)]
struct CoolDownState {
    until: Option<Instant>,
    reason: &'static str,
    /// How many cool-downs have followed each other without a success between them.
    strikes: u32,
}

impl CoolDown {
    /// Makes one in which requests may begin. A wait is at least `min` and at most `max`.
    pub fn new(min: Duration, max: Duration) -> Self {
        Self { min, max, state: Mutex::default() }
    }

    /// Returns why no request may begin, and the time that is left; `None` if requests may begin.
    pub fn rest(&self) -> Option<(&'static str, Duration)> {
        self.with(|state| state.rest())
    }

    /// Waits until requests may begin.
    ///
    /// # Cancel safety
    /// Nothing is lost when dropped.
    pub async fn passed(&self) {
        while let Some((_, rest)) = self.rest() {
            tokio::time::sleep(rest).await;
        }
    }

    /// Begins a cool-down after a first throttled request, or another failure. Returns the wait.
    pub fn start(&self, reason: &'static str, asked: Option<Duration>) -> Duration {
        self.with(|state| self.strike(state, reason, asked))
    }

    /// Like [`CoolDown::start`], for a caller that cannot distinguish a new wave from the last one:
    /// while a cool-down lasts it changes nothing and returns `None`.
    pub fn start_if_cool(&self, reason: &'static str, asked: Option<Duration>) -> Option<Duration> {
        self.with(|state| state.rest().is_none().then(|| self.strike(state, reason, asked)))
    }

    /// Another request of the same wave was throttled; it changes the cool-down only if YouTube
    /// names a longer wait. Returns the wait.
    pub fn extend(&self, reason: &'static str, asked: Option<Duration>) -> Duration {
        let wait = asked.map_or(Duration::ZERO, |asked| asked.clamp(self.min, self.max));
        self.with(|state| self.hold(state, reason, wait))
    }

    /// Reports a success: the next cool-down begins with the shortest wait again.
    pub fn calm(&self) {
        self.with(|state| state.strikes = 0);
    }

    fn strike(
        &self,
        state: &mut CoolDownState,
        reason: &'static str,
        asked: Option<Duration>,
    ) -> Duration {
        let doubled = self.min.saturating_mul(2_u32.saturating_pow(state.strikes));
        state.strikes = state.strikes.saturating_add(1);
        let wait = asked.unwrap_or(doubled).clamp(self.min, self.max);
        self.hold(state, reason, wait)
    }

    fn hold(&self, state: &mut CoolDownState, reason: &'static str, wait: Duration) -> Duration {
        let now = Instant::now();
        let wanted = now + wait;
        let until = state.until.map_or(wanted, |until| until.max(wanted));
        state.until = Some(until);
        state.reason = reason;
        until.saturating_duration_since(now)
    }

    fn with<T>(&self, change: impl FnOnce(&mut CoolDownState) -> T) -> T {
        // The state is consistent after every step, so a panic elsewhere does no harm.
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl CoolDownState {
    fn rest(&self) -> Option<(&'static str, Duration)> {
        let rest = self.until?.saturating_duration_since(Instant::now());
        (!rest.is_zero()).then_some((self.reason, rest))
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
    async fn the_wait_that_youtube_names_is_honoured_within_bounds() {
        for (asked, waits) in [(7, 7), (0, 1), (86_400, 300)] {
            let cool_down = CoolDown::new(SECOND, SECOND * 300);
            assert_eq!(cool_down.start("status_429", Some(SECOND * asked)), SECOND * waits);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn another_request_of_the_same_wave_never_shortens_the_wait_and_may_lengthen_it() {
        let cool_down = CoolDown::new(SECOND, SECOND * 300);
        cool_down.start("status_429", Some(SECOND * 3));
        assert_eq!(cool_down.extend("status_429", None), SECOND * 3);
        assert_eq!(cool_down.extend("status_429", Some(SECOND)), SECOND * 3);
        assert_eq!(cool_down.extend("sorry", Some(SECOND * 9)), SECOND * 9);
        assert_eq!(cool_down.rest(), Some(("sorry", SECOND * 9)));
    }

    /// All requests that were in flight are throttled as well.
    #[tokio::test(start_paused = true)]
    async fn one_wave_is_counted_once_where_it_cannot_be_told_from_the_next() {
        let cool_down = CoolDown::new(SECOND, SECOND * 300);
        for seconds in [1, 2, 4] {
            assert_eq!(cool_down.start_if_cool("status_429", None), Some(SECOND * seconds));
            assert_eq!(cool_down.start_if_cool("status_429", Some(SECOND * 60)), None);
            let begin = Instant::now();
            cool_down.passed().await;
            assert!(begin.elapsed().abs_diff(SECOND * seconds) < Duration::from_millis(5));
            assert_eq!(cool_down.rest(), None);
        }
        cool_down.calm();
        assert_eq!(cool_down.start_if_cool("status_429", None), Some(SECOND));
    }
}
