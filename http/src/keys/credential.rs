//! What a request shows of who has sent it: a key in a header, or a session in a cookie.

use axum::http::{HeaderMap, Method, header};
use jiff::Timestamp;

use super::cookie;
use super::ring::{KeyHolder, KeyRing};
use super::session::{self, Session, SessionError};
use crate::client::OwnOrigin;

/// The other header of a key.
pub(super) const API_KEY: &str = "x-api-key";
const SEC_FETCH_SITE: &str = "sec-fetch-site";

/// What a request shows. A key in a header counts more than a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Credential {
    /// Nothing.
    None,
    /// A key, and whose it is, if it is known.
    Key(Option<KeyHolder>),
    /// A session.
    Session(Result<Session, SessionError>),
}

impl Credential {
    /// Reads it; asks for the origin of this server only where a session may be.
    pub(super) fn read(
        headers: &HeaderMap,
        origin: impl FnOnce() -> OwnOrigin,
        ring: &KeyRing,
    ) -> Self {
        if let Some(text) = presented(headers) {
            return Self::Key(ring.holder(text));
        }
        if !headers.contains_key(header::COOKIE) {
            return Self::None;
        }
        match cookie::read(headers, origin().is_https) {
            Ok(None) => Self::None,
            Ok(Some(text)) => Self::Session(session::read(&text, ring, Timestamp::now())),
            Err(error) => Self::Session(Err(error)),
        }
    }

    /// Returns whose it is, if it is known.
    pub(super) fn holder(&self) -> Option<&KeyHolder> {
        match self {
            Self::Key(holder) => holder.as_ref(),
            Self::Session(Ok(session)) => Some(&session.holder),
            Self::None | Self::Session(Err(_)) => None,
        }
    }
}

/// Returns the key that a request has sent. `X-API-Key` counts first, because `Authorization` may be
/// for a proxy.
pub(super) fn presented(headers: &HeaderMap) -> Option<&str> {
    let own = headers.get(API_KEY).and_then(|value| value.to_str().ok()).map(str::trim);
    own.filter(|key| !key.is_empty()).or_else(|| {
        headers.get_all(header::AUTHORIZATION).iter().find_map(|value| {
            let (scheme, key) = value.to_str().ok()?.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
        })
    })
}

/// Whether a request changes something.
pub(super) fn writes(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Whether a browser says that a page of this server has sent the request. A browser adds the
/// cookie of this server also to what a page of another port of its host sends.
pub(super) fn is_from_own_page(headers: &HeaderMap, own: &OwnOrigin) -> bool {
    match headers.get(header::ORIGIN) {
        Some(origin) => origin.to_str().is_ok_and(|origin| own.is(origin)),
        None => headers.get(SEC_FETCH_SITE).is_some_and(|site| site == "same-origin"),
    }
}
