//! Whether the consumer makes progress though it should: what `/health/live` hangs on.
//!
//! Two things may stand still: the poll thread, which polls many times a second, and a lane that
//! has work and neither finishes nor tries anything. Waiting for something that is down (the
//! store, the broker, the topic of dead letters, a cooling-down YouTube) is no standstill.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use linkrelay_common::Partition;
use linkrelay_common::health::Part;

use crate::attempt::Permits;

/// What may hold the poll thread is one synchronous commit while the broker is away, for as long
/// as the session time-out (45 s).
const LONGEST_ITERATION: Duration = Duration::from_secs(90);
/// On top of the longest backoff: an attempt with every time-out of every strategy.
const LONGEST_ATTEMPT: Duration = Duration::from_secs(180);

/// The last time at which something moved. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub(crate) struct Activity(Arc<Stamp>);

#[derive(Debug)]
struct Stamp {
    started: Instant,
    last_ms: AtomicU64,
}

impl Activity {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Stamp { started: Instant::now(), last_ms: AtomicU64::new(0) }))
    }

    /// Something moved.
    pub(crate) fn note(&self) {
        let now_ms = u64::try_from(self.0.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.0.last_ms.store(now_ms, Ordering::Relaxed);
    }

    /// How long ago that was.
    pub(crate) fn age(&self) -> Duration {
        let last = Duration::from_millis(self.0.last_ms.load(Ordering::Relaxed));
        self.0.started.elapsed().saturating_sub(last)
    }
}

/// Shared by the poll thread, which reports, and the health route, which asks.
#[derive(Debug)]
pub(crate) struct Liveness {
    pub(crate) iterations: Activity,
    is_stalled: AtomicBool,
}

impl Liveness {
    pub(crate) fn new() -> Self {
        Self { iterations: Activity::new(), is_stalled: AtomicBool::new(false) }
    }

    pub(crate) fn is_alive(&self) -> bool {
        self.iterations.age() < LONGEST_ITERATION && !self.is_stalled.load(Ordering::Relaxed)
    }
}

/// Looks for lanes that stand still; owned by the poll thread.
pub(crate) struct Watchdog {
    pub(crate) liveness: Arc<Liveness>,
    /// Waiting for these is no standstill.
    pub(crate) permits: Arc<Permits>,
    pub(crate) store: Part,
    pub(crate) broker: Part,
    pub(crate) dead_letters: Part,
    pub(crate) lists: Part,
    pub(crate) limit: Duration,
}

impl Watchdog {
    /// A lane with work may stand still for `backoff_max` and one attempt.
    pub(crate) fn limit(backoff_max: Duration) -> Duration {
        backoff_max.saturating_add(LONGEST_ATTEMPT)
    }

    /// Judges the lanes that have work, each with its last activity.
    pub(crate) fn check<'a>(
        &self,
        topic: &str,
        lanes: impl Iterator<Item = (Partition, &'a Activity)>,
    ) {
        let stalled = stalled(lanes, self.is_held(), self.limit);
        for (partition, age) in &stalled {
            let seconds = age.as_secs();
            tracing::error!(
                topic,
                partition = partition.0,
                seconds,
                "a partition has work and makes no progress"
            );
        }
        self.liveness.is_stalled.store(!stalled.is_empty(), Ordering::Relaxed);
    }

    fn is_held(&self) -> bool {
        self.permits.are_held()
            || self.store.current_failure().is_some()
            || self.broker.current_failure().is_some()
            || self.dead_letters.current_failure().is_some()
            || self.lists.current_failure().is_some()
    }
}

/// The lanes that stand still, and for how long. While everything is held, the time does not run.
fn stalled<'a>(
    lanes: impl Iterator<Item = (Partition, &'a Activity)>,
    is_held: bool,
    limit: Duration,
) -> Vec<(Partition, Duration)> {
    let mut stalled = Vec::new();
    for (partition, activity) in lanes {
        if is_held {
            activity.note();
        }
        let age = activity.age();
        if age > limit {
            stalled.push((partition, age));
        }
    }
    stalled
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An activity that stood still for so long.
    fn still(age: Duration) -> Activity {
        let started = Instant::now().checked_sub(age).unwrap();
        Activity(Arc::new(Stamp { started, last_ms: AtomicU64::new(0) }))
    }

    #[test]
    fn a_lane_that_stands_still_is_named_unless_everything_is_held() {
        let (moving, standing) = (still(Duration::ZERO), still(Duration::from_secs(60)));
        let lanes = || [(Partition(0), &moving), (Partition(1), &standing)].into_iter();
        let limit = Duration::from_secs(30);
        let named = |stalled: Vec<(Partition, Duration)>| {
            stalled.into_iter().map(|(partition, _)| partition).collect::<Vec<_>>()
        };
        assert_eq!(named(stalled(lanes(), false, limit)), [Partition(1)]);
        assert_eq!(named(stalled(lanes(), true, limit)), []);
        // The time begins anew when the hold is over.
        assert_eq!(named(stalled(lanes(), false, limit)), []);
    }

    #[test]
    fn a_poll_thread_that_makes_no_progress_is_not_alive() {
        let liveness =
            |age| Liveness { iterations: still(age), is_stalled: AtomicBool::new(false) };
        assert!(liveness(Duration::from_secs(60)).is_alive());
        assert!(!liveness(Duration::from_secs(91)).is_alive());
    }
}
