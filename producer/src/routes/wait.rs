//! `POST /links/send-message-axios`: the waiting path. Answered when the documents are there.
//!
//! The answer is the extractor server's own, handed on as it is.

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::response::Response;
use axum::routing::post;
use linkrelay_common::parse_link;
use linkrelay_http::intake::read_links;

use super::check;
use crate::error::{ApiError, NotForwarded};
use crate::forward::{Answer, Handed, fresh_key};
use crate::state::AppState;

pub(crate) fn router() -> Router<AppState> {
    Router::new()
        // As it was called before linkrelay, and by what it does.
        .route("/links/send-message-axios", post(wait))
        .route("/links/send-message-http", post(wait))
}

async fn wait(State(app): State<AppState>, request: Request) -> Result<Response, ApiError> {
    let request = read_links(request, &app.intake).await?;
    let checked = check(request.links, parse_link)?;
    let key = request.idempotency_key.unwrap_or_else(fresh_key);
    let id = checked.request_id(Some(&key));
    let handed = Handed { body: request.body, key, trace_parent: request.trace_parent };
    match app.extractor_server.hand_on(&handed).await {
        Ok(answer) => Ok(response(answer)),
        Err(error) => Err(ApiError::NotForwarded(Box::new(NotForwarded { id, error }))),
    }
}

fn response(answer: Answer) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = answer.status;
    for (name, value) in [(CONTENT_TYPE, answer.content_type), (RETRY_AFTER, answer.retry_after)] {
        if let Some(value) = value {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
