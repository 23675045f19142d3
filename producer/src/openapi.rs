//! The OpenAPI document of the producer: what its routes say of themselves, and what they share.
//!
//! It must not know: how a route makes its answer.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use bytes::Bytes;
use linkrelay_common::health::Health;
use linkrelay_http::health_routes;
use linkrelay_http::openapi::{add_defects, add_limits, complete, problems};
use utoipa::openapi::{OpenApi, RefOr, Response};
use utoipa::{IntoResponses, OpenApi as _};
use uuid::Uuid;

use crate::routes;

/// The document as it is served.
pub(crate) struct Served {
    pub(crate) json: Bytes,
    /// Names the content.
    pub(crate) etag: String,
}

/// It is the same as long as the process runs.
pub(crate) static SERVED: LazyLock<Served> = LazyLock::new(|| {
    // Numbers and texts can always be serialized.
    let json = serde_json::to_vec(&openapi()).unwrap_or_default();
    let etag = format!("\"{}\"", Uuid::new_v5(&Uuid::NAMESPACE_URL, &json).simple());
    Served { json: json.into(), etag }
});

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
            `POST /links` as `POST /links/send-message-http` does here."
    ),
    tags(
        (name = "Links", description = "Links go in."),
        (name = "Requests", description = "The links of one submission."),
        (name = "Videos", description = "Each video once, however many links named it."),
        (name = "Dead letters", description = "Links that were given up, and their replay."),
        (name = "Health", description = "For load balancers, orchestrators and Prometheus."),
        (name = "Documentation", description = "This document, and pages that show it."),
    )
)]
struct Document;

/// Returns the OpenAPI document of all routes of the producer.
pub fn openapi() -> OpenApi {
    let mut limited = routes::limited().into_openapi();
    add_limits(&mut limited);
    let mut document = Document::openapi();
    document.merge(limited);
    document.merge(routes::streams().into_openapi());
    document.merge(health_routes::<()>(Health::default(), || true).into_openapi());
    add_defects(&mut document);
    complete(&mut document);
    document
}

/// What a route answers if the store fails.
#[derive(Debug)]
pub(crate) struct StoreProblems;

impl IntoResponses for StoreProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[
            (500, "`store_unreadable`: a stored document cannot be read."),
            (503, "`store_unavailable`: the store cannot be reached."),
        ])
    }
}

/// What a route answers if links cannot be made safe.
#[derive(Debug)]
pub(crate) struct PublishProblems;

impl IntoResponses for PublishProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[
            (500, "`store_unreadable`: a stored document cannot be read."),
            (
                503,
                "`queue_full`, `delivery_timeout`, `broker_refused`, `topic_missing`, `stopping`, \
                 `journal_unavailable`, `store_unavailable`: not every link was accepted; \
                 `results` says which, if they were checked.",
            ),
        ])
    }
}
