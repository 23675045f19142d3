//! The routes of health and metrics, which every role serves.

use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use linkrelay_common::health::Health;
use linkrelay_common::metrics;

/// Prometheus' text format, version 0.0.4.
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Returns the routes `GET /health/ready` (200 or 503, with each part by name), `GET /health/live`
/// (200 while `is_alive` says that the role makes progress, otherwise 503) and `GET /metrics`.
pub fn health_routes<S>(
    health: Health,
    is_alive: impl Fn() -> bool + Clone + Send + Sync + 'static,
) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    let ready = move || {
        let readiness = health.readiness();
        let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        std::future::ready((status, Json(readiness)))
    };
    let live = move || {
        let is_alive = is_alive();
        let status = if is_alive { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        std::future::ready((status, Json(serde_json::json!({ "live": is_alive }))))
    };
    Router::new()
        .route("/health/ready", get(ready))
        .route("/health/live", get(live))
        .route("/metrics", get(metrics_text))
}

/// Answers 404 in a process that has no metrics.
async fn metrics_text() -> Result<impl IntoResponse, StatusCode> {
    let text = metrics::render().ok_or(StatusCode::NOT_FOUND)?;
    Ok(([(header::CONTENT_TYPE, METRICS_TYPE)], text))
}
