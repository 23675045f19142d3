//! The OpenAPI document of the producer, of what its routes say of themselves.
//!
//! It must not know: how a route makes its answer.

use linkrelay_common::health::Health;
use linkrelay_http::keys::Access;
use linkrelay_http::openapi::{
    add_client_limits, add_defects, add_key_schemes, add_limits, complete,
};
use linkrelay_http::{MetricsSettings, health_routes, metrics_route};
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;

use crate::routes;

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "linkrelay",
        description = "YouTube links in, metadata documents out.\n\nEvery error is \
            `application/problem+json` (RFC 9457) with a stable `code`; the text of each answer \
            names its codes. A parameter that a route does not know is refused, and an empty one counts as not given. The exceptions \
            come from the HTTP library, before any route, without a body: 400 for what is not \
            HTTP, 414 for an address and 431 for a header that is too large.\n\nLimits are those \
            of the default settings; an operator can change them. A consumer's own server answers \
            `POST /links` as `POST /links/send-message-http` does here.\n\nA server that has API \
            keys answers 401 or 403 to a request without one that allows it; a route names the \
            scope that it needs."
    ),
    tags(
        (name = "Links", description = "Links go in."),
        (name = "Requests", description = "The links of one submission."),
        (name = "Videos", description = "Each video once, however many links named it."),
        (name = "Dead letters", description = "Links that were given up, and their replay."),
        (name = "Health", description = "For load balancers, orchestrators and Prometheus."),
        (name = "Sessions", description = "How a browser signs in with an API key."),
        (name = "Documentation", description = "This document, and pages that show it."),
    )
)]
struct Document;

/// Returns the OpenAPI document of all routes of a producer whose clients have this access; metrics
/// are one of them unless they have an address of their own.
pub fn openapi(access: &Access, metrics: &MetricsSettings) -> OpenApi {
    let mut limited = routes::limited(access).into_openapi();
    name_rests(&mut limited);
    add_limits(&mut limited);
    let mut document = Document::openapi();
    document.merge(limited);
    document.merge(routes::streams(access).into_openapi());
    add_client_limits(&mut document);
    document.merge(health_routes::<()>(Health::default()).into_openapi());
    if metrics.is_beside_health() {
        document.merge(metrics_route::<()>().into_openapi());
    }
    add_key_schemes(&mut document);
    add_defects(&mut document);
    complete(&mut document);
    document
}

/// OpenAPI has no sign for a parameter that is the rest of a path; axum writes `{*name}`.
fn name_rests(document: &mut OpenApi) {
    let paths = std::mem::take(&mut document.paths.paths);
    document.paths.paths =
        paths.into_iter().map(|(path, item)| (path.replace("{*", "{"), item)).collect();
}
