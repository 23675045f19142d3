//! Whether a client has an answer already (RFC 9110, 13.1.2).

use axum::http::{HeaderMap, header};

/// Returns whether `If-None-Match` names the content with this tag, which includes its quotes.
pub fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    let lines = headers.get_all(header::IF_NONE_MATCH).iter();
    lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(str::trim)
        .any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_tag_is_found_in_every_form_of_the_header() {
        for (known, is_known_one) in [
            ("\"a\"", true),
            ("W/\"a\"", true),
            ("\"b\", W/\"a\"", true),
            ("*", true),
            ("\"b\"", false),
            ("a", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_NONE_MATCH, HeaderValue::from_static(known));
            assert_eq!(is_known(&headers, "\"a\""), is_known_one, "{known}");
        }
        assert!(!is_known(&HeaderMap::new(), "\"a\""));
        let mut lines = HeaderMap::new();
        lines.append(header::IF_NONE_MATCH, HeaderValue::from_static("\"b\""));
        lines.append(header::IF_NONE_MATCH, HeaderValue::from_static("\"a\""));
        assert!(is_known(&lines, "\"a\""));
    }
}
