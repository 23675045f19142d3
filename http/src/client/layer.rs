//! The layer that counts each request for its client, before the routes.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::limits::{ClientLimits, Pass};
use crate::Problem;

/// Refuses a request whose client sends too much, and adds a [`Pass`] to each other
/// one.
pub(crate) async fn admit(
    State(limits): State<Arc<ClientLimits>>,
    mut request: Request,
    next: Next,
) -> Response {
    let pass = limits.pass(&request);
    let mut response = match pass.begin() {
        Ok(_in_flight) => {
            request.extensions_mut().insert(pass.clone());
            next.run(request).await
        }
        Err(refusal) => {
            if let Some(client) = pass.name() {
                tracing::debug!(%client, code = refusal.code(), "request refused: {refusal}");
            }
            Problem::from(refusal).into_response()
        }
    };
    pass.describe(response.headers_mut());
    response
}

impl<S: Sync> FromRequestParts<S> for Pass {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.extensions))
    }
}
