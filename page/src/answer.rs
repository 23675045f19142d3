//! The answers: the index, which a browser asks for again, and the files, which it keeps.

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use linkrelay_http::etag;

use crate::assets::{Asset, BUILD};
use crate::encoding::Encoding;

const INDEX: &str = "index.html";

/// What the page may load and do: only this server's own files and answers.
pub const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
                       img-src 'self' data:; connect-src 'self'; form-action 'self'; \
                       base-uri 'none'; frame-ancestors 'none'";

/// A file of this name never changes: a year is as long as caches may keep anything.
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");

const PAGE_HEADERS: [(HeaderName, HeaderValue); 2] = [
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CSP)),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
];

/// Returns the page itself.
pub fn index(headers: &HeaderMap) -> Response {
    let Some(asset) = Asset::named(INDEX) else { return StatusCode::NOT_FOUND.into_response() };
    (PAGE_HEADERS, answer(asset, headers, ASK_AGAIN)).into_response()
}

/// Returns a file of the page; `None` if this build of the page has none of this name.
pub fn file(build: &str, name: &str, headers: &HeaderMap) -> Option<Response> {
    let asset = Asset::named(name).filter(|asset| build == BUILD && asset.name != INDEX)?;
    Some(answer(asset, headers, FOR_EVER))
}

fn answer(asset: &'static Asset, headers: &HeaderMap, kept: HeaderValue) -> Response {
    let encoding = Encoding::taken_by(headers);
    let (body, encoding) = match encoding {
        Encoding::Brotli => (asset.brotli, encoding),
        Encoding::Gzip => (asset.gzip, encoding),
        Encoding::Plain => (None, encoding),
    };
    let (body, encoding) = body.map_or((asset.plain, Encoding::Plain), |packed| (packed, encoding));
    // Each form is a representation of its own (RFC 9110, 8.8.3).
    let suffix = encoding.name().map_or_else(String::new, |name| format!("-{name}"));
    let tag = format!("\"{}{suffix}\"", asset.etag);
    let about = [
        (header::CACHE_CONTROL, kept),
        (header::VARY, HeaderValue::from_static("accept-encoding")),
    ];
    let tagged = [(header::ETAG, tag.as_str())];
    if etag::is_known(headers, &tag) {
        return (StatusCode::NOT_MODIFIED, about, tagged).into_response();
    }
    let content_type = [(header::CONTENT_TYPE, asset.content_type())];
    let mut response = (about, tagged, content_type, Bytes::from_static(body)).into_response();
    if let Some(name) = encoding.name() {
        response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static(name));
    }
    response
}
