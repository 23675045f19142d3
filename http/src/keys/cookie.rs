//! The cookie that carries a session.
//!
//! Browsers share the cookies of a host between all of its ports, and other sites of the same
//! domain can set some. Where there is TLS, the name begins with `__Host-`: a browser then takes it
//! only from this very host, over TLS.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, header};
use cookie::time::Duration as CookieDuration;
use cookie::{Cookie, SameSite};

use super::session::SessionError;

const NAME: &str = "linkrelay_session";
const NAME_WITH_TLS: &str = "__Host-linkrelay_session";

fn name(is_https: bool) -> &'static str {
    if is_https { NAME_WITH_TLS } else { NAME }
}

/// Returns the text of the session that a request has sent.
///
/// # Errors
/// [`SessionError::Unknown`] if there are several, of which another site may have set one.
pub(super) fn read(headers: &HeaderMap, is_https: bool) -> Result<Option<String>, SessionError> {
    let pieces = headers.get_all(header::COOKIE).iter();
    // Each cookie alone: others of the host may be no text.
    let pieces = pieces.flat_map(|value| value.as_bytes().split(|byte| *byte == b';'));
    let cookies = pieces.filter_map(|piece| Cookie::parse(std::str::from_utf8(piece).ok()?).ok());
    let mut own = cookies.filter(|cookie| cookie.name() == name(is_https));
    let first = own.next().map(|cookie| cookie.value().to_owned());
    if own.next().is_some() { Err(SessionError::Unknown) } else { Ok(first) }
}

/// Returns the header that gives a browser a session for this long; without a text, the one that
/// takes it away.
pub(super) fn set(text: Option<&str>, lasts: Duration, is_https: bool) -> Option<HeaderValue> {
    let lasts = text.map_or(CookieDuration::ZERO, |_| {
        CookieDuration::try_from(lasts).unwrap_or(CookieDuration::MAX)
    });
    let cookie = Cookie::build((name(is_https), text.unwrap_or_default()))
        .http_only(true)
        .same_site(SameSite::Strict)
        .path("/")
        .max_age(lasts)
        .secure(is_https);
    let mut value = HeaderValue::from_str(&cookie.to_string()).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(values: &[&[u8]]) -> HeaderMap {
        let pair = |value: &&[u8]| (header::COOKIE, HeaderValue::from_bytes(value).unwrap());
        values.iter().map(pair).collect()
    }

    #[test]
    fn the_one_cookie_of_the_name_is_found_among_others() {
        let found = |text: &str| Ok(Some(text.to_owned()));
        for (values, is_https, read_as) in [
            (vec![&b"linkrelay_session=a.1.b"[..]], false, found("a.1.b")),
            (vec![b"x=\xff; linkrelay_session=a; y", b"z=1"], false, found("a")),
            (vec![b"z=1", b"linkrelay_session=a"], false, found("a")),
            (vec![b"Linkrelay_session=a"], false, Ok(None)),
            (vec![], false, Ok(None)),
            (vec![b"linkrelay_session=a; linkrelay_session=b"], false, Err(SessionError::Unknown)),
            (
                vec![b"linkrelay_session=a", b"linkrelay_session=a"],
                false,
                Err(SessionError::Unknown),
            ),
            // With TLS another name counts, which only this host can set.
            (vec![b"linkrelay_session=a; __Host-linkrelay_session=b"], true, found("b")),
            (vec![b"linkrelay_session=a"], true, Ok(None)),
            (vec![b"__Host-linkrelay_session=b"], false, Ok(None)),
        ] {
            assert_eq!(read(&sent(&values), is_https), read_as, "{values:?} {is_https}");
        }
    }

    #[test]
    fn a_browser_keeps_it_from_scripts_and_other_sites_and_for_as_long_as_it_lasts() {
        let text = |text, is_https| {
            let value = set(text, Duration::from_secs(43_200), is_https).unwrap();
            assert!(value.is_sensitive());
            value.to_str().unwrap().to_owned()
        };
        let rest = "HttpOnly; SameSite=Strict";
        assert_eq!(
            text(Some("a.1.b"), false),
            format!("linkrelay_session=a.1.b; {rest}; Path=/; Max-Age=43200")
        );
        assert_eq!(
            text(Some("a.1.b"), true),
            format!("__Host-linkrelay_session=a.1.b; {rest}; Secure; Path=/; Max-Age=43200")
        );
        assert_eq!(text(None, false), format!("linkrelay_session=; {rest}; Path=/; Max-Age=0"));
    }
}
