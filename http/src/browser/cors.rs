//! From which other pages a browser may use the API (`CORS_ORIGINS`).

use std::str::FromStr;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Method, header};
use tower_http::cors::{Any, CorsLayer};

/// How long a browser may keep the answer to a preflight.
const MAX_AGE: Duration = Duration::from_secs(600);

/// What a client sends beside what every page may send.
const REQUEST_HEADERS: [HeaderName; 7] = [
    header::CONTENT_TYPE,
    header::AUTHORIZATION,
    header::IF_NONE_MATCH,
    HeaderName::from_static("idempotency-key"),
    HeaderName::from_static("last-event-id"),
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("x-api-key"),
];

/// What a page may read of an answer beside what it always may.
const ANSWER_HEADERS: [HeaderName; 7] = [
    header::CONTENT_DISPOSITION,
    header::ETAG,
    header::LOCATION,
    header::RETRY_AFTER,
    header::WWW_AUTHENTICATE,
    HeaderName::from_static("ratelimit"),
    HeaderName::from_static("ratelimit-policy"),
];

/// The pages that may use the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CorsOrigins {
    /// The pages of every origin.
    Any,
    /// The pages of these origins, as a browser writes them.
    These(Vec<HeaderValue>),
}

impl Default for CorsOrigins {
    fn default() -> Self {
        Self::These(Vec::new())
    }
}

impl FromStr for CorsOrigins {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim() {
            "" => Ok(Self::These(Vec::new())),
            "*" => Ok(Self::Any),
            text => text.split(',').map(origin).collect::<Result<_, _>>().map(Self::These),
        }
    }
}

/// Checks that a browser would write the origin in this way, because it is compared as text.
fn origin(text: &str) -> Result<HeaderValue, String> {
    let text = text.trim();
    let is_origin = text.split_once("://").is_some_and(|(scheme, authority)| {
        let default_port = match scheme {
            "http" => ":80",
            "https" => ":443",
            _ => "",
        };
        let is_plain = |c: char| c.is_ascii_graphic() && !c.is_ascii_uppercase();
        !scheme.is_empty()
            && !authority.is_empty()
            && !authority.contains(['/', '?', '#', '@', '*', ','])
            && (default_port.is_empty() || !authority.ends_with(default_port))
            && text.chars().all(is_plain)
    });
    let wrong = || {
        format!(
            "`{text}` is no origin: write https://app.example.org, in small letters, without a \
             path, and with a port only if the address shows one; or * alone for every page"
        )
    };
    if is_origin { HeaderValue::from_str(text).map_err(|_| wrong()) } else { Err(wrong()) }
}

/// Returns the layer that answers preflights and permits pages to read answers; `None` if only this
/// server's own pages may. No credentials are permitted: a key is sent in a header.
pub(crate) fn layer(origins: &CorsOrigins) -> Option<CorsLayer> {
    let layer = CorsLayer::new()
        .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::DELETE])
        .allow_headers(REQUEST_HEADERS)
        .expose_headers(ANSWER_HEADERS)
        .max_age(MAX_AGE);
    match origins {
        CorsOrigins::Any => Some(layer.allow_origin(Any)),
        CorsOrigins::These(origins) if origins.is_empty() => None,
        CorsOrigins::These(origins) => Some(layer.allow_origin(origins.clone())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_what_a_browser_writes() {
        for text in [
            "https://app.example.org",
            "http://localhost:8080",
            "http://[::1]:8080",
            "chrome-extension://abcdef",
            "https://a.example , https://b.example",
            "",
            "*",
        ] {
            assert!(text.parse::<CorsOrigins>().is_ok(), "{text}");
        }
        for text in [
            "app.example.org",
            "https://app.example.org/",
            "https://app.example.org/page",
            "https://App.example.org",
            "https://app.example.org:443",
            "http://app.example.org:80",
            "https://*.example.org",
            "https://me@app.example.org",
            "https://",
            "null",
            "*,https://a.example",
            "https://a.example,",
            "https://a.example https://b.example",
        ] {
            assert!(text.parse::<CorsOrigins>().is_err(), "{text}");
        }
    }
}
