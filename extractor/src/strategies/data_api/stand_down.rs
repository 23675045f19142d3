//! How long the Data API is not asked after it has refused.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

use crate::error::ExtractError;

/// The time zone whose days quotas are counted by
/// (developers.google.com/youtube/v3/getting-started).
const QUOTA_ZONE: &str = "America/Los_Angeles";
/// An upper bound for every wait, in case the clock jumps.
const LONGEST: Duration = Duration::from_secs(25 * 3_600);

/// Until when the API is not asked, and why.
#[derive(Debug, Default)]
pub(super) struct StandDown {
    until: Mutex<Option<(Timestamp, &'static str)>>,
    has_logged_key: AtomicBool,
}

impl StandDown {
    /// Checks whether the API may be asked now.
    ///
    /// # Errors
    /// [`ExtractError::StoodDown`] while it may not.
    pub(super) fn check(&self, now: Timestamp) -> Result<(), ExtractError> {
        match *self.until.lock().unwrap_or_else(PoisonError::into_inner) {
            Some((until, reason)) if until > now => {
                Err(ExtractError::StoodDown { reason, reopens_in: between(now, until) })
            }
            _ => Ok(()),
        }
    }

    /// Closes the API for `wait`, and returns the error for the caller that was refused.
    pub(super) fn begin(
        &self,
        now: Timestamp,
        wait: Duration,
        reason: &'static str,
    ) -> ExtractError {
        let until = now.saturating_add(wait).unwrap_or(now);
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = Some((until, reason));
        tracing::warn!(reason, until = %until, "data_api stands down until {until}: {reason}");
        ExtractError::StoodDown { reason, reopens_in: wait }
    }

    /// Logs once, as an error, that the key is refused: only the operator can fix it.
    pub(super) fn log_refused_key_once(&self, reason: &str) {
        if !self.has_logged_key.swap(true, Ordering::Relaxed) {
            tracing::error!(reason, "the Data API refuses YOUTUBE_API_KEY: {reason}");
        }
    }
}

/// Returns the time until the day ends by which quotas are counted.
pub(super) fn until_midnight_pacific(now: Timestamp) -> Duration {
    // The time zones are built in; if this one were missing, an hour too late does no harm.
    let zone = TimeZone::get(QUOTA_ZONE).unwrap_or_else(|_| TimeZone::fixed(Offset::constant(-8)));
    let next_day = now.to_zoned_datetime(zone).tomorrow().and_then(|next| next.start_of_day());
    next_day.map_or(LONGEST, |midnight| between(now, midnight.timestamp()))
}

fn between(now: Timestamp, until: Timestamp) -> Duration {
    Duration::try_from(now.duration_until(until)).unwrap_or_default().min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_of_a_quota_ends_at_midnight_in_california() {
        for (now, seconds) in [
            // Winter, UTC-8.
            ("2026-01-15T07:59:59Z", 1),
            ("2026-01-15T08:00:00Z", 86_400),
            // Summer, UTC-7.
            ("2026-07-15T06:59:00Z", 60),
            // The days on which the clocks change have 23 and 25 hours.
            ("2026-03-08T08:00:00Z", 23 * 3_600),
            ("2026-11-01T07:00:00Z", 25 * 3_600),
        ] {
            let wait = until_midnight_pacific(now.parse().unwrap());
            assert_eq!(wait.as_secs(), seconds, "{now}");
        }
    }

    #[test]
    fn it_is_closed_for_its_time_and_the_error_says_how_long() {
        let stand_down = StandDown::default();
        let now: Timestamp = "2026-01-15T00:00:00Z".parse().unwrap();
        let later = |seconds| now + Duration::from_secs(seconds);
        assert!(stand_down.check(now).is_ok());
        stand_down.begin(now, Duration::from_secs(60), "api_rate_limit");
        let error = stand_down.check(later(20)).unwrap_err();
        let ExtractError::StoodDown { reason, reopens_in } = error else { panic!("{error}") };
        assert_eq!((reason, reopens_in.as_secs()), ("api_rate_limit", 40));
        assert!(stand_down.check(later(60)).is_ok());
    }
}
