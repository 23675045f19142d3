//! What a request says beside its route: query parameters and a body.

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::Request;
use hyper::body::Incoming;
use url::form_urlencoded;

/// More than any request of a player needs.
const MAX_BODY_BYTES: usize = 1 << 20;

/// The value of a query parameter, decoded.
pub(crate) fn parameter(request: &Request<Incoming>, name: &str) -> Option<String> {
    let query = request.uri().query().unwrap_or_default();
    let found = form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name);
    found.map(|(_, value)| value.into_owned())
}

/// The whole body; `None` if it is too long or breaks off.
pub(crate) async fn body(request: Request<Incoming>) -> Option<Bytes> {
    let whole = Limited::new(request.into_body(), MAX_BODY_BYTES).collect().await;
    whole.ok().map(|whole| whole.to_bytes())
}
