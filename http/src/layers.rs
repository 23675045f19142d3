//! The layers that a request passes before the routes.

use std::any::Any;
use std::time::{Duration, Instant};

use axum::Router;
use axum::error_handling::HandleErrorLayer;
use axum::extract::MatchedPath;
use axum::http::{Request, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use metrics::{counter, histogram};
use tower::limit::GlobalConcurrencyLimitLayer;
use tower::{BoxError, ServiceBuilder};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::trace::TraceLayer;
use tracing::{Span, field};

use super::Problem;
use linkrelay_common::metrics as names;

/// The limits on a server's own routes.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The most requests in flight; any more are answered 503 immediately.
    pub max_concurrent_requests: usize,
    /// The last resort: every wait in a handler has its own, shorter deadline, with a better
    /// answer.
    pub request_timeout: Duration,
}

/// Adds the layers to the routes `api` and to the routes `exempt`, which have no limits. From the
/// outside in:
///
/// 1. *catch panic*, so that neither a handler nor a layer below it ends a connection silently;
/// 2. *trace*, so that requests that are shed or time out are also traced;
/// 3. *count and time*, by route;
/// 4. *load shedding* over the concurrency limit, around `api` only: a health probe must be
///    answered even when there are too many requests, or a busy process would be taken for a dead
///    one;
/// 5. *request time-out*, inside the limit, so that a request that hangs releases its slot.
///
/// The handler limits the body's size and time ([`super::intake`]), because only it knows whether
/// it needs a body, and what to answer.
pub fn stack(api: Router, exempt: Router, limits: Limits) -> Router {
    let limited = api.layer(
        ServiceBuilder::new()
            .layer(HandleErrorLayer::new(limit_reached))
            .load_shed()
            .layer(GlobalConcurrencyLimitLayer::new(limits.max_concurrent_requests))
            .timeout(limits.request_timeout),
    );
    limited
        .merge(exempt)
        .fallback(async || unknown_route())
        .method_not_allowed_fallback(async || method_not_allowed())
        .layer(
            ServiceBuilder::new()
                .layer(CatchPanicLayer::custom(panicked))
                // At the level debug, so that a span costs nothing by default. Each failure is
                // logged by the code that knows its cause.
                .layer(
                    TraceLayer::new_for_http()
                        .make_span_with(request_span)
                        .on_request(())
                        .on_response(answered)
                        .on_body_chunk(())
                        .on_eos(())
                        .on_failure(()),
                )
                .layer(middleware::from_fn(count_and_time)),
        )
}

fn unknown_route() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "not_found", "there is no such address")
}

fn method_not_allowed() -> Problem {
    let detail = "this address does not accept this method";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
}

async fn limit_reached(error: BoxError) -> Problem {
    let (code, detail, seconds) = if error.is::<tower::timeout::error::Elapsed>() {
        ("request_timeout", "the request took too long", 5)
    } else {
        ("overloaded", "too many requests are in flight", 1)
    };
    tracing::warn!(code, "request refused: {detail}");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, code, detail).retry_after(seconds)
}

/// Labels with the pattern that matched and never with the path, which may contain an id.
async fn count_and_time(
    route: Option<MatchedPath>,
    request: axum::extract::Request,
    next: Next,
) -> Response {
    let begin = Instant::now();
    let response = next.run(request).await;
    let route = route.map_or_else(|| "none".to_owned(), |route| route.as_str().to_owned());
    let status = response.status().as_u16().to_string();
    histogram!(names::HTTP_REQUEST_DURATION, "route" => route.clone()).record(begin.elapsed());
    counter!(names::HTTP_REQUESTS, "route" => route, "status" => status).increment(1);
    response
}

fn request_span<B>(request: &Request<B>) -> Span {
    tracing::debug_span!(
        "request",
        http.request.method = %request.method(),
        url.path = request.uri().path(),
        http.response.status_code = field::Empty,
        // Set by the guard of a route that needs a key.
        client = field::Empty,
    )
}

fn answered<B>(response: &Response<B>, latency: Duration, span: &Span) {
    let status = response.status().as_u16();
    span.record("http.response.status_code", status);
    tracing::debug!(latency_seconds = latency.as_secs_f64(), "answered {status}");
}

fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let message = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    tracing::error!("a handler panicked: {message}");
    let detail = "the server has a defect; its log has the details";
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", detail).into_response()
}
