//! How the extractor is, as gauges: for whoever looks at /metrics.

use linkrelay_common::metrics as names;
use metrics::gauge;

use crate::breaker::BreakerState;
use crate::extractor::ExtractorState;

pub(crate) fn publish(state: &ExtractorState) {
    for (strategy, breaker) in &state.breakers {
        gauge!(names::STRATEGY_BREAKER, "strategy" => *strategy).set(level(*breaker));
    }
    let gate = &state.gate;
    gauge!(names::FETCH_LIMIT).set(gate.limit as f64);
    gauge!(names::FETCHES_IN_FLIGHT).set(gate.in_flight as f64);
    if gate.exits > 1 {
        gauge!(names::PROXIES_RESTING).set(gate.resting as f64);
    }
    gauge!(names::FETCH_COOL_DOWN).set(gate.cooling.map_or(0.0, |rest| rest.as_secs_f64()));
}

/// The more closed the way, the higher.
fn level(breaker: BreakerState) -> f64 {
    match breaker {
        BreakerState::Closed => 0.0,
        BreakerState::HalfOpen => 1.0,
        BreakerState::Open => 2.0,
    }
}
