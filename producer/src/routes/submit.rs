//! `POST /links/send-message-kafka`: links in, 201 once all of them are safe.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use linkrelay_common::{LinkTarget, RequestId, parse_link, parse_target};
use linkrelay_http::intake::{
    CheckedLinks, LinkFate, LinkResult, LinkResultStatus, ResultError, read_links, results,
};
use serde::Serialize;

use super::check;
use crate::accept::Accepted;
use crate::error::{ApiError, StatusUrl, Unpublished};
use crate::measure;
use crate::state::AppState;
use crate::submit::{Terms, records_of};

pub(crate) fn router() -> Router<AppState> {
    Router::new().route("/links/send-message-kafka", post(submit))
}

/// The answer while at least one link was taken.
#[derive(Debug, Serialize)]
struct Answer<'a> {
    /// `ok`, or `partial` if some links were rejected.
    res: &'static str,
    id: RequestId,
    accepted: usize,
    status_url: StatusUrl,
    /// Of each link; left out if all were accepted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    results: Vec<LinkResult<'a>>,
}

async fn submit(State(app): State<AppState>, request: Request) -> Result<Response, ApiError> {
    let request = read_links(request, &app.intake).await?;
    let checked = if app.takes_lists {
        check(request.links, parse_target)?
    } else {
        check(request.links, |link| parse_link(link).map(LinkTarget::Video))?
    };
    let terms = Terms {
        force: request.force,
        idempotency_key: request.idempotency_key,
        trace_parent: request.trace_parent,
    };
    let (id, records) = records_of(&checked, &terms);
    let accepted = app.accept.accept(records).await?;
    answer(id, &accepted, &checked)
}

fn answer(
    id: RequestId,
    accepted: &Accepted,
    checked: &CheckedLinks<LinkTarget>,
) -> Result<Response, ApiError> {
    let (failures, rejected) = (&accepted.failures, &checked.rejected);
    let accepted_count = accepted.records.len() - failures.len();
    measure::links("accepted", accepted_count);
    measure::links("unavailable", failures.len());
    measure::links("rejected", rejected.len());
    if let Some((_, error)) = failures.first() {
        return Err(ApiError::Unpublished(Box::new(Unpublished {
            id,
            accepted_count,
            results: to_json(&results(fates(accepted), checked)),
            error: *error,
        })));
    }
    let (status, res, results) = if rejected.is_empty() {
        (StatusCode::CREATED, "ok", Vec::new())
    } else {
        (StatusCode::MULTI_STATUS, "partial", results(fates(accepted), checked))
    };
    let body = Answer { res, id, accepted: accepted_count, status_url: StatusUrl(id), results };
    Ok((status, Json(body)).into_response())
}

fn fates(accepted: &Accepted) -> impl Iterator<Item = LinkFate<'_>> {
    let mut failures = accepted.failures.iter().peekable();
    accepted.records.iter().enumerate().map(move |(place, record)| {
        let failure = failures.next_if(|(failed, _)| *failed == place);
        let error = failure.map(|(_, error)| ResultError {
            code: error.code().into(),
            message: error.to_string(),
        });
        LinkFate {
            link: &record.link,
            document_id: record.document_id(),
            status: match error {
                Some(_) => LinkResultStatus::Unavailable,
                None => LinkResultStatus::Accepted,
            },
            error,
        }
    })
}

/// For an answer that outlives what it is about.
fn to_json(results: &[LinkResult<'_>]) -> serde_json::Value {
    // Numbers and text always serialize.
    serde_json::to_value(results).unwrap_or_default()
}

/// What is answered when no link names a video.
pub(super) fn no_valid_links<T>(checked: &CheckedLinks<T>) -> ApiError {
    ApiError::NoValidLinks { results: to_json(&results([], checked)) }
}
