//! `POST /links/send-message-axios`: the waiting path, which answers when the documents are stored.
//!
//! The answer is that of the extractor server, unchanged.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::response::Response;
use axum::routing::post;
use linkrelay_common::parse_link;
use linkrelay_http::intake::read_links;
use linkrelay_store::requests::{RequestPath, RequestRow};

use super::check;
use crate::error::{ApiError, NotForwarded};
use crate::forward::{ExtractorAnswer, ForwardRequest, new_key};
use crate::state::AppState;

pub(crate) fn router() -> Router<Arc<AppState>> {
    Router::new()
        // The name that clients knew before linkrelay, and a name for what it does.
        .route("/links/send-message-axios", post(wait))
        .route("/links/send-message-http", post(wait))
}

async fn wait(State(app): State<Arc<AppState>>, request: Request) -> Result<Response, ApiError> {
    let request = read_links(request, &app.intake).await?;
    let checked = check(request.links, parse_link)?;
    let has_key = request.idempotency_key.is_some();
    let key = request.idempotency_key.unwrap_or_else(new_key);
    let id = checked.request_id(Some(&key));
    let forwarded = ForwardRequest { body: request.body, key, trace_parent: request.trace_parent };
    match app.extractor_server.forward(&forwarded).await {
        Ok(answer) => {
            if answer.status.is_success() {
                let links = checked.valid.iter().map(|valid| valid.link.as_str());
                app.requests.write(RequestRow::new(id, RequestPath::Waiting, has_key, links));
            }
            Ok(response(answer))
        }
        Err(error) => Err(ApiError::NotForwarded(Box::new(NotForwarded { id, error }))),
    }
}

fn response(answer: ExtractorAnswer) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = answer.status;
    for (name, value) in [(CONTENT_TYPE, answer.content_type), (RETRY_AFTER, answer.retry_after)] {
        if let Some(value) = value {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
