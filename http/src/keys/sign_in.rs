//! Signing in: a key is given once, and a session comes back in a cookie.
//!
//! It must not know: the routes that do it.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::{Array, ArrayBuilder};

use super::cookie;
use super::credential::{Credential, is_from_own_page};
use super::guard::{Shown, unknown_key, wrong_origin};
use super::ring::KeyHolder;
use super::scope::{Scope, Scopes};
use super::session;
use super::settings::Access;
use crate::Problem;
use crate::openapi::one_of;

/// Who a client is to the server, and what it may do.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionState {
    /// Whether the server has API keys, so that a client needs one.
    pub keys_required: bool,
    /// Whether the request has a session, or a key, that is known.
    pub signed_in: bool,
    /// The name of the key.
    #[schema(required)]
    pub name: Option<String>,
    /// What the client may do.
    #[schema(schema_with = scopes)]
    pub scopes: Vec<&'static str>,
    /// When the session ends.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
}

fn scopes() -> Array {
    ArrayBuilder::new().items(one_of(Scope::ALL.map(Scope::as_str))).build()
}

impl SessionState {
    fn new(keys_required: bool, holder: Option<&KeyHolder>, expires_at: Option<Timestamp>) -> Self {
        let none: Scopes = std::iter::empty().collect();
        let without_holder = if keys_required { none } else { Scopes::all() };
        let scopes = holder.map_or(without_holder, KeyHolder::scopes);
        Self {
            keys_required,
            signed_in: holder.is_some(),
            name: holder.map(|holder| holder.name.to_string()),
            scopes: scopes.iter().map(Scope::as_str).collect(),
            expires_at,
        }
    }
}

/// Why a client is not signed in or out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignInError {
    /// The server has no keys.
    NoKeys,
    /// No key has this text.
    UnknownKey,
    /// A page of another origin asks.
    WrongOrigin,
}

impl IntoResponse for SignInError {
    fn into_response(self) -> Response {
        match self {
            Self::NoKeys => {
                let detail = "this server has no API keys: nothing here needs a session";
                Problem::new(StatusCode::CONFLICT, "no_keys", detail).into_response()
            }
            Self::UnknownKey => unknown_key(),
            Self::WrongOrigin => wrong_origin(),
        }
    }
}

/// The sender of a request to the routes of sessions, which need no key.
#[derive(Debug, Default)]
pub struct Visitor {
    credential: Option<Credential>,
    /// Whether a browser names a page as the sender.
    has_origin: bool,
    is_from_own_page: bool,
    is_https: bool,
}

impl<S: Sync> FromRequestParts<S> for Visitor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let has_origin = parts.headers.contains_key(header::ORIGIN);
        let Some(shown) = parts.extensions.get::<Shown>() else {
            return Ok(Self { has_origin, ..Self::default() });
        };
        let origin = shown.origin(parts);
        Ok(Self {
            credential: Some(shown.credential.clone()),
            has_origin,
            is_from_own_page: is_from_own_page(&parts.headers, &origin),
            is_https: origin.is_https,
        })
    }
}

impl Visitor {
    /// Returns who the sender is.
    pub fn state(&self, access: &Access) -> SessionState {
        let shown = self.credential.as_ref();
        let expires_at = match shown {
            Some(Credential::Session(Ok(session))) => Some(session.expires_at),
            _ => None,
        };
        let holder = shown.and_then(Credential::holder);
        SessionState::new(matches!(access, Access::Keys(_)), holder, expires_at)
    }

    /// Makes a session of a key, with the header that gives it to a browser.
    ///
    /// # Errors
    /// [`SignInError`] if the key is not known, the page is not this server's, or there are no keys.
    pub fn sign_in(
        &self,
        access: &Access,
        key: &str,
        lasts: Duration,
    ) -> Result<(SessionState, Option<HeaderValue>), SignInError> {
        let Access::Keys(ring) = access else { return Err(SignInError::NoKeys) };
        if self.has_origin && !self.is_from_own_page {
            return Err(SignInError::WrongOrigin);
        }
        let (id, known) = ring.with_text(key.trim()).ok_or(SignInError::UnknownKey)?;
        let now = Timestamp::now();
        let lasts_signed = SignedDuration::try_from(lasts).unwrap_or(SignedDuration::MAX);
        let expires_at = now.saturating_add(lasts_signed).unwrap_or(now);
        // A session is written by the second.
        let expires_at = Timestamp::from_second(expires_at.as_second()).unwrap_or(expires_at);
        let text = session::write(&id, &known, expires_at);
        let holder = &known.holder;
        tracing::info!(client = &*holder.name, %expires_at, "a user has signed in with the key of {}", holder.name);
        let state = SessionState::new(true, Some(holder), Some(expires_at));
        Ok((state, cookie::set(Some(&text), lasts, self.is_https)))
    }

    /// Returns the header that takes the session from a browser. The session itself is kept
    /// nowhere, so a copy of it counts until it ends.
    ///
    /// # Errors
    /// [`SignInError::WrongOrigin`] for a page that is not this server's.
    pub fn sign_out(&self) -> Result<Option<HeaderValue>, SignInError> {
        let has_session = matches!(self.credential, Some(Credential::Session(_)));
        if has_session && !self.is_from_own_page {
            return Err(SignInError::WrongOrigin);
        }
        Ok(cookie::set(None, Duration::ZERO, self.is_https))
    }
}
