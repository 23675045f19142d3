//! `POST /links/send-message-kafka`: accepts links, and answers 201 when all of them are safe.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use jiff::Timestamp;
use linkrelay_common::{LinkIdentity, LinkTarget, RequestId, parse_link, parse_target};
use linkrelay_http::intake::{
    CheckedLinks, LinkOutcome, LinksRequest, ResultEntry, ResultError, ValidResult, read_links,
    results,
};
use linkrelay_kafka::LinkRecord;
use serde::Serialize;

use super::check;
use crate::accept::Accepted;
use crate::error::{ApiError, StatusUrl, Unpublished};
use crate::measure;
use crate::state::AppState;

pub(crate) fn router() -> Router<Arc<AppState>> {
    Router::new().route("/links/send-message-kafka", post(submit))
}

/// The answer if every valid link was accepted.
#[derive(Debug, Serialize)]
struct SubmitAnswer<'a> {
    /// `ok`, or `partial` if some links were rejected.
    res: &'static str,
    id: RequestId,
    accepted: usize,
    status_url: StatusUrl,
    /// One for each link; left out if all were accepted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    results: Vec<ResultEntry<'a>>,
}

async fn submit(State(app): State<Arc<AppState>>, request: Request) -> Result<Response, ApiError> {
    let request = read_links(request, &app.intake).await?;
    let LinksRequest { links, force, idempotency_key, trace_parent, .. } = request;
    let checked = if app.takes_lists {
        check(links, parse_target)?
    } else {
        check(links, |link| parse_link(link).map(LinkTarget::Video))?
    };
    let id = checked.request_id(idempotency_key.as_deref());
    let submitted_at = Timestamp::now();
    let records = checked.documents(id).map(|(index, _, valid)| LinkRecord {
        target: valid.names.clone(),
        link: valid.link.clone(),
        force,
        identity: LinkIdentity::OfRequest { request_id: id, index },
        submitted_at,
        trace_parent: trace_parent.clone(),
    });
    let accepted = app.accept.accept(records.collect()).await?;
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
            results: to_json(&results(valid_results(accepted), checked)),
            error: *error,
        })));
    }
    let (status, res, results) = if rejected.is_empty() {
        (StatusCode::CREATED, "ok", Vec::new())
    } else {
        (StatusCode::MULTI_STATUS, "partial", results(valid_results(accepted), checked))
    };
    let status_url = StatusUrl(id);
    let body = SubmitAnswer { res, id, accepted: accepted_count, status_url, results };
    Ok((status, Json(body)).into_response())
}

fn valid_results(accepted: &Accepted) -> impl Iterator<Item = ValidResult<'_>> {
    let mut failures = accepted.failures.iter().peekable();
    accepted.records.iter().enumerate().map(move |(index, record)| {
        let failure = failures.next_if(|(failed, _)| *failed == index);
        let error = failure.map(|(_, error)| ResultError {
            code: error.code().into(),
            message: error.to_string(),
        });
        let outcome =
            if error.is_some() { LinkOutcome::Unavailable } else { LinkOutcome::Accepted };
        ValidResult { link: &record.link, document_id: record.document_id(), outcome, error }
    })
}

/// Makes entries that do not borrow the links.
fn to_json(results: &[ResultEntry<'_>]) -> serde_json::Value {
    // Numbers and texts can always be serialized.
    serde_json::to_value(results).unwrap_or_default()
}

/// Returns the error of a request in which no link names a video.
pub(super) fn no_valid_links<T>(checked: &CheckedLinks<T>) -> ApiError {
    ApiError::NoValidLinks { results: to_json(&results([], checked)) }
}
