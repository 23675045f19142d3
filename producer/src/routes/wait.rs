//! `POST /links/send-message-axios`: the waiting path, which answers when the documents are stored.
//!
//! The answer is that of the extractor server, unchanged.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::response::Response;
use linkrelay_common::parse_link;
use linkrelay_http::intake::{LinksBody, read_links};
use linkrelay_http::openapi::{IntakeProblems, LinkHeaders, problems};
use linkrelay_http::wire::WaitAnswer;
use linkrelay_store::requests::{RequestPath, RequestRow};
use utoipa::IntoResponses;
use utoipa::openapi::{RefOr, Response as DescribedResponse};

use super::check;
use super::parameters::NoParameters;
use crate::error::{ApiError, NotForwarded};
use crate::forward::{ExtractorAnswer, ForwardRequest, new_key};
use crate::state::AppState;

/// What the waiting path answers if no link has its document.
struct WaitProblems;

impl IntoResponses for WaitProblems {
    fn responses() -> BTreeMap<String, RefOr<DescribedResponse>> {
        problems(&[
            (429, "`client_waiting`: too many requests of this client wait already."),
            (502, "`bad_extractor_answer`: what answers at EXTRACTOR_URL is no extractor server."),
            (
                503,
                "`extractor_unavailable`, `throttled`, `stopping`, `store_unavailable`, \
                 `refused_by_store`, `result_unpublished`, or the code of the last attempt \
                 (`bad_status`, `timed_out`, `connection`, `proxy`, `stood_down`, `unreadable`, \
                 `unconfirmed`, `throttled_alone`): no link is complete.",
            ),
            (504, "`wait_timeout`: nothing was found in time (WAIT_TIMEOUT, 10 s)."),
        ])
    }
}

/// Stores links, and answers when their documents are written.
///
/// `/links/send-message-axios` is the name that clients knew before.
#[utoipa::path(
    post,
    path = "/links/send-message-http",
    tag = "Links",
    params(LinkHeaders),
    request_body = LinksBody,
    responses(
        (status = 201, description = "Every link has its document.", body = WaitAnswer),
        (status = 207, description = "Some links have their document.", body = WaitAnswer),
        IntakeProblems,
        WaitProblems,
    )
)]
pub(super) async fn wait(
    State(app): State<Arc<AppState>>,
    _: NoParameters,
    request: Request,
) -> Result<Response, ApiError> {
    answer(&app, request).await
}

/// Stores links, and answers when their documents are written.
///
/// The same as `/links/send-message-http`, which says more.
#[utoipa::path(
    post,
    path = "/links/send-message-axios",
    tag = "Links",
    params(LinkHeaders),
    request_body = LinksBody,
    responses(
        (status = 201, description = "Every link has its document.", body = WaitAnswer),
        (status = 207, description = "Some links have their document.", body = WaitAnswer),
        IntakeProblems,
        WaitProblems,
    )
)]
pub(super) async fn wait_by_its_old_name(
    State(app): State<Arc<AppState>>,
    _: NoParameters,
    request: Request,
) -> Result<Response, ApiError> {
    answer(&app, request).await
}

async fn answer(app: &AppState, request: Request) -> Result<Response, ApiError> {
    let request = read_links(request, &app.intake).await?;
    let checked = check(request.links, parse_link)?;
    let has_key = request.idempotency_key.is_some();
    let _slot = request.client.slot(&app.client_slots.waiting)?;
    let key = request.idempotency_key.unwrap_or_else(new_key);
    let id = checked.request_id(Some(&key));
    let forwarded = ForwardRequest { body: request.body, key, span: request.span };
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
