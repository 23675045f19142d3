//! Reads the request headers of an intake of links.

use std::time::Duration;

use axum::http::{HeaderMap, header};

use super::TIMEOUT_HEADER;
use super::error::IntakeError;

const IDEMPOTENCY_KEY: &str = "idempotency-key";
const MAX_KEY_BYTES: usize = 255;

/// Refuses a body that is not declared as JSON: a web page can make a browser send `text/plain` or
/// a form to any host, but `application/json` only if that host permits it.
pub(super) fn expect_json(headers: &HeaderMap) -> Result<(), IntakeError> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = content_type.and_then(|text| text.split(';').next()).map(str::trim);
    let is_json = essence.is_some_and(|essence| {
        essence.eq_ignore_ascii_case("application/json")
            || (essence.to_ascii_lowercase().starts_with("application/")
                && essence.to_ascii_lowercase().ends_with("+json"))
    });
    if is_json { Ok(()) } else { Err(IntakeError::UnsupportedMediaType) }
}

/// Whether the body is compressed by gzip.
///
/// # Errors
/// For any other encoding (RFC 9110, 8.4).
pub(super) fn is_gzip(headers: &HeaderMap) -> Result<bool, IntakeError> {
    let values = headers.get_all(header::CONTENT_ENCODING).iter();
    let names: Vec<_> = values
        .flat_map(|value| value.to_str().unwrap_or("?").split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .filter(|name| name != "identity")
        .collect();
    match names.as_slice() {
        [] => Ok(false),
        [name] if name == "gzip" || name == "x-gzip" => Ok(true),
        _ => Err(IntakeError::UnsupportedEncoding),
    }
}

/// Returns the client's key for this request; `None` if it has none.
pub(super) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, IntakeError> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let bytes = value.as_bytes();
    let is_key =
        (1..=MAX_KEY_BYTES).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic);
    match value.to_str() {
        // With two keys it is not known which one counts.
        Ok(key) if is_key && values.next().is_none() => Ok(Some(key.to_owned())),
        _ => Err(IntakeError::BadIdempotencyKey),
    }
}

/// Returns how long the client will wait; `None` if the header is missing or not a number.
pub(super) fn timeout(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(TIMEOUT_HEADER)?.to_str().ok()?;
    text.parse().ok().map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(name: &'static str, value: &[u8]) -> HeaderMap {
        HeaderMap::from_iter([(name.parse().unwrap(), HeaderValue::from_bytes(value).unwrap())])
    }

    #[test]
    fn only_a_json_content_type_is_accepted() {
        for (content_type, is_json) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("application/vnd.api+json", true),
            ("text/plain", false),
            ("application/x-www-form-urlencoded", false),
            ("application/jsonp", false),
            ("", false),
        ] {
            let headers = headers("content-type", content_type.as_bytes());
            assert_eq!(expect_json(&headers).is_ok(), is_json, "{content_type}");
        }
        assert!(expect_json(&HeaderMap::new()).is_err());
    }

    #[test]
    fn gzip_is_the_only_encoding_of_a_body() {
        let of = |value: &str| is_gzip(&headers("content-encoding", value.as_bytes()));
        assert!(is_gzip(&HeaderMap::new()).is_ok_and(|is_gzip| !is_gzip));
        assert!(of("identity").is_ok_and(|is_gzip| !is_gzip));
        assert!(of("GZIP").is_ok_and(|is_gzip| is_gzip) && of("x-gzip").is_ok());
        for other in ["br", "gzip, gzip", "gzip, br", ""] {
            assert!(of(other).is_err(), "{other}");
        }
    }

    #[test]
    fn an_idempotency_key_is_visible_ascii() {
        assert!(idempotency_key(&HeaderMap::new()).is_ok_and(|key| key.is_none()));
        let longest = "k".repeat(255);
        for key in ["a", "8e03978e-40d5-43dd-bc93-6894a57f9324", longest.as_str()] {
            let read = idempotency_key(&headers(IDEMPOTENCY_KEY, key.as_bytes())).unwrap();
            assert_eq!(read.as_deref(), Some(key));
        }
        let too_long = "k".repeat(256);
        for key in ["", "a b", "\u{e9}", too_long.as_str()] {
            assert!(idempotency_key(&headers(IDEMPOTENCY_KEY, key.as_bytes())).is_err(), "{key}");
        }
        let mut two = headers(IDEMPOTENCY_KEY, b"a");
        two.append(IDEMPOTENCY_KEY, HeaderValue::from_static("b"));
        assert!(idempotency_key(&two).is_err());
    }

    #[test]
    fn a_timeout_is_a_number_of_milliseconds() {
        let of = |text: &str| timeout(&headers(TIMEOUT_HEADER, text.as_bytes()));
        assert_eq!(of("1500"), Some(Duration::from_millis(1_500)));
        assert_eq!((of("1.5"), of("-1"), of("soon")), (None, None, None));
    }
}
