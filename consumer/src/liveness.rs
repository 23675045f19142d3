//! Whether the consumer makes progress though it should: what `/health/live` hangs on.
//!
//! Two things may stand still: the poll thread, which turns many times a second, and a lane that
//! has work and neither finishes nor tries anything. Waiting for something that is down (the
//! store, the broker, a cooling-down YouTube) is no standstill.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use linkrelay_common::health::Part;

use crate::process::Processor;

/// What may hold the poll thread is one synchronous commit while the broker is away, for as long
/// as the session time-out (45 s).
const LONGEST_TURN: Duration = Duration::from_secs(90);
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
    pub(crate) turns: Activity,
    is_stalled: AtomicBool,
}

impl Liveness {
    pub(crate) fn new() -> Self {
        Self { turns: Activity::new(), is_stalled: AtomicBool::new(false) }
    }

    pub(crate) fn is_alive(&self) -> bool {
        self.turns.age() < LONGEST_TURN && !self.is_stalled.load(Ordering::Relaxed)
    }
}

/// Looks for lanes that stand still; owned by the poll thread.
pub(crate) struct Watchdog {
    pub(crate) liveness: Arc<Liveness>,
    /// Waiting for these is no standstill.
    pub(crate) processor: Arc<Processor>,
    pub(crate) store: Part,
    pub(crate) broker: Part,
    pub(crate) limit: Duration,
}

impl Watchdog {
    /// A lane with work may stand still for `backoff_max` and one attempt.
    pub(crate) fn limit(backoff_max: Duration) -> Duration {
        backoff_max.saturating_add(LONGEST_ATTEMPT)
    }

    /// Judges the lanes that have work, each with its last activity.
    pub(crate) fn check<'a>(&self, topic: &str, lanes: impl Iterator<Item = (i32, &'a Activity)>) {
        let is_held = self.is_held();
        let mut is_stalled = false;
        for (partition, activity) in lanes {
            if is_held {
                activity.note();
            }
            let age = activity.age();
            if age > self.limit {
                is_stalled = true;
                let seconds = age.as_secs();
                tracing::error!(
                    topic,
                    partition,
                    seconds,
                    "a partition has work and makes no progress"
                );
            }
        }
        self.liveness.is_stalled.store(is_stalled, Ordering::Relaxed);
    }

    fn is_held(&self) -> bool {
        !self.processor.cool_down.is_cool()
            || self.processor.breaker.is_open()
            || self.store.current_trouble().is_some()
            || self.broker.current_trouble().is_some()
    }
}
