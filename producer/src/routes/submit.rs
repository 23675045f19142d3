//! `POST /links/send-message-kafka`: accepts links, and answers 201 when all of them are safe.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use linkrelay_common::{LinkIdentity, LinkTarget, RequestId};
use linkrelay_http::intake::{
    CheckedLinks, LinkOutcome, LinksBody, LinksRequest, ResultEntry, ResultError, ValidResult,
    read_links, results,
};
use linkrelay_http::openapi::{IntakeProblems, LinkHeaders};
use linkrelay_http::wire::ok_or_partial;
use linkrelay_kafka::LinkRecord;
use linkrelay_store::requests::{RequestPath, RequestRow};
use linkrelay_store::{LinkState, LinkStatus};
use serde::Serialize;
use tokio::time::{Instant, sleep_until, timeout_at};
use utoipa::ToSchema;

use super::check;
use super::parameters::{Parameters, wrong};
use super::problems::PublishProblems;
use crate::accept::Accepted;
use crate::error::{ApiError, StatusUrl, Unpublished};
use crate::measure;
use crate::state::AppState;

/// Between two queries of a client that waits.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// What a client can do if not every link was accepted.
const HOW_TO_REPEAT: &str = "See results for each link. Send the same links again with the same \
                             Idempotency-Key: a link that has arrived, or still arrives, is not \
                             doubled. Without a key, send only the unavailable links again; one \
                             that still arrives then has two documents.";

/// The answer if every valid link was accepted.
#[derive(Debug, Serialize, ToSchema)]
struct SubmitAnswer<'a> {
    /// `ok`, or `partial` if some links were rejected.
    #[schema(schema_with = ok_or_partial)]
    res: &'static str,
    id: RequestId,
    /// How many links were accepted.
    accepted: usize,
    status_url: StatusUrl,
    /// One for each link; left out if all were accepted and the client did not wait.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    results: Vec<ResultEntry<'a>>,
}

/// Accepts links, and answers when the broker has them safely.
#[utoipa::path(
    post,
    path = "/links/send-message-kafka",
    tag = "Links",
    params(
        ("wait" = Option<String>, Query, example = "5s",
            pattern = "^(0|([0-9]|10)s|[0-9]{1,4}ms)$",
            description = "How long the answer may wait for documents, at most WAIT_TIMEOUT (10 s)."),
        LinkHeaders,
    ),
    request_body = LinksBody,
    responses(
        (status = 201, description = "The broker has every link.", body = SubmitAnswer),
        (status = 207, description = "Some links were rejected; the broker has the others.",
            body = SubmitAnswer),
        IntakeProblems,
        PublishProblems,
    )
)]
pub(super) async fn submit(
    State(app): State<Arc<AppState>>,
    mut parameters: Parameters,
    request: Request,
) -> Result<Response, ApiError> {
    let wait = parameters.text("wait").map(|text| duration(&text, app.max_wait)).transpose()?;
    parameters.end()?;
    let request = read_links(request, &app.intake).await?;
    let LinksRequest { links, force, idempotency_key, span, .. } = request;
    let checked = check(links, |link| app.target_of(link))?;
    let id = checked.request_id(idempotency_key.as_deref());
    let submitted_at = Timestamp::now();
    let records = checked.documents(id).map(|(index, _, valid)| LinkRecord {
        target: valid.names.clone(),
        link: valid.link.clone(),
        force,
        identity: LinkIdentity::OfRequest { request_id: id, index },
        submitted_at,
        trace_parent: span.context(),
        failed_in: None,
    });
    let links = checked.valid.iter().map(|valid| valid.link.as_str());
    let row = RequestRow::new(id, RequestPath::Kafka, idempotency_key.is_some(), links);
    let mut accepted = app.accept.accept(records.collect(), Some(row)).await?;
    // If at least one link is safe: its document will be there.
    if accepted.failures.len() < accepted.records.len()
        && let Some(row) = accepted.unwritten.take()
    {
        app.requests.write(row);
    }
    let done = match wait {
        Some(wait) if accepted.failures.is_empty() => Some(documents_within(&app, id, wait).await),
        _ => None,
    };
    answer(id, &accepted, &checked, done.as_deref())
}

fn duration(text: &str, max: Duration) -> Result<Duration, ApiError> {
    match humantime::parse_duration(text) {
        Ok(wait) if wait <= max => Ok(wait),
        Ok(_) => Err(wrong("wait", format!("must be at most {max:?} (WAIT_TIMEOUT)"))),
        Err(error) => Err(wrong("wait", format!("must be a time such as 5s: {error}"))),
    }
}

/// Returns the links of a request that have documents, as soon as all have, or after this time, or
/// when the role stops. The links are safe already, so a store that fails only leaves them out.
async fn documents_within(app: &AppState, id: RequestId, wait: Duration) -> Vec<LinkStatus> {
    let deadline = Instant::now() + wait;
    let mut done = Vec::new();
    loop {
        let links = app.store.request_links(id, 0, id.links_count());
        if let Ok(Ok(links)) = timeout_at(deadline, links).await {
            done = links;
        }
        let is_over = done.len() >= id.links_count() as usize || Instant::now() >= deadline;
        let pause = sleep_until(deadline.min(Instant::now() + POLL_INTERVAL));
        if is_over || app.stopping.run_until_cancelled(pause).await.is_none() {
            return done;
        }
    }
}

/// `done` are the links with documents, if the client waited for them.
fn answer(
    id: RequestId,
    accepted: &Accepted,
    checked: &CheckedLinks<LinkTarget>,
    done: Option<&[LinkStatus]>,
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
            how_to_repeat: HOW_TO_REPEAT,
        })));
    }
    let (status, res) = if rejected.is_empty() {
        (StatusCode::CREATED, "ok")
    } else {
        (StatusCode::MULTI_STATUS, "partial")
    };
    let results = match done {
        Some(done) => results(with_documents(valid_results(accepted), done), checked),
        None if rejected.is_empty() => Vec::new(),
        None => results(valid_results(accepted), checked),
    };
    let status_url = StatusUrl(id);
    let body = SubmitAnswer { res, id, accepted: accepted_count, status_url, results };
    Ok((status, Json(body)).into_response())
}

/// Returns the results of the records that were to be accepted, in their order.
pub(super) fn valid_results(accepted: &Accepted) -> impl Iterator<Item = ValidResult<'_>> {
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

/// Sets the outcome of the links that have documents; `done` is sorted by index.
fn with_documents<'a>(
    valid: impl Iterator<Item = ValidResult<'a>>,
    done: &[LinkStatus],
) -> impl Iterator<Item = ValidResult<'a>> {
    let mut done = done.iter().peekable();
    (0_u32..).zip(valid).map(move |(index, mut result)| {
        if let Some(link) = done.next_if(|link| link.index == index) {
            result.outcome = match link.state {
                LinkState::Stored => LinkOutcome::Stored,
                LinkState::Failed | LinkState::Deleted => LinkOutcome::Failed,
                // Its videos are links of their own, which have hardly begun.
                LinkState::Expanded => LinkOutcome::Accepted,
            };
            result.error = link.error.as_ref().map(|error| ResultError {
                code: error.code.clone().into(),
                message: error.message.clone(),
            });
        }
        result
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
