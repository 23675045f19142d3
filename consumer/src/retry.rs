//! The backoff between attempts, and the pauses between retries of what must succeed.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

/// The waits between attempts.
pub(crate) type Waits = ExponentialBackoff;

/// Attempts and waits for transient errors.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RetryPolicy {
    pub(crate) max_attempts: u32,
    pub(crate) backoff_min: Duration,
    pub(crate) backoff_max: Duration,
}

impl RetryPolicy {
    /// Returns the waits after the first, second, … attempt, with jitter. They end when no attempt
    /// is left.
    pub(crate) fn waits(&self) -> Waits {
        let waits_count =
            usize::try_from(self.max_attempts.saturating_sub(1)).unwrap_or(usize::MAX);
        let Self { backoff_min: min, backoff_max: max, .. } = *self;
        Pauses { min, max }.builder().with_max_times(waits_count).build()
    }
}

/// The pauses between retries of what must succeed in the end: they grow from `min` to `max`, with
/// jitter.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pauses {
    min: Duration,
    max: Duration,
}

impl Pauses {
    /// For the store, while records wait for it.
    pub(crate) const OF_STORE: Self =
        Self { min: Duration::from_millis(100), max: Duration::from_secs(5) };
    /// For the store, while a client waits for it.
    pub(crate) const OF_STORE_FOR_CLIENT: Self =
        Self { min: Duration::from_millis(50), max: Duration::from_secs(1) };
    /// For what keeps dead letters.
    pub(crate) const OF_DEAD_LETTERS: Self =
        Self { min: Duration::from_millis(200), max: Duration::from_secs(10) };
    /// For the topic of results.
    pub(crate) const OF_RESULTS: Self =
        Self { min: Duration::from_millis(200), max: Duration::from_secs(5) };

    fn builder(self) -> ExponentialBuilder {
        ExponentialBuilder::default()
            .with_min_delay(self.min)
            .with_max_delay(self.max)
            .with_jitter()
    }

    /// Returns the pauses, which never end.
    pub(crate) fn forever(self) -> Waits {
        self.builder().without_max_times().build()
    }
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
    fn pauses_grow_and_never_end() {
        for pauses in [
            Pauses::OF_STORE,
            Pauses::OF_STORE_FOR_CLIENT,
            Pauses::OF_DEAD_LETTERS,
            Pauses::OF_RESULTS,
        ] {
            let Pauses { min, max } = pauses;
            let mut waits = pauses.forever();
            assert!(waits.next().is_some_and(|wait| min <= wait && wait <= min + min));
            assert!(waits.nth(10_000).is_some_and(|wait| wait >= max));
        }
    }
}
