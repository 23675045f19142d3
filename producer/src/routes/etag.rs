//! Whether a client has an answer already.

use axum::http::{HeaderMap, header};

/// Whether one of the tags that a request names is this one (RFC 9110, 13.1.2).
pub(super) fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    known.is_some_and(|known| {
        known
            .split(',')
            .map(str::trim)
            .any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag)
    })
}
