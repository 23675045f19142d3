//! A snapshot of the extractor, and the gauges that show it.

use linkrelay_common::metrics as names;
use metrics::gauge;

use crate::breaker::BreakerState;
use crate::cache::CacheCounts;
use crate::gate::GateState;

/// A snapshot of an [`crate::Extractor`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtractorState {
    /// Each strategy in the order of the chain, with the state of its breaker.
    pub breakers: Vec<(&'static str, BreakerState)>,
    /// How many requests YouTube is asked at most, and how many are in flight.
    pub gate: GateState,
    /// How often an answer came from the cache, from a request in flight, or from YouTube.
    pub cache: CacheCounts,
}

impl ExtractorState {
    /// Publishes the snapshot for /metrics.
    pub(crate) fn publish_gauges(&self) {
        for (strategy, breaker) in &self.breakers {
            gauge!(names::STRATEGY_BREAKER, "strategy" => *strategy).set(level(*breaker));
        }
        let gate = &self.gate;
        gauge!(names::FETCH_LIMIT).set(gate.limit as f64);
        gauge!(names::FETCHES_IN_FLIGHT).set(gate.in_flight as f64);
        if gate.exits > 1 {
            gauge!(names::PROXIES_RESTING).set(gate.resting as f64);
        }
        gauge!(names::FETCH_COOL_DOWN).set(gate.cooling.map_or(0.0, |left| left.as_secs_f64()));
    }
}

/// The gauge's value for a breaker: the fewer requests pass, the higher.
fn level(breaker: BreakerState) -> f64 {
    match breaker {
        BreakerState::Closed => 0.0,
        BreakerState::HalfOpen => 1.0,
        BreakerState::Open => 2.0,
    }
}
