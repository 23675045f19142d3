//! What the extractor server answers: from the outcomes of links to HTTP.

use std::time::Duration;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use linkrelay_common::RequestId;
use linkrelay_http::Problem;
use linkrelay_http::intake::{
    CheckedLinks, LinkOutcome, ResultEntry, ResultError, ValidResult, results,
};
use linkrelay_http::wire::WaitAnswer;

use super::work::{NotTaken, PostedOutcome, Unavailable};

const DEFAULT_RETRY_AFTER: Duration = Duration::from_secs(5);

/// Answers 201 if each link has its document, 207 if some have; otherwise with the first reason why
/// none has.
pub(crate) fn of_outcomes(
    id: RequestId,
    links: &CheckedLinks,
    outcomes: &[PostedOutcome],
) -> Response {
    let count =
        |is: fn(&PostedOutcome) -> bool| outcomes.iter().filter(|outcome| is(outcome)).count();
    let stored = count(|outcome| matches!(outcome, PostedOutcome::Stored));
    let failed = count(|outcome| matches!(outcome, PostedOutcome::Failed(_)));
    let results = results(link_results(id, links, outcomes), links);
    if stored + failed == 0 {
        return of_none(id, outcomes, &results).into_response();
    }
    let is_whole = links.rejected.is_empty() && stored + failed == outcomes.len();
    let (status, res) =
        if is_whole { (StatusCode::CREATED, "ok") } else { (StatusCode::MULTI_STATUS, "partial") };
    let done = WaitAnswer { res, id, stored, failed, status_url: status_url(id), results };
    (status, Json(done)).into_response()
}

/// Answers that no link names a video.
pub(crate) fn of_no_valid_links(links: &CheckedLinks) -> Problem {
    let detail = "none of the links names a video";
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "no_valid_links", detail)
        .with("results", results([], links))
}

/// Answers that the request was not taken, so that nothing was done.
pub(crate) fn of_not_taken(not_taken: NotTaken) -> Problem {
    let (code, seconds) = match not_taken {
        NotTaken::Overloaded => ("overloaded", 1),
        NotTaken::Stopping => ("stopping", 5),
    };
    let detail = format!("{not_taken}; none of the links was looked up");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, code, detail).retry_after(seconds)
}

fn of_none(id: RequestId, outcomes: &[PostedOutcome], results: &[ResultEntry<'_>]) -> Problem {
    let reasons = outcomes.iter().filter_map(|outcome| match outcome {
        PostedOutcome::Unavailable(unavailable) => Some(unavailable),
        _ => None,
    });
    let longest_wait = reasons.clone().filter_map(retry_after).max();
    let first = reasons.clone().next().unwrap_or(&Unavailable::OutOfTime);
    let status = match first {
        Unavailable::OutOfTime => StatusCode::GATEWAY_TIMEOUT,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    let detail = format!(
        "no link is complete: {first}. Send the same again with the same Idempotency-Key, and \
         none is doubled."
    );
    let seconds = longest_wait.unwrap_or(DEFAULT_RETRY_AFTER).as_secs().max(1);
    Problem::new(status, code(first), detail)
        .retry_after(seconds)
        .with("id", id)
        .with("status_url", status_url(id))
        .with("results", results)
}

fn link_results<'a>(
    id: RequestId,
    links: &'a CheckedLinks,
    outcomes: &'a [PostedOutcome],
) -> impl Iterator<Item = ValidResult<'a>> {
    links.documents(id).zip(outcomes).map(|((_, document_id, valid), posted)| {
        let (outcome, error) = match posted {
            PostedOutcome::Stored => (LinkOutcome::Stored, None),
            PostedOutcome::Failed(error) => {
                let (code, message) = (error.code.clone().into(), error.message.clone());
                (LinkOutcome::Failed, Some(ResultError { code, message }))
            }
            PostedOutcome::Unavailable(unavailable) => {
                let (code, message) = (code(unavailable).into(), unavailable.to_string());
                (LinkOutcome::Unavailable, Some(ResultError { code, message }))
            }
        };
        ValidResult { link: &valid.link, document_id, outcome, error }
    })
}

fn code(unavailable: &Unavailable) -> &'static str {
    match unavailable {
        Unavailable::OutOfTime => "wait_timeout",
        Unavailable::NotFound { code, .. } => code,
        Unavailable::NotWritten => "store_unavailable",
        Unavailable::NotPublished => "result_unpublished",
        Unavailable::Refused => "refused_by_store",
    }
}

fn retry_after(unavailable: &Unavailable) -> Option<Duration> {
    match unavailable {
        Unavailable::NotFound { retry_after, .. } => *retry_after,
        _ => None,
    }
}

fn status_url(id: RequestId) -> String {
    format!("/links/{id}")
}
