//! The consumer's own HTTP address: whether it lives, whether it can work, and what it counted.

use std::sync::Arc;

use axum::Router;
use linkrelay_common::health::Health;
use linkrelay_common::http::health_routes;

use crate::liveness::Liveness;

/// The consumer's routes.
pub(crate) fn router(health: Health, liveness: Arc<Liveness>) -> Router {
    health_routes(health, move || liveness.is_alive())
}
