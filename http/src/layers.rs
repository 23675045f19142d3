//! The layers that a request passes before the routes.

use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::error_handling::HandleErrorLayer;
use axum::extract::MatchedPath;
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse, Response};
use metrics::{counter, histogram};
use tower::limit::GlobalConcurrencyLimitLayer;
use tower::util::option_layer;
use tower::{BoxError, ServiceBuilder};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::trace::TraceLayer;
use tracing::{Span, field};

use super::Problem;
use crate::around::{Around, AroundLayer};
use crate::browser::{self, AllowedHosts, CorsOrigins};
use crate::client::{self, ClientLimits};
use crate::keys::{self, Access};
use crate::trace;
use linkrelay_common::metrics as names;
use linkrelay_telemetry::is_on;

/// The limits on a server's own routes.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The most requests in flight; any more are answered 503 immediately.
    pub max_concurrent_requests: usize,
    /// The last resort: every wait in a handler has its own, shorter deadline, with a better
    /// answer.
    pub request_timeout: Duration,
}

/// Who may come in.
#[derive(Debug)]
pub struct Admission {
    /// What each client may have.
    pub clients: Arc<ClientLimits>,
    /// The names of this server beside those of the machine.
    pub hosts: AllowedHosts,
    /// The other pages that may use the API.
    pub origins: CorsOrigins,
    /// Whose requests are served.
    pub access: Access,
}

/// The routes of a server, by the limits that they have.
#[derive(Debug, Default)]
pub struct Routes {
    /// The routes with every limit.
    pub limited: Router,
    /// The routes that answer for as long as a client reads: they limit themselves.
    pub streams: Router,
    /// The routes without limits.
    pub exempt: Router,
}

/// Adds the layers to the routes. From the outside in:
///
/// 1. *CORS*, so that a page can read every answer, and a preflight needs nothing else;
/// 2. *headers of security*, for every answer;
/// 3. *catch panic*, so that neither a handler nor a layer below it ends a connection silently;
/// 4. *trace*, so that requests that are shed or time out are also traced;
/// 5. *count and time*, by route;
/// 6. *the check of the host*, if names are set or no key protects the server;
/// 7. *the span of the request*, if this process records spans, around all but the exempt routes;
/// 8. *the holder of the key or session*, if there are keys, and *the client's limits*, around
///    everything but the exempt routes, unknown addresses and methods included; the exempt routes
///    are answered even when there are too many requests, or a busy process would be taken for a
///    dead one;
/// 9. *load shedding* over the concurrency limit, around the limited routes only;
/// 10. *request time-out*, inside the limit, so that a request that hangs releases its slot.
///
/// The handler limits the body's size and time ([`super::intake`]), because only it knows whether
/// it needs a body, and what to answer.
pub fn stack(routes: Routes, limits: Limits, admission: Admission) -> Router {
    let Admission { clients, hosts, origins, access } = admission;
    let ring = match access {
        Access::Everyone => None,
        Access::Keys(ring) => Some(ring),
    };
    let check_host =
        hosts.are_checked(ring.is_some()).then(|| AroundLayer(browser::CheckHost(Arc::new(hosts))));
    let limited = routes.limited.layer(
        ServiceBuilder::new()
            .layer(HandleErrorLayer::new(limit_reached))
            .load_shed()
            .layer(GlobalConcurrencyLimitLayer::new(limits.max_concurrent_requests))
            .timeout(limits.request_timeout),
    );
    limited
        .merge(routes.streams)
        // Before the layers, which go around what is there: a client that asks for unknown
        // addresses is a client as any other.
        .fallback(async || unknown_route())
        .method_not_allowed_fallback(async || method_not_allowed())
        .layer(
            ServiceBuilder::new()
                .layer(option_layer(is_on().then_some(AroundLayer(trace::Record))))
                .layer(option_layer(ring.map(|ring| {
                    AroundLayer(keys::Identify { ring, clients: Arc::clone(&clients) })
                })))
                .layer(AroundLayer(client::Admit(clients))),
        )
        .merge(routes.exempt.method_not_allowed_fallback(async || method_not_allowed()))
        .layer(
            ServiceBuilder::new()
                .layer(option_layer(browser::cors(&origins)))
                .layer(AroundLayer(browser::Secure))
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
                .layer(AroundLayer(CountAndTime))
                .layer(option_layer(check_host)),
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
#[derive(Debug, Clone, Copy)]
struct CountAndTime;

impl Around for CountAndTime {
    type Held = (Instant, Option<MatchedPath>);

    fn before(&self, request: &mut Request<Body>) -> Result<Self::Held, Box<Response>> {
        Ok((Instant::now(), request.extensions().get().cloned()))
    }

    fn after(&self, (begin, route): Self::Held, response: &mut Response) {
        let route = route.map_or_else(|| "none".to_owned(), |route| route.as_str().to_owned());
        let status = response.status().as_u16().to_string();
        histogram!(names::HTTP_REQUEST_DURATION, "route" => route.clone()).record(begin.elapsed());
        counter!(names::HTTP_REQUESTS, "route" => route, "status" => status).increment(1);
    }
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
