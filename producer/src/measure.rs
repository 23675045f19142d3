//! Counts and times requests, by route and status.

use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use linkrelay_common::metrics as names;
use metrics::{counter, histogram};

/// The route is the pattern that matched, never the path: an id is no label.
pub(crate) async fn request(route: Option<MatchedPath>, request: Request, next: Next) -> Response {
    let begin = Instant::now();
    let response = next.run(request).await;
    let route = route.map_or_else(|| "none".to_owned(), |route| route.as_str().to_owned());
    let status = response.status().as_u16().to_string();
    histogram!(names::HTTP_REQUEST_DURATION, "route" => route.clone()).record(begin.elapsed());
    counter!(names::HTTP_REQUESTS, "route" => route, "status" => status).increment(1);
    response
}

/// Counts what became of submitted links.
pub(crate) fn links(outcome: &'static str, links_count: usize) {
    counter!(names::LINKS_SUBMITTED, "outcome" => outcome).increment(links_count as u64);
}
