//! How often a link is tried, and how long it waits in between.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};

/// Attempts and waits for transient errors.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RetryPolicy {
    pub(crate) max_attempts: u32,
    pub(crate) backoff_min: Duration,
    pub(crate) backoff_max: Duration,
}

impl RetryPolicy {
    /// The waits after the first, second, … attempt, with jitter. Ends when no attempt is left.
    pub(crate) fn waits(&self) -> impl Iterator<Item = Duration> + Send + use<> {
        let waits_count =
            usize::try_from(self.max_attempts.saturating_sub(1)).unwrap_or(usize::MAX);
        exponential(self.backoff_min, self.backoff_max).with_max_times(waits_count).build()
    }
}

/// Waits that never end, for what must succeed one day (the store, the dead-letter topic).
pub(crate) fn waits_for_ever(
    min: Duration,
    max: Duration,
) -> impl Iterator<Item = Duration> + Send {
    exponential(min, max).without_max_times().build()
}

fn exponential(min: Duration, max: Duration) -> ExponentialBuilder {
    ExponentialBuilder::default().with_min_delay(min).with_max_delay(max).with_jitter()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn waits_stay_in_bounds_and_end(max_attempts in 1_u32..20, min in 1_u64..1_000, factor in 1_u64..100) {
            let (backoff_min, backoff_max) = (Duration::from_millis(min), Duration::from_millis(min * factor));
            let waits: Vec<Duration> = RetryPolicy { max_attempts, backoff_min, backoff_max }.waits().collect();
            prop_assert_eq!(waits.len(), max_attempts as usize - 1);
            for wait in waits {
                // Jitter adds up to the smallest wait on top.
                prop_assert!(backoff_min <= wait && wait <= backoff_max + backoff_max, "{wait:?}");
            }
        }
    }

    #[test]
    fn waits_for_ever_do_not_end() {
        let max = Duration::from_secs(5);
        let mut waits = waits_for_ever(Duration::from_millis(100), max);
        assert!(waits.nth(10_000).is_some_and(|wait| wait >= max));
    }
}
