//! Politeness, one for the whole process: every strategy that asks youtube.com passes here.
//!
//! [`limit`] is how many requests may be under way, [`cool_down`] is when none may begin,
//! [`pacer`] is how close one may follow another. [`polite`] is the strategy around a strategy
//! that keeps to all this.
//!
//! Throttling halves the limit and begins a cool-down; each window of answers without it lets
//! the limit grow by one. Time-outs, broken connections and 5xx change nothing: they are no word
//! about how much we ask.

mod cool_down;
mod limit;
mod pacer;
pub(crate) mod polite;

use std::sync::Arc;
use std::time::Duration;

use crate::error::ExtractError;

use self::cool_down::CoolDown;
use self::limit::{AdaptiveLimit, Slot};

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
    /// The rest of the cool-down, if there is one.
    pub cooling: Option<Duration>,
    /// Cool-downs begun since the start.
    pub cool_downs_total: u64,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Gate {
    limit: Arc<AdaptiveLimit>,
    cool_down: CoolDown,
}

impl Gate {
    pub(crate) fn new(settings: GateSettings) -> Self {
        Self {
            limit: Arc::new(AdaptiveLimit::new(settings.max_concurrent)),
            cool_down: CoolDown::new(settings.cool_down_min, settings.cool_down_max),
        }
    }

    /// Waits for leave to ask.
    ///
    /// # Errors
    /// [`ExtractError::Throttled`] if that would be longer than [`LONGEST_HELD`].
    ///
    /// # Cancel safety
    /// Nothing is lost when dropped.
    async fn enter(&self) -> Result<Slot, ExtractError> {
        loop {
            if let Some((reason, rest)) = self.cool_down.rest() {
                if rest > LONGEST_HELD {
                    return Err(ExtractError::Throttled { reason, retry_after: Some(rest) });
                }
                // Outside of the limit, or all who wait would go at once when it is over.
                tokio::time::sleep(rest).await;
            }
            let slot = self.limit.acquire().await;
            if self.cool_down.rest().is_none() {
                return Ok(slot);
            }
        }
    }

    /// The far side answered without a word about how much we ask.
    fn succeeded(&self, slot: Slot) {
        slot.succeeded();
        self.cool_down.calm();
    }

    /// It asked for less; gives the wait that follows.
    fn throttled(&self, slot: Slot, reason: &'static str, asked: Option<Duration>) -> Duration {
        if slot.throttled() {
            self.cool_down.start(reason, asked)
        } else {
            self.cool_down.extend(reason, asked)
        }
    }

    /// As it is at this moment.
    pub(crate) fn state(&self) -> GateState {
        GateState {
            limit: self.limit.limit(),
            in_flight: self.limit.in_flight(),
            cooling: self.cool_down.rest().map(|(_, rest)| rest),
            cool_downs_total: self.cool_down.total(),
        }
    }
}
