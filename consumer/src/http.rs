//! The consumer's own HTTP address: whether it lives, and whether it can work.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use linkrelay_common::health::Health;
use linkrelay_common::http::health_routes;

use crate::poll::Heartbeat;

/// The poll thread turns many times a second. What may hold it is one synchronous commit while
/// the broker is away, for as long as the session time-out (45 s).
const LONGEST_TURN: Duration = Duration::from_secs(90);

/// The consumer's routes.
pub(crate) fn router(health: Health, heartbeat: Arc<Heartbeat>) -> Router {
    health_routes(health, move || heartbeat.age() < LONGEST_TURN)
}
