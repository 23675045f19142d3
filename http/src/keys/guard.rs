//! The layer in front of a route that asks for a key (RFC 6750).

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};

use super::{Access, KeyHolder, Scope};
use crate::Problem;

const API_KEY: &str = "x-api-key";

#[derive(Debug, Clone)]
struct Guard {
    access: Access,
    scope: Scope,
}

/// Lets only requests to these routes pass whose key allows this. A request that passes carries
/// the [`KeyHolder`] as an extension.
pub fn guard<S>(routes: Router<S>, access: &Access, scope: Scope) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    let guard = Guard { access: access.clone(), scope };
    routes.route_layer(middleware::from_fn_with_state(guard, check))
}

async fn check(State(guard): State<Guard>, mut request: Request, next: Next) -> Response {
    let Access::Keys(ring) = &guard.access else { return next.run(request).await };
    let Some(text) = presented(request.headers()) else { return no_key() };
    let Some(holder) = ring.holder(text) else { return unknown_key() };
    if !holder.may(guard.scope) {
        return wrong_scope(&holder, guard.scope);
    }
    tracing::Span::current().record("client", &*holder.name);
    request.extensions_mut().insert(holder);
    next.run(request).await
}

/// Returns the key that a request has sent. An `Authorization` of another scheme is not for us: a
/// proxy may have asked for it.
fn presented(headers: &HeaderMap) -> Option<&str> {
    let bearer = headers.get_all(header::AUTHORIZATION).iter().find_map(|value| {
        let (scheme, key) = value.to_str().ok()?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
    });
    bearer.or_else(|| headers.get(API_KEY)?.to_str().ok().map(str::trim))
}

fn no_key() -> Response {
    let detail =
        "this address needs an API key: send it as `Authorization: Bearer …` or `X-API-Key`";
    refuse(StatusCode::UNAUTHORIZED, "no_key", detail, HeaderValue::from_static(REALM))
}

fn unknown_key() -> Response {
    tracing::debug!("request refused: its key is not known");
    let challenge = HeaderValue::from_static(r#"Bearer realm="linkrelay", error="invalid_token""#);
    refuse(StatusCode::UNAUTHORIZED, "unknown_key", "this API key is not known", challenge)
}

fn wrong_scope(holder: &KeyHolder, scope: Scope) -> Response {
    tracing::debug!(client = &*holder.name, %scope, "request refused: its key lacks a scope");
    let challenge = match scope {
        Scope::Submit => r#"Bearer realm="linkrelay", error="insufficient_scope", scope="submit""#,
        Scope::Read => r#"Bearer realm="linkrelay", error="insufficient_scope", scope="read""#,
        Scope::Admin => r#"Bearer realm="linkrelay", error="insufficient_scope", scope="admin""#,
    };
    let detail = format!("this API key does not have the scope {scope}");
    let challenge = HeaderValue::from_static(challenge);
    refuse(StatusCode::FORBIDDEN, "insufficient_scope", &detail, challenge)
}

const REALM: &str = r#"Bearer realm="linkrelay""#;

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
    use std::sync::Arc;

    use axum::Extension;
    use axum::body::Body;
    use axum::http::request::Builder;
    use axum::routing::get;
    use tower::ServiceExt as _;

    use super::super::{KeyEntry, KeyFile, KeyRing, KeyText};
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
        let ring = Arc::new(KeyRing::new([]));
        ring.replace(&KeyFile { entries });
        let name = async |holder: Extension<KeyHolder>| holder.0.name.to_string();
        let routes = Router::new().route("/", get(name));
        let router = guard(routes, &Access::Keys(ring), Scope::Read);
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
        let open = guard(Router::new().route("/", get("x")), &Access::Everyone, Scope::Read);
        assert_eq!(answer(&open, none()).await.0, 200);
    }
}
