//! The layer in front of a route whose clients need a key (RFC 6750), or a session.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::MethodRouter;
use linkrelay_common::metrics as names;
use metrics::counter;
use tracing::Span;

use super::credential::{API_KEY, Credential, is_from_own_page, writes};
use super::session::SessionError;
use super::{Access, KeyHolder, KeyRing, Scope};
use crate::Problem;
use crate::around::{Around, AroundLayer};
use crate::client::{ClientLimits, OwnOrigin, TrustedProxies};

/// The label of requests without a key that is known.
const NO_CLIENT: &str = "none";
const NO_KEY: HeaderValue = HeaderValue::from_static(r#"Bearer realm="linkrelay""#);
const UNKNOWN_KEY: HeaderValue =
    HeaderValue::from_static(r#"Bearer realm="linkrelay", error="invalid_token""#);

#[derive(Debug, Clone)]
struct Guard {
    ring: Arc<KeyRing>,
    scope: Scope,
}

impl Around for Guard {
    /// The span that names the client.
    type Held = Span;

    fn before(&self, request: &mut Request) -> Result<Span, Box<Response>> {
        self.check(request)
    }

    fn after(&self, _: Span, _: &mut Response) {}

    fn span(held: &Span) -> Span {
        held.clone()
    }
}

/// Lets only requests to these routes pass whose key has this scope.
///
/// A request that passes carries the `KeyHolder` as an extension, and no longer
/// the key; the log lines that it causes name the client.
pub fn guard<S>(routes: MethodRouter<S>, access: &Access, scope: Scope) -> MethodRouter<S>
where
    S: Clone + Send + Sync + 'static,
{
    match access {
        Access::Everyone => routes,
        Access::Keys(ring) => {
            let guard = Guard { ring: Arc::clone(ring), scope };
            routes.route_layer(AroundLayer(guard))
        }
    }
}

/// What a request shows of its sender, as [`Identify`] has found it.
#[derive(Debug, Clone)]
pub(super) struct Shown {
    pub(super) credential: Credential,
    /// With the proxies that are trusted; `None` without the layers of a server.
    clients: Option<Arc<ClientLimits>>,
}

impl Shown {
    fn of(request: &Request, ring: &KeyRing, clients: Option<Arc<ClientLimits>>) -> Self {
        let (headers, extensions) = (request.headers(), request.extensions());
        let origin = || own_origin(clients.as_deref(), extensions, request.uri(), headers);
        let credential = Credential::read(headers, origin, ring);
        Self { credential, clients }
    }

    /// Returns the origin of this server as the sender of this request has it.
    pub(super) fn origin(&self, request: &Parts) -> OwnOrigin {
        let Parts { extensions, uri, headers, .. } = request;
        own_origin(self.clients.as_deref(), extensions, uri, headers)
    }

    fn is_from_own_page(&self, request: &Request) -> bool {
        let (headers, extensions) = (request.headers(), request.extensions());
        let own = own_origin(self.clients.as_deref(), extensions, request.uri(), headers);
        is_from_own_page(headers, &own)
    }
}

fn own_origin(
    clients: Option<&ClientLimits>,
    extensions: &Extensions,
    uri: &Uri,
    headers: &HeaderMap,
) -> OwnOrigin {
    let none = TrustedProxies::default();
    clients.map_or(&none, ClientLimits::proxies).own_origin(extensions, uri, headers)
}

/// Adds what a request shows of its sender to its extensions, and its `KeyHolder` if it is known,
/// for what comes before the guards. It refuses no request.
#[derive(Debug, Clone)]
pub(crate) struct Identify {
    pub(crate) ring: Arc<KeyRing>,
    pub(crate) clients: Arc<ClientLimits>,
}

impl Around for Identify {
    type Held = ();

    fn before(&self, request: &mut Request) -> Result<(), Box<Response>> {
        let shown = Shown::of(request, &self.ring, Some(Arc::clone(&self.clients)));
        if let Some(holder) = shown.credential.holder() {
            let holder = holder.clone();
            request.extensions_mut().insert(holder);
        }
        request.extensions_mut().insert(shown);
        Ok(())
    }

    fn after(&self, (): (), _: &mut Response) {}
}

impl Guard {
    /// Returns the span in which the handler works.
    fn check(&self, request: &mut Request) -> Result<Span, Box<Response>> {
        let shown = request.extensions_mut().remove::<Shown>();
        let shown = shown.unwrap_or_else(|| Shown::of(request, &self.ring, None));
        let is_from_own_page = || shown.is_from_own_page(request);
        let holder = match &shown.credential {
            Credential::None => return Err(refused("no_key", no_key())),
            Credential::Key(None) => return Err(refused("unknown_key", unknown_key())),
            Credential::Session(Err(error)) => {
                return Err(refused("no_session", no_session(*error)));
            }
            Credential::Session(Ok(_)) if writes(request.method()) && !is_from_own_page() => {
                return Err(refused("wrong_origin", wrong_origin()));
            }
            Credential::Key(Some(holder)) => holder,
            Credential::Session(Ok(session)) => &session.holder,
        };
        Span::current().record("client", &*holder.name);
        let client = tracing::info_span!("client", client = &*holder.name);
        if !holder.may(self.scope) {
            count(self.ring.label(holder), "insufficient_scope");
            return Err(Box::new(client.in_scope(|| wrong_scope(self.scope))));
        }
        self.ring.count_allowed(holder);
        for name in [header::AUTHORIZATION.as_str(), API_KEY, header::COOKIE.as_str()] {
            request.headers_mut().remove(name);
        }
        if self.scope == Scope::Admin {
            client.in_scope(|| log_admin(request));
        }
        if request.extensions().get::<KeyHolder>().is_none() {
            let holder = holder.clone();
            request.extensions_mut().insert(holder);
        }
        Ok(client)
    }
}

/// Counts a request whose client is not known.
fn refused(outcome: &'static str, answer: Response) -> Box<Response> {
    count(NO_CLIENT, outcome);
    Box::new(answer)
}

fn count(client: impl Into<metrics::SharedString>, outcome: &'static str) {
    counter!(names::CLIENT_REQUESTS, "client" => client, "outcome" => outcome).increment(1);
}

/// The log names each client that acts on the links of others.
fn log_admin(request: &Request) {
    let (method, path) = (request.method(), request.uri().path());
    tracing::info!("{method} {path}, by a key with the scope admin");
}

fn no_key() -> Response {
    let detail =
        "this address needs an API key: send it as `Authorization: Bearer …` or `X-API-Key`";
    refuse(StatusCode::UNAUTHORIZED, "no_key", detail, NO_KEY)
}

pub(super) fn unknown_key() -> Response {
    tracing::debug!("request refused: its key is not known");
    let detail = "this API key is not known: it is mistyped, or revoked";
    refuse(StatusCode::UNAUTHORIZED, "unknown_key", detail, UNKNOWN_KEY)
}

fn no_session(error: SessionError) -> Response {
    let (code, detail) = match error {
        SessionError::Expired => ("session_expired", "this session has ended; sign in again"),
        SessionError::Unknown => {
            ("unknown_session", "this session is not known: its key is revoked; sign in again")
        }
    };
    tracing::debug!(code, "request refused: {detail}");
    refuse(StatusCode::UNAUTHORIZED, code, detail, UNKNOWN_KEY)
}

pub(super) fn wrong_origin() -> Response {
    let detail = "a session changes something only for this server's own pages: their Origin must \
                  be the scheme, host and port of this server. Behind a proxy with TLS, \
                  TRUSTED_PROXIES must name it, and it must send X-Forwarded-Proto and Host";
    tracing::debug!("request refused: its Origin is not this server");
    refuse(StatusCode::FORBIDDEN, "wrong_origin", detail, NO_KEY)
}

fn wrong_scope(scope: Scope) -> Response {
    tracing::debug!(%scope, "request refused: its key lacks a scope");
    let challenge = match scope {
        Scope::Submit => r#"Bearer realm="linkrelay", error="insufficient_scope", scope="submit""#,
        Scope::Read => r#"Bearer realm="linkrelay", error="insufficient_scope", scope="read""#,
        Scope::Admin => r#"Bearer realm="linkrelay", error="insufficient_scope", scope="admin""#,
    };
    let detail = format!("this API key does not have the scope {scope}");
    let challenge = HeaderValue::from_static(challenge);
    refuse(StatusCode::FORBIDDEN, "insufficient_scope", &detail, challenge)
}

fn refuse(
    status: StatusCode,
    code: &'static str,
    detail: &str,
    challenge: HeaderValue,
) -> Response {
    let mut response = Problem::new(status, code, detail).into_response();
    response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    response
}

#[cfg(test)]
mod tests;
