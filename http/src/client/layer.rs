//! The layer that counts each request for its client, before the routes.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};

use super::limits::{ClientLimits, Pass};
use super::shares::Share;
use crate::Problem;
use crate::around::Around;

/// Refuses a request whose client sends too much, and adds a [`Pass`] to each other
/// one.
#[derive(Debug, Clone)]
pub(crate) struct Admit(pub(crate) Arc<ClientLimits>);

impl Around for Admit {
    /// The pass, and the request's slot.
    type Held = (Pass, Option<Share>);

    fn before(&self, request: &mut Request) -> Result<Self::Held, Box<Response>> {
        let pass = self.0.pass(request);
        match pass.begin() {
            Ok(in_flight) => {
                request.extensions_mut().insert(pass.clone());
                Ok((pass, in_flight))
            }
            Err(refusal) => {
                if let Some(client) = pass.name() {
                    tracing::debug!(%client, code = refusal.code(), "request refused: {refusal}");
                }
                let mut response = Problem::from(refusal).into_response();
                pass.describe(response.headers_mut());
                Err(Box::new(response))
            }
        }
    }

    fn after(&self, (pass, _in_flight): Self::Held, response: &mut Response) {
        pass.describe(response.headers_mut());
    }
}

impl<S: Sync> FromRequestParts<S> for Pass {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.extensions))
    }
}
