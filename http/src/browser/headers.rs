//! What a browser may do with an answer.

use axum::extract::Request;
use axum::http::header::{
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;

use crate::around::Around;

/// A page that needs more has a policy of its own.
const NOTHING: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);
const NO_REFERRER: HeaderValue = HeaderValue::from_static("no-referrer");
const NO_SNIFF: HeaderValue = HeaderValue::from_static("nosniff");

/// Adds to each answer that its type is not guessed, and to each page what it may load, that no
/// other page may frame it, and that its links do not name it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Secure;

impl Around for Secure {
    type Held = ();

    fn before(&self, _: &mut Request) -> Result<(), Box<Response>> {
        Ok(())
    }

    fn after(&self, (): (), response: &mut Response) {
        secure_headers(response.headers_mut());
    }
}

fn secure_headers(headers: &mut HeaderMap) {
    headers.insert(X_CONTENT_TYPE_OPTIONS, NO_SNIFF);
    if is_page(headers) {
        headers.entry(CONTENT_SECURITY_POLICY).or_insert(NOTHING);
        headers.entry(REFERRER_POLICY).or_insert(NO_REFERRER);
    }
}

/// Whether a browser shows the answer as a page, in which scripts could run.
fn is_page(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = content_type.and_then(|text| text.split(';').next()).map(str::trim);
    let pages = ["text/html", "application/xhtml+xml", "image/svg+xml"];
    essence.is_some_and(|essence| pages.iter().any(|page| essence.eq_ignore_ascii_case(page)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secured(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, HeaderValue::from_static(value));
        }
        secure_headers(&mut headers);
        headers
    }

    #[test]
    fn every_page_has_a_policy() {
        for content_type in ["text/html", "Text/HTML; charset=utf-8", "image/svg+xml"] {
            let headers = secured(&[("content-type", content_type)]);
            let policy = headers[CONTENT_SECURITY_POLICY].to_str().unwrap();
            assert!(policy.starts_with("default-src 'none';"), "{content_type}: {policy}");
            assert_eq!(headers[REFERRER_POLICY], "no-referrer");
            assert_eq!(headers[X_CONTENT_TYPE_OPTIONS], "nosniff");
        }
        let own = "default-src 'self'; frame-ancestors 'none'";
        let headers = secured(&[("content-type", "text/html"), ("content-security-policy", own)]);
        assert_eq!(headers[CONTENT_SECURITY_POLICY], own);
        for headers in [secured(&[("content-type", "application/json")]), secured(&[])] {
            assert!(!headers.contains_key(CONTENT_SECURITY_POLICY));
            assert_eq!(headers[X_CONTENT_TYPE_OPTIONS], "nosniff");
        }
    }
}
