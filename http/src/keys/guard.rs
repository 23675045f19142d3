//! The layer in front of a route whose clients need a key (RFC 6750), or a session.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::MethodRouter;
use linkrelay_common::metrics as names;
use metrics::counter;
use tracing::Instrument as _;

use super::credential::{API_KEY, Credential, is_from_own_page, own_origin, writes};
use super::session::SessionError;
use super::{Access, KeyRing, Scope};
use crate::Problem;
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
            routes.route_layer(middleware::from_fn_with_state(guard, check))
        }
    }
}

/// What a request shows of its sender, as [`identify`] has found it.
#[derive(Debug, Clone)]
pub(super) struct Shown {
    pub(super) credential: Credential,
    pub(super) origin: OwnOrigin,
    pub(super) is_from_own_page: bool,
}

impl Shown {
    fn of(request: &Request, ring: &KeyRing, proxies: &TrustedProxies) -> Self {
        let (origin, headers) = (own_origin(request, proxies), request.headers());
        let credential = Credential::read(headers, &origin, ring);
        Self { credential, is_from_own_page: is_from_own_page(headers, &origin), origin }
    }
}

/// Adds what a request shows of its sender to its extensions, and its `KeyHolder` if it is known,
/// for what comes before the guards. It refuses no request.
pub(crate) async fn identify(
    State((ring, clients)): State<(Arc<KeyRing>, Arc<ClientLimits>)>,
    mut request: Request,
    next: Next,
) -> Response {
    let shown = Shown::of(&request, &ring, clients.proxies());
    if let Some(holder) = shown.credential.holder() {
        let holder = holder.clone();
        request.extensions_mut().insert(holder);
    }
    request.extensions_mut().insert(shown);
    next.run(request).await
}

async fn check(State(guard): State<Guard>, mut request: Request, next: Next) -> Response {
    let Guard { ring, scope } = guard;
    let shown = request.extensions().get::<Shown>().cloned();
    let shown = shown.unwrap_or_else(|| Shown::of(&request, &ring, &TrustedProxies::default()));
    let holder = match shown.credential {
        Credential::None => return refused("no_key", no_key()),
        Credential::Key(None) => return refused("unknown_key", unknown_key()),
        Credential::Session(Err(error)) => return refused("no_session", no_session(error)),
        Credential::Session(Ok(_)) if writes(request.method()) && !shown.is_from_own_page => {
            return refused("wrong_origin", wrong_origin());
        }
        Credential::Key(Some(holder)) => holder,
        Credential::Session(Ok(session)) => session.holder,
    };
    tracing::Span::current().record("client", &*holder.name);
    let client = tracing::info_span!("client", client = &*holder.name);
    let label = ring.label(&holder);
    if !holder.may(scope) {
        count(label, "insufficient_scope");
        return client.in_scope(|| wrong_scope(scope));
    }
    count(label, "allowed");
    for name in [header::AUTHORIZATION.as_str(), API_KEY, header::COOKIE.as_str()] {
        request.headers_mut().remove(name);
    }
    if scope == Scope::Admin {
        client.in_scope(|| log_admin(&request));
    }
    request.extensions_mut().insert(holder);
    next.run(request).instrument(client).await
}

/// Counts a request whose client is not known.
fn refused(outcome: &'static str, answer: Response) -> Response {
    count(NO_CLIENT, outcome);
    answer
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
