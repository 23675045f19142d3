//! How long the broker is asked for the answers that dead letters need: until a stop, and perhaps
//! until a deadline.

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::error::DlqError;

/// How long one request to the broker may take.
const ANSWER_LIMIT: Duration = Duration::from_secs(15);

/// When no more is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asking<'a> {
    stop: &'a CancellationToken,
    deadline: Option<Instant>,
}

impl<'a> Asking<'a> {
    /// Until the stop.
    pub(crate) fn until_stopped(stop: &'a CancellationToken) -> Self {
        Self { stop, deadline: None }
    }

    /// Until the stop, or the deadline.
    pub(crate) fn until(deadline: Instant, stop: &'a CancellationToken) -> Self {
        Self { stop, deadline: Some(deadline) }
    }

    /// Returns how long the next request to the broker may take.
    ///
    /// # Errors
    /// [`DlqError::Stopped`] if nothing more is to be asked.
    pub(crate) fn answer_limit(&self) -> Result<Duration, DlqError> {
        let left = self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let limit = left.map_or(ANSWER_LIMIT, |left| left.min(ANSWER_LIMIT));
        // librdkafka takes whole milliseconds.
        if self.stop.is_cancelled() || limit < Duration::from_millis(1) {
            return Err(DlqError::Stopped);
        }
        Ok(limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_asked_after_a_stop_or_a_deadline() {
        let stop = CancellationToken::new();
        let soon = Instant::now() + Duration::from_secs(3);
        assert_eq!(Asking::until_stopped(&stop).answer_limit().unwrap(), ANSWER_LIMIT);
        let limit = Asking::until(soon, &stop).answer_limit().unwrap();
        assert!(limit <= Duration::from_secs(3), "{limit:?}");
        let late = Instant::now() + ANSWER_LIMIT * 2;
        assert_eq!(Asking::until(late, &stop).answer_limit().unwrap(), ANSWER_LIMIT);
        let over = Asking::until(Instant::now(), &stop).answer_limit();
        assert!(matches!(over, Err(DlqError::Stopped)), "{over:?}");
        stop.cancel();
        for asking in [Asking::until_stopped(&stop), Asking::until(late, &stop)] {
            let over = asking.answer_limit();
            assert!(matches!(over, Err(DlqError::Stopped)), "{over:?}");
        }
    }
}
