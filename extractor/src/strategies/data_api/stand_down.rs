//! How long the API is left alone after it has said no.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

use crate::error::ExtractError;

/// Quotas are counted by the day of this place (developers.google.com/youtube/v3/getting-started).
const QUOTA_ZONE: &str = "America/Los_Angeles";
/// More than any rest, should the clock ever jump.
const LONGEST: Duration = Duration::from_secs(25 * 3_600);

/// The rest under way, if there is one.
#[derive(Debug, Default)]
pub(super) struct StandDown {
    until: Mutex<Option<(Timestamp, &'static str)>>,
    has_complained: AtomicBool,
}

impl StandDown {
    /// Whether the API may be asked at this moment.
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

    /// Rests from now on, and gives the error that says so.
    pub(super) fn begin(
        &self,
        now: Timestamp,
        rest: Duration,
        reason: &'static str,
    ) -> ExtractError {
        let until = now.saturating_add(rest).unwrap_or(now);
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = Some((until, reason));
        tracing::warn!(reason, until = %until, "data_api stands down");
        ExtractError::StoodDown { reason, reopens_in: rest }
    }

    /// A key that is refused is the operator's to mend: told once, at the level for that.
    pub(super) fn complain_once(&self, reason: &str) {
        if !self.has_complained.swap(true, Ordering::Relaxed) {
            tracing::error!(reason, "the Data API refuses YOUTUBE_API_KEY");
        }
    }
}

/// How long it is until the day ends by which quotas are counted.
pub(super) fn until_midnight_pacific(now: Timestamp) -> Duration {
    // The zone is part of the program; without it, an hour too late does no harm.
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
    fn a_quota_s_day_ends_at_midnight_in_california() {
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
    fn it_rests_for_its_time_and_says_how_long_that_is() {
        let rest = StandDown::default();
        let now: Timestamp = "2026-01-15T00:00:00Z".parse().unwrap();
        let later = |seconds| now + Duration::from_secs(seconds);
        assert!(rest.check(now).is_ok());
        rest.begin(now, Duration::from_secs(60), "api_rate_limit");
        let error = rest.check(later(20)).unwrap_err();
        let ExtractError::StoodDown { reason, reopens_in } = error else { panic!("{error}") };
        assert_eq!((reason, reopens_in.as_secs()), ("api_rate_limit", 40));
        assert!(rest.check(later(60)).is_ok());
    }
}
