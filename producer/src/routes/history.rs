//! `GET /history`: what the deployment did in the last hour.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::parameters::NoParameters;
use crate::error::ApiError;
use crate::history::{Point, STEP};
use crate::state::AppState;

/// The last hour, of which this producer takes a point every ten seconds, from its start on.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HistoryAnswer {
    /// When the newest point was taken.
    #[schema(value_type = String, format = DateTime)]
    as_of: Timestamp,
    /// The seconds from one point to the next.
    step_seconds: u64,
    series: Series,
}

/// The points, the oldest first; null where it is not known.
#[derive(Debug, Serialize, ToSchema)]
struct Series {
    /// Requests that all producers accepted a second.
    #[schema(max_items = 360)]
    accepted_per_second: Vec<Option<f64>>,
    /// Requests that all producers answered 503 a second.
    #[schema(max_items = 360)]
    unavailable_per_second: Vec<Option<f64>>,
    /// Links that all consumers completed a second.
    #[schema(max_items = 360)]
    completed_per_second: Vec<Option<f64>>,
    /// Records that consumers have taken and not completed.
    #[schema(max_items = 360)]
    in_flight: Vec<Option<f64>>,
    /// Records between the consumers' commits and the ends of their partitions.
    #[schema(max_items = 360)]
    lag: Vec<Option<f64>>,
    /// How many consumers run.
    #[schema(max_items = 360)]
    consumers: Vec<Option<f64>>,
}

/// What the deployment did in the last hour, a point every ten seconds.
///
/// While the store cannot be reached, only this producer's own rates are known.
#[utoipa::path(
    get,
    path = "/history",
    tag = "Health",
    responses(
        (status = 200, description = "The points since this producer's start.", body = HistoryAnswer),
        (status = 400, description = "`bad_query`: a parameter is not known."),
    )
)]
pub(super) async fn history(
    State(app): State<Arc<AppState>>,
    _: NoParameters,
) -> Result<Json<HistoryAnswer>, ApiError> {
    let ring = app.history.points();
    let points = ring.points();
    let series = |value: fn(&Point) -> Option<f64>| {
        points.iter().map(|point| value(point).map(rounded)).collect()
    };
    let series = Series {
        accepted_per_second: series(|point| point.accepted_per_second),
        unavailable_per_second: series(|point| point.unavailable_per_second),
        completed_per_second: series(|point| point.completed_per_second),
        in_flight: series(|point| point.in_flight),
        lag: series(|point| point.lag),
        consumers: series(|point| point.consumers),
    };
    Ok(Json(HistoryAnswer { as_of: ring.as_of(), step_seconds: STEP.as_secs(), series }))
}

/// Rounds to three digits after the point.
fn rounded(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_answer_is_small() {
        let long: Vec<_> = vec![Some(rounded(123_456.789_123)); 360];
        let series = Series {
            accepted_per_second: long.clone(),
            unavailable_per_second: long.clone(),
            completed_per_second: long.clone(),
            in_flight: vec![Some(rounded(9e12)); 360],
            lag: vec![Some(rounded(9e12)); 360],
            consumers: long,
        };
        let answer = HistoryAnswer { as_of: Timestamp::MAX, step_seconds: 10, series };
        let json = serde_json::to_string(&answer).unwrap();
        assert!(json.contains("123456.789,") && json.len() < 100_000, "{}", json.len());
    }
}
