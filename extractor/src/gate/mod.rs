//! Politeness, one for the whole process: every strategy that asks youtube.com passes here.
//!
//! [`limit`] is how many requests may be under way, [`CoolDown`] is when none may begin,
//! [`pacer`] is how close one may follow another. A [`Gate`] is both of the first for one way out
//! (directly, or by a proxy); [`exits`] are all ways out, and say which is next. [`polite`] is the
//! strategy around a strategy that keeps to all this.
//!
//! Throttling halves the limit and begins a cool-down; each window of answers without it lets
//! the limit grow by one. Time-outs, broken connections and 5xx change nothing: they are no word
//! about how much we ask.

pub(crate) mod exits;
mod limit;
mod pacer;
pub(crate) mod polite;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use linkrelay_common::metrics as names;
use metrics::counter;

use self::limit::{AdaptiveLimit, Slot};
use crate::cool_down::CoolDown;

pub(crate) use exits::Exits;
pub(crate) use pacer::Pacer;

/// A request waits out a cool-down of so much here. Who would have to wait longer is told, and
/// may do something better meanwhile: a consumer stops taking records, and says so.
const LONGEST_HELD: Duration = Duration::from_secs(5);

/// How a [`Gate`] is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GateSettings {
    pub(crate) max_concurrent: usize,
    pub(crate) cool_down_min: Duration,
    pub(crate) cool_down_max: Duration,
}

/// See the module. The fields of one moment are for people: each may have changed by the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateState {
    /// How many requests may be under way.
    pub limit: usize,
    /// How many are; more than may for a moment, after throttling.
    pub in_flight: usize,
    /// The time until somebody may ask, if nobody may.
    pub cooling: Option<Duration>,
    /// Cool-downs begun since the start.
    pub cool_downs_total: u64,
    /// How many ways out there are: proxies, or 1.
    pub exits: usize,
    /// How many of them rest.
    pub resting: usize,
}

/// See the module.
#[derive(Debug)]
struct Gate {
    /// The proxy's number, host and port, or `directly`: for people.
    name: String,
    limit: Arc<AdaptiveLimit>,
    cool_down: CoolDown,
    cool_downs: AtomicU64,
}

impl Gate {
    fn new(name: String, settings: GateSettings) -> Self {
        Self {
            name,
            limit: Arc::new(AdaptiveLimit::new(settings.max_concurrent)),
            cool_down: CoolDown::new(settings.cool_down_min, settings.cool_down_max),
            cool_downs: AtomicU64::new(0),
        }
    }

    /// How long nobody may go this way still.
    fn rest(&self) -> Duration {
        self.cool_down.rest().map_or(Duration::ZERO, |(_, rest)| rest)
    }

    /// The far side answered without a word about how much we ask.
    fn succeeded(&self, slot: Slot) {
        slot.succeeded();
        self.cool_down.calm();
    }

    /// It asked for less; gives the wait that follows.
    fn throttled(&self, slot: Slot, reason: &'static str, asked: Option<Duration>) -> Duration {
        if !slot.throttled() {
            return self.cool_down.extend(reason, asked);
        }
        let wait = self.cool_down.start(reason, asked);
        self.cool_downs.fetch_add(1, Ordering::Relaxed);
        counter!(names::COOL_DOWNS).increment(1);
        let (exit, wait_seconds) = (self.name.as_str(), wait.as_secs_f64());
        tracing::warn!(reason, wait_seconds, exit, "YouTube asks for fewer requests: cooling down");
        wait
    }

    /// This way does not lead to the far side; the first of those who find out closes it.
    fn is_blocked(&self, error: &str) {
        if let Some(wait) = self.cool_down.start_if_cool("proxy_unreachable", None) {
            let (proxy, wait_seconds) = (self.name.as_str(), wait.as_secs_f64());
            tracing::warn!(proxy, wait_seconds, error, "this proxy leads nowhere: it rests");
        }
    }
}
