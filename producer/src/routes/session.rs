//! `/session`: a browser signs in with an API key, and out.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use linkrelay_http::intake::read_json;
use linkrelay_http::keys::{SessionState, Visitor};
use linkrelay_http::openapi::BodyProblems;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use super::parameters::NoParameters;
use crate::error::ApiError;
use crate::state::AppState;

/// No cache may keep who a client is.
const NOT_KEPT: (header::HeaderName, HeaderValue) =
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store"));

/// The body of a sign-in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SignInBody {
    /// The API key.
    #[serde(deserialize_with = "secret")]
    #[schema(value_type = String, example = "lr_0123456789_…")]
    key: SecretString,
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
    String::deserialize(deserializer).map(SecretString::from)
}

/// Who the client is, and what it may do.
#[utoipa::path(
    get,
    path = "/session",
    tag = "Sessions",
    responses(
        (status = 200, description = "What the request's key or session says, if it has one.",
            body = SessionState),
        (status = 400, description = "`bad_query`: a parameter is not known."),
    )
)]
pub(super) async fn session(
    State(app): State<Arc<AppState>>,
    _: NoParameters,
    visitor: Visitor,
) -> Response {
    ([NOT_KEPT], Json(visitor.state(&app.access))).into_response()
}

/// Signs in with an API key: the browser gets a session in a cookie, which counts as the key.
#[utoipa::path(
    post,
    path = "/session",
    tag = "Sessions",
    request_body = SignInBody,
    responses(
        (status = 200, description = "Signed in.", body = SessionState,
            headers(("Set-Cookie" = String, description = "The session: HttpOnly, SameSite=Strict, \
                and Secure with TLS."))),
        BodyProblems,
        (status = 400, description = "`bad_body`, `body_broken`, `not_gzip`, `bad_query`: the \
            body is not of this form, or a parameter is not known."),
        (status = 401, description = "`unknown_key`: the key is mistyped, or revoked."),
        (status = 403, description = "`wrong_origin`: a page of another origin asks."),
        (status = 409, description = "`no_keys`: the server has no keys, and needs none."),
    )
)]
pub(super) async fn sign_in(
    State(app): State<Arc<AppState>>,
    _: NoParameters,
    visitor: Visitor,
    request: Request,
) -> Result<Response, ApiError> {
    let (body, _) = read_json(request, &app.intake).await?;
    let body: SignInBody = serde_json::from_slice(&body).map_err(|_| ApiError::BadSignInBody)?;
    let signed_in = visitor.sign_in(&app.access, body.key.expose_secret(), app.session_duration);
    Ok(match signed_in {
        Ok((state, cookie)) => with_cookie(Json(state).into_response(), cookie),
        Err(error) => error.into_response(),
    })
}

/// Signs out: the browser forgets the session.
#[utoipa::path(
    delete,
    path = "/session",
    tag = "Sessions",
    responses(
        (status = 204, description = "Signed out, or there was no session.",
            headers(("Set-Cookie" = String, description = "Takes the session away."))),
        (status = 400, description = "`bad_query`: a parameter is not known."),
        (status = 403, description = "`wrong_origin`: a page of another origin asks."),
    )
)]
pub(super) async fn sign_out(_: NoParameters, visitor: Visitor) -> Response {
    match visitor.sign_out() {
        Ok(cookie) => with_cookie(StatusCode::NO_CONTENT.into_response(), cookie),
        Err(error) => error.into_response(),
    }
}

fn with_cookie(mut response: Response, cookie: Option<HeaderValue>) -> Response {
    let headers = response.headers_mut();
    headers.insert(NOT_KEPT.0, NOT_KEPT.1);
    if let Some(cookie) = cookie {
        headers.insert(header::SET_COOKIE, cookie);
    }
    response
}
