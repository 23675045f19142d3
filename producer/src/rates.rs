//! How many requests a producer accepts, and how many it answers 503: for its heartbeat, and for
//! the history.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::Request;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use linkrelay_http::Around;
use linkrelay_store::processes::ProcessFigures;

/// All answers until now; all clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rates(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    accepted: AtomicU64,
    unavailable: AtomicU64,
}

impl Rates {
    /// Returns a reader, which begins with what comes from this call on.
    pub(crate) fn reader(&self) -> RatesReader {
        RatesReader { counts: self.clone(), last: self.now() }
    }

    /// Counts a request that was accepted.
    pub(crate) fn accepted(&self) {
        self.0.accepted.fetch_add(1, Ordering::Relaxed);
    }

    fn now(&self) -> (u64, u64) {
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (count(&self.0.accepted), count(&self.0.unavailable))
    }
}

/// Reads how fast the counts grow; each reader by itself.
#[derive(Debug)]
pub(crate) struct RatesReader {
    counts: Rates,
    last: (u64, u64),
}

impl RatesReader {
    /// Returns how many requests were accepted, and answered 503, a second, since the last call,
    /// which was this long ago.
    pub(crate) fn per_second(&mut self, since_last: Duration) -> (f64, f64) {
        let now = self.counts.now();
        let last = std::mem::replace(&mut self.last, now);
        let seconds = since_last.as_secs_f64().max(f64::EPSILON);
        let per_second = |now: u64, last: u64| now.wrapping_sub(last) as f64 / seconds;
        (per_second(now.0, last.0), per_second(now.1, last.1))
    }

    /// Returns what a beat says, this long after the one before.
    pub(crate) fn beat(&mut self, since_last: Duration, http_addr: String) -> ProcessFigures {
        let (accepted, unavailable) = self.per_second(since_last);
        ProcessFigures {
            http_addr: Some(http_addr),
            accepted_per_second: Some(accepted),
            unavailable_per_second: Some(unavailable),
            ..ProcessFigures::default()
        }
    }
}

/// Counts each answer. Health checks are not counted: theirs says what readiness says.
impl Around for Rates {
    /// Whether it is a POST, and whether it is a health check.
    type Held = (bool, bool);

    fn before(&self, request: &mut Request) -> Result<Self::Held, Box<Response>> {
        Ok((request.method() == Method::POST, request.uri().path().starts_with("/health")))
    }

    fn after(&self, (is_post, is_health): Self::Held, response: &mut Response) {
        match response.status() {
            StatusCode::CREATED | StatusCode::ACCEPTED | StatusCode::MULTI_STATUS if is_post => {
                self.accepted();
            }
            StatusCode::SERVICE_UNAVAILABLE if !is_health => {
                self.0.unavailable.fetch_add(1, Ordering::Relaxed);
            }
            _ => {}
        }
    }
}
