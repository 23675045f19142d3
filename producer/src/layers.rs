//! What stands before the routes.

use std::any::Any;
use std::time::Duration;

use axum::Router;
use axum::error_handling::HandleErrorLayer;
use axum::http::Request;
use axum::middleware;
use axum::response::{IntoResponse, Response};
use tower::limit::GlobalConcurrencyLimitLayer;
use tower::{BoxError, ServiceBuilder};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::trace::TraceLayer;
use tracing::{Span, field};

use crate::error::ApiError;
use crate::measure;

/// The limits on the API's own routes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) max_concurrent_requests: usize,
    /// The last resort: every wait in a handler has a shorter deadline of its own, with a
    /// better answer.
    pub(crate) request_timeout: Duration,
}

/// Puts the layers on, from the outside in:
///
/// 1. *catch panic*, so that nothing below it, layers included, ends a connection without a word;
/// 2. *trace*, so that what is shed or timed out is traced, too;
/// 3. *count and time*, by route;
/// 4. *load shedding* over the concurrency limit, around `api` only: a probe must get its answer
///    exactly when there are too many requests, or a busy process is taken for a dead one;
/// 5. *request time-out*, inside the limit, so that a request that hangs gives its place back.
///
/// The body's size and time-out are the handler's (`routes::body`): only there is it known
/// whether a body is wanted at all, and what to answer.
pub(crate) fn stack(api: Router, exempt: Router, limits: Limits) -> Router {
    let limited = api.layer(
        ServiceBuilder::new()
            .layer(HandleErrorLayer::new(limit_reached))
            .load_shed()
            .layer(GlobalConcurrencyLimitLayer::new(limits.max_concurrent_requests))
            .timeout(limits.request_timeout),
    );
    limited
        .merge(exempt)
        .fallback(async || ApiError::UnknownRoute)
        .method_not_allowed_fallback(async || ApiError::MethodNotAllowed)
        .layer(
            ServiceBuilder::new()
                .layer(CatchPanicLayer::custom(panicked))
                // Debug, so that a span costs nothing unless somebody wants it. Failures are
                // logged by `ApiError`, which knows why.
                .layer(
                    TraceLayer::new_for_http()
                        .make_span_with(request_span)
                        .on_request(())
                        .on_response(answered)
                        .on_body_chunk(())
                        .on_eos(())
                        .on_failure(()),
                )
                .layer(middleware::from_fn(measure::request)),
        )
}

async fn limit_reached(error: BoxError) -> ApiError {
    if error.is::<tower::timeout::error::Elapsed>() {
        ApiError::RequestTimeout
    } else {
        ApiError::Overloaded
    }
}

fn request_span<B>(request: &Request<B>) -> Span {
    tracing::debug_span!(
        "request",
        http.request.method = %request.method(),
        url.path = request.uri().path(),
        http.response.status_code = field::Empty,
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
    ApiError::Panic.into_response()
}
