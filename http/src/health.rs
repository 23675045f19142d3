//! The routes of health and metrics, which every role serves.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use linkrelay_common::health::{Health, Readiness};
use linkrelay_common::metrics;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Problem;

/// Prometheus' text format, version 0.0.4.
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Returns the routes `GET /health/ready` (200 or 503, with each part by name) and `GET /health/live`
/// (200 while the role makes progress, otherwise 503).
pub fn health_routes<S>(health: Health) -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
{
    OpenApiRouter::new().routes(routes!(ready)).routes(routes!(live)).with_state(health)
}

/// Returns the route `GET /metrics`.
pub fn metrics_route<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
{
    OpenApiRouter::new().routes(routes!(metrics_text))
}

/// Whether every part works.
#[utoipa::path(
    get,
    path = "/health/ready",
    tag = "Health",
    responses(
        (status = 200, description = "Every part works.", body = Readiness),
        (status = 503, description = "A part does not work, or the process stops.", body = Readiness),
    )
)]
async fn ready(State(health): State<Health>) -> (StatusCode, Json<Readiness>) {
    let readiness = health.readiness();
    (status(readiness.ready), Json(readiness))
}

/// Whether the process makes progress.
#[derive(Debug, Serialize, ToSchema)]
struct Liveness {
    live: bool,
}

/// Whether the process makes progress.
#[utoipa::path(
    get,
    path = "/health/live",
    tag = "Health",
    responses(
        (status = 200, description = "The process makes progress.", body = Liveness),
        (status = 503, description = "Only a restart helps.", body = Liveness),
    )
)]
async fn live(State(health): State<Health>) -> (StatusCode, Json<Liveness>) {
    let live = health.is_alive();
    (status(live), Json(Liveness { live }))
}

fn status(is_good: bool) -> StatusCode {
    if is_good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

/// The metrics of the process, in Prometheus' text format.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "Health",
    responses(
        (status = 200, description = "The metrics.", body = String, content_type = "text/plain"),
        (status = 404, description = "`no_metrics`: this process counts nothing."),
    )
)]
async fn metrics_text() -> Result<impl IntoResponse, Problem> {
    let no_metrics =
        || Problem::new(StatusCode::NOT_FOUND, "no_metrics", "this process counts nothing");
    let text = metrics::render().ok_or_else(no_metrics)?;
    Ok(([(header::CONTENT_TYPE, METRICS_TYPE)], text))
}
