//! The layer in front of a route whose clients need a key (RFC 6750).

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::MethodRouter;
use linkrelay_common::metrics as names;
use metrics::counter;
use tracing::Instrument as _;

use super::{Access, KeyHolder, KeyRing, Scope};
use crate::Problem;

const API_KEY: &str = "x-api-key";
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
/// A request that passes carries the [`KeyHolder`] as an extension, and no longer
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

/// Adds the [`KeyHolder`] of a request whose key is known to its extensions, for what comes before
/// the guards. It refuses no request.
pub(crate) async fn identify(
    State(ring): State<Arc<KeyRing>>,
    mut request: Request,
    next: Next,
) -> Response {
    if let Some(holder) = presented(request.headers()).and_then(|text| ring.holder(text)) {
        request.extensions_mut().insert(holder);
    }
    next.run(request).await
}

async fn check(State(guard): State<Guard>, mut request: Request, next: Next) -> Response {
    let Guard { ring, scope } = guard;
    let Some(text) = presented(request.headers()) else {
        count(NO_CLIENT, "no_key");
        return no_key();
    };
    let known = request.extensions().get::<KeyHolder>().cloned();
    let Some(holder) = known.or_else(|| ring.holder(text)) else {
        count(NO_CLIENT, "unknown_key");
        return unknown_key();
    };
    tracing::Span::current().record("client", &*holder.name);
    let client = tracing::info_span!("client", client = &*holder.name);
    let label = ring.label(&holder);
    if !holder.may(scope) {
        count(label, "insufficient_scope");
        return client.in_scope(|| wrong_scope(scope));
    }
    count(label, "allowed");
    request.headers_mut().remove(header::AUTHORIZATION);
    request.headers_mut().remove(API_KEY);
    if scope == Scope::Admin {
        client.in_scope(|| log_admin(&request));
    }
    request.extensions_mut().insert(holder);
    next.run(request).instrument(client).await
}

fn count(client: impl Into<metrics::SharedString>, outcome: &'static str) {
    counter!(names::CLIENT_REQUESTS, "client" => client, "outcome" => outcome).increment(1);
}

/// The log names each client that acts on the links of others.
fn log_admin(request: &Request) {
    let (method, path) = (request.method(), request.uri().path());
    tracing::info!("{method} {path}, by a key with the scope admin");
}

/// Returns the key that a request has sent. `X-API-Key` counts first, because `Authorization` may be
/// for a proxy.
fn presented(headers: &HeaderMap) -> Option<&str> {
    let own = headers.get(API_KEY).and_then(|value| value.to_str().ok()).map(str::trim);
    own.filter(|key| !key.is_empty()).or_else(|| {
        headers.get_all(header::AUTHORIZATION).iter().find_map(|value| {
            let (scheme, key) = value.to_str().ok()?.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
        })
    })
}

fn no_key() -> Response {
    let detail =
        "this address needs an API key: send it as `Authorization: Bearer …` or `X-API-Key`";
    refuse(StatusCode::UNAUTHORIZED, "no_key", detail, NO_KEY)
}

fn unknown_key() -> Response {
    tracing::debug!("request refused: its key is not known");
    let detail = "this API key is not known: it is mistyped, or revoked";
    refuse(StatusCode::UNAUTHORIZED, "unknown_key", detail, UNKNOWN_KEY)
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
mod tests {
    use axum::body::Body;
    use axum::http::request::Builder;
    use axum::routing::get;
    use axum::{Extension, Router};
    use tower::ServiceExt as _;

    use super::super::{KeyEntry, KeyFile, KeyHolder, KeyText};
    use super::*;

    async fn answer(router: &Router, request: Builder) -> (u16, Option<String>) {
        let request = request.uri("/").body(Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        let challenge = response.headers().get(header::WWW_AUTHENTICATE);
        let challenge = challenge.map(|value| value.to_str().unwrap().to_owned());
        (response.status().as_u16(), challenge)
    }

    #[tokio::test]
    async fn a_request_passes_only_with_a_key_that_allows_it() {
        let (reader, sender) = (KeyText::generate(), KeyText::generate());
        let entry = |key, scopes: &str| KeyEntry::new(key, scopes.parse().unwrap(), "x").unwrap();
        let entries = vec![entry(&reader, "read"), entry(&sender, "submit,admin")];
        let ring = Arc::new(KeyRing::new([], None));
        ring.replace(&KeyFile { entries });
        // A handler knows the holder, and never the key.
        let name = async |holder: Extension<KeyHolder>, headers: HeaderMap| {
            assert_eq!(presented(&headers), None);
            holder.0.name.to_string()
        };
        let routes = guard(get(name), &Access::Keys(ring), Scope::Read);
        let router = Router::new().route("/", routes);
        let bearer = |key: &KeyText| format!("Bearer {}", key.expose());
        let wrong = format!("{}0", reader.expose());
        let none = Request::builder;
        for (request, status, challenge) in [
            (none().header("Authorization", bearer(&reader)), 200, None),
            (none().header("authorization", format!("bearer  {}", reader.expose())), 200, None),
            (none().header("X-API-Key", reader.expose()), 200, None),
            (
                none().header("Authorization", "Basic x").header("x-api-key", reader.expose()),
                200,
                None,
            ),
            (
                none().header("Authorization", "Bearer x").header("x-api-key", reader.expose()),
                200,
                None,
            ),
            (none().header("Authorization", bearer(&reader)).header("x-api-key", ""), 200, None),
            (none(), 401, Some("realm")),
            (none().header("Authorization", "Basic x"), 401, Some("realm")),
            (none().header("X-API-Key", wrong), 401, Some("invalid_token")),
            (none().header("X-API-Key", "\u{e9}"), 401, Some("realm")),
            (none().header("Authorization", bearer(&sender)), 403, Some("scope=\"read\"")),
        ] {
            let shown = format!("{request:?}");
            let (answered, told) = answer(&router, request).await;
            assert_eq!(answered, status, "{shown}");
            assert_eq!(told.is_some(), challenge.is_some(), "{shown}");
            let told = told.unwrap_or_default();
            assert!(challenge.is_none_or(|part| told.contains(part)), "{shown}: {told}");
        }
        let open = Router::new().route("/", guard(get("x"), &Access::Everyone, Scope::Read));
        assert_eq!(answer(&open, none()).await.0, 200);
    }
}
