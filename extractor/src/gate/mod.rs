//! The limits of the whole process towards youtube.com: every strategy that asks it passes here.
//!
//! [`limit`] is how many requests may be in flight, [`CoolDown`] is when none may begin,
//! [`pacer`] is how close one may follow another. A [`Gate`] is the limit and the cool-down of one
//! exit (the direct connection, or a proxy); [`exits`] holds all exits and chooses the next one.
//! [`polite`] wraps a strategy so that it keeps to these limits.
//!
//! An answer against a video (a refusal, or throttling each time) moves nothing by itself:
//! [`evidence`] is what other requests prove about it, [`canary`] asks for a proof where there is
//! none, and [`alone`] suspects videos that are throttled alone.
//!
//! Throttling halves the limit and begins a cool-down; each window of answers without throttling
//! lets the limit grow by one. Time-outs, broken connections and 5xx change nothing: they do not
//! mean that linkrelay asks too much.

mod alone;
mod canary;
mod evidence;
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

pub(crate) use canary::Canary;
pub(crate) use exits::Exits;
pub(crate) use pacer::Pacer;

/// The longest cool-down for which a request waits here. A longer one is returned as an error, so
/// that the consumer can stop taking records and report it.
const LONGEST_HELD: Duration = Duration::from_secs(5);

/// The settings of a [`Gate`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GateSettings {
    pub(crate) max_concurrent: usize,
    pub(crate) cool_down_min: Duration,
    pub(crate) cool_down_max: Duration,
}

/// A snapshot of all gates together, for metrics and checks; the fields are read one by one, so
/// they may not match each other exactly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateState {
    /// How many requests may be in flight.
    pub limit: usize,
    /// How many requests are in flight; for a short time after throttling, more than `limit`.
    pub in_flight: usize,
    /// The time until a request may begin; `None` if one may begin now.
    pub cooling: Option<Duration>,
    /// How many cool-downs have begun since the start.
    pub cool_downs_total: u64,
    /// How many exits there are: the number of proxies, or 1.
    pub exits: usize,
    /// How many exits cool down.
    pub resting: usize,
}

/// The limit and the cool-down of one exit.
#[derive(Debug)]
struct Gate {
    /// The proxy's number, host and port, or `directly`, for the log.
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

    /// Returns how much longer no request may begin through this exit.
    fn rest(&self) -> Duration {
        self.cool_down.rest().map_or(Duration::ZERO, |(_, rest)| rest)
    }

    /// YouTube answered and did not throttle.
    fn succeeded(&self, slot: Slot) {
        slot.succeeded();
        self.cool_down.calm();
    }

    /// YouTube asked for fewer requests. Returns the cool-down that follows.
    fn throttled(&self, slot: Slot, reason: &'static str, asked: Option<Duration>) -> Duration {
        if !slot.throttled() {
            return self.cool_down.extend(reason, asked);
        }
        let wait = self.cool_down.start(reason, asked);
        self.cool_downs.fetch_add(1, Ordering::Relaxed);
        counter!(names::COOL_DOWNS).increment(1);
        let (exit, wait_seconds) = (self.name.as_str(), wait.as_secs_f64());
        tracing::warn!(
            reason,
            wait_seconds,
            exit,
            "YouTube asks for fewer requests, so none begins for {wait_seconds:.1} s (exit: {exit})"
        );
        wait
    }

    /// This exit does not reach YouTube; the first request that finds out closes it.
    fn is_blocked(&self, error: &str) {
        if let Some(wait) = self.cool_down.start_if_cool("proxy_unreachable", None) {
            let (proxy, wait_seconds) = (self.name.as_str(), wait.as_secs_f64());
            tracing::warn!(
                proxy,
                wait_seconds,
                error,
                "the proxy {proxy} does not reach YouTube, so it is not used for \
                 {wait_seconds:.1} s: {error}"
            );
        }
    }
}
