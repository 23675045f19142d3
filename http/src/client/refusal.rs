//! The limits of a client, and the answer to one that exceeds them.

use axum::http::StatusCode;
use linkrelay_common::metrics as names;
use metrics::counter;

use crate::Problem;

/// A kind of limit.
#[derive(Debug, PartialEq, Eq)]
pub struct Limit {
    /// The value of the label `limit` in metrics.
    pub label: &'static str,
    /// The code of the answer.
    pub code: &'static str,
    /// What is limited, in the plural.
    pub what: &'static str,
    /// The setting.
    pub setting: &'static str,
}

/// Requests a second.
pub(super) static REQUESTS: Limit = Limit {
    label: "requests",
    code: "client_requests",
    what: "requests a second",
    setting: "CLIENT_REQUESTS_PER_SECOND",
};
/// Links a second.
pub(super) static LINKS: Limit = Limit {
    label: "links",
    code: "client_links",
    what: "links a second",
    setting: "CLIENT_LINKS_PER_SECOND",
};
/// Open connections, which are refused before HTTP is read.
pub(super) static CONNECTIONS: Limit = Limit {
    label: "connections",
    code: "client_connections",
    what: "connections",
    setting: "CLIENT_CONNECTIONS",
};
/// Requests in flight.
pub(super) static IN_FLIGHT: Limit = Limit {
    label: "in_flight",
    code: "client_in_flight",
    what: "requests in flight",
    setting: "CLIENT_SLOTS_PERCENT",
};
/// Requests whose body is still arriving.
pub(super) static BODIES: Limit = Limit {
    label: "bodies",
    code: "client_bodies",
    what: "requests whose body is still arriving",
    setting: "CLIENT_SLOTS_PERCENT",
};

/// A client exceeds a limit of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("one client may have {max} {} ({})", limit.what, limit.setting)]
pub struct Refusal {
    limit: &'static Limit,
    max: u64,
    retry_after_seconds: u64,
}

impl Refusal {
    /// Makes the refusal and counts it.
    pub(super) fn new(limit: &'static Limit, max: u64, retry_after_seconds: u64) -> Self {
        counter!(names::HTTP_REFUSED, "limit" => limit.label).increment(1);
        Self { limit, max, retry_after_seconds }
    }

    /// Returns the stable code of the answer.
    pub fn code(&self) -> &'static str {
        self.limit.code
    }

    /// Returns after how many seconds the same request can succeed.
    pub fn retry_after_seconds(&self) -> u64 {
        self.retry_after_seconds
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, refusal.code(), refusal.to_string())
            .retry_after(refusal.retry_after_seconds)
    }
}
