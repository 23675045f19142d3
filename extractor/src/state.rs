//! How the extractor is at one moment, and the gauges that say so.

use linkrelay_common::metrics as names;
use metrics::gauge;

use crate::breaker::BreakerState;
use crate::cache::CacheCounts;
use crate::gate::GateState;

/// An [`crate::Extractor`] at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtractorState {
    /// Each strategy in its order, and the state of its breaker.
    pub breakers: Vec<(&'static str, BreakerState)>,
    /// How much is asked of YouTube.
    pub gate: GateState,
    /// Where answers came from.
    pub cache: CacheCounts,
}

impl ExtractorState {
    /// For whoever looks at /metrics.
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
        gauge!(names::FETCH_COOL_DOWN).set(gate.cooling.map_or(0.0, |rest| rest.as_secs_f64()));
    }
}

/// The more closed the way, the higher.
fn level(breaker: BreakerState) -> f64 {
    match breaker {
        BreakerState::Closed => 0.0,
        BreakerState::HalfOpen => 1.0,
        BreakerState::Open => 2.0,
    }
}
