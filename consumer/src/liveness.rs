//! Whether the consumer makes progress when it has work: what `/health/live` answers.
//!
//! Three things can stop making progress: the poll thread, which polls many times a second; a lane
//! that has work and neither finishes nor attempts anything; and a partition that has records and
//! is not read (`progress`). A wait for something that fails (the store, the broker, the topic of
//! dead letters) or for the end of a cool-down is not a standstill.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use linkrelay_common::Partition;
use linkrelay_common::health::Part;

use crate::attempt::Permits;

/// The longest iteration of the poll thread has one synchronous commit while the broker is
/// unreachable, which takes as long as the session time-out; this much comes on top.
const BEYOND_SESSION: Duration = Duration::from_secs(45);
/// No iteration is called too long before that.
const LONGEST_ITERATION: Duration = Duration::from_secs(90);
/// The longest attempt, with every time-out of every strategy; the longest backoff comes on top.
const LONGEST_ATTEMPT: Duration = Duration::from_secs(180);

/// The time of the last progress. Cheap to clone; all clones share one time.
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

    /// Notes that there is progress now.
    pub(crate) fn note(&self) {
        let now_ms = u64::try_from(self.0.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.0.last_ms.store(now_ms, Ordering::Relaxed);
    }

    /// Returns how long ago the last progress was.
    pub(crate) fn age(&self) -> Duration {
        let last = Duration::from_millis(self.0.last_ms.load(Ordering::Relaxed));
        self.0.started.elapsed().saturating_sub(last)
    }
}

/// Shared by the poll thread, which writes it, and the health route, which reads it.
#[derive(Debug)]
pub(crate) struct Liveness {
    pub(crate) iterations: Activity,
    longest_iteration: Duration,
    is_stalled: AtomicBool,
}

impl Liveness {
    /// Makes the liveness of a member with this session time-out.
    pub(crate) fn new(session_timeout: Duration) -> Self {
        Self {
            iterations: Activity::new(),
            longest_iteration: session_timeout
                .saturating_add(BEYOND_SESSION)
                .max(LONGEST_ITERATION),
            is_stalled: AtomicBool::new(false),
        }
    }

    pub(crate) fn is_alive(&self) -> bool {
        self.iterations.age() < self.longest_iteration && !self.is_stalled.load(Ordering::Relaxed)
    }
}

/// Looks for lanes that make no progress; owned by the poll thread.
pub(crate) struct Watchdog {
    pub(crate) liveness: Arc<Liveness>,
    /// A wait for a permit, or for a part that fails, is not a standstill.
    pub(crate) permits: Arc<Permits>,
    pub(crate) parts: Vec<Part>,
    /// How long a lane with work may make no progress.
    pub(crate) limit: Duration,
}

impl Watchdog {
    /// Returns how long a lane with work may make no progress: `backoff_max` and one attempt.
    pub(crate) fn limit(backoff_max: Duration) -> Duration {
        backoff_max.saturating_add(LONGEST_ATTEMPT)
    }

    /// Logs which of these lanes make no progress. Each lane has work, and comes with the time of
    /// its last progress. A partition that has been unread for too long is a standstill as well.
    pub(crate) fn check<'a>(
        &self,
        topic: &str,
        lanes: impl Iterator<Item = (Partition, &'a Activity)>,
        is_unread: bool,
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
        self.liveness.is_stalled.store(is_unread || !stalled.is_empty(), Ordering::Relaxed);
    }

    /// Returns whether work waits for something that is reported elsewhere.
    pub(crate) fn is_held(&self) -> bool {
        self.permits.are_held() || self.parts.iter().any(|part| part.current_failure().is_some())
    }
}

/// Returns the lanes without progress for longer than `limit`, and for how long. While everything
/// is held, the time does not run.
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

    /// Returns an activity whose last progress was this long ago.
    fn still(age: Duration) -> Activity {
        let started = Instant::now().checked_sub(age).unwrap();
        Activity(Arc::new(Stamp { started, last_ms: AtomicU64::new(0) }))
    }

    #[test]
    fn a_lane_without_progress_is_named_unless_everything_is_held() {
        let (moving, stalled_lane) = (still(Duration::ZERO), still(Duration::from_secs(60)));
        let lanes = || [(Partition(0), &moving), (Partition(1), &stalled_lane)].into_iter();
        let limit = Duration::from_secs(30);
        let named = |stalled: Vec<(Partition, Duration)>| {
            stalled.into_iter().map(|(partition, _)| partition).collect::<Vec<_>>()
        };
        assert_eq!(named(stalled(lanes(), false, limit)), [Partition(1)]);
        assert_eq!(named(stalled(lanes(), true, limit)), []);
        // The time begins again when nothing is held any longer.
        assert_eq!(named(stalled(lanes(), false, limit)), []);
    }

    #[test]
    fn a_poll_thread_that_makes_no_progress_is_not_alive_once_the_group_would_notice() {
        for (session_seconds, alive_seconds) in [(6, 89), (45, 89), (120, 164), (300, 344)] {
            let is_alive = |age| {
                let liveness = Liveness::new(Duration::from_secs(session_seconds));
                Liveness { iterations: still(Duration::from_secs(age)), ..liveness }.is_alive()
            };
            assert!(is_alive(alive_seconds), "{session_seconds}");
            assert!(!is_alive(alive_seconds + 2), "{session_seconds}");
        }
    }
}
