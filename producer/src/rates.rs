//! What the heartbeat of a producer says: how many requests it accepts, and how many it answers
//! 503.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use linkrelay_store::processes::ProcessFigures;

/// Answers since the last beat; all clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rates(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    accepted: AtomicU64,
    unavailable: AtomicU64,
}

impl Rates {
    /// Returns what a beat says, this long after the one before.
    pub(crate) fn beat(&self, since_last: Duration, http_addr: String) -> ProcessFigures {
        let per_second = |count: &AtomicU64| {
            let seconds = since_last.as_secs_f64().max(f64::EPSILON);
            Some(count.swap(0, Ordering::Relaxed) as f64 / seconds)
        };
        ProcessFigures {
            http_addr: Some(http_addr),
            accepted_per_second: per_second(&self.0.accepted),
            unavailable_per_second: per_second(&self.0.unavailable),
            ..ProcessFigures::default()
        }
    }
}

/// Counts an answer. Health checks are not counted: theirs says what readiness says.
pub(crate) async fn count(State(rates): State<Rates>, request: Request, next: Next) -> Response {
    let is_post = request.method() == Method::POST;
    let is_health = request.uri().path().starts_with("/health");
    let response = next.run(request).await;
    match response.status() {
        StatusCode::CREATED | StatusCode::ACCEPTED | StatusCode::MULTI_STATUS if is_post => {
            rates.0.accepted.fetch_add(1, Ordering::Relaxed);
        }
        StatusCode::SERVICE_UNAVAILABLE if !is_health => {
            rates.0.unavailable.fetch_add(1, Ordering::Relaxed);
        }
        _ => {}
    }
    response
}
