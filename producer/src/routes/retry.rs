//! `POST /links/{id}/retry`: submits the failed links of a request again, or chosen ones.
//!
//! The failed document of a link stays until another outcome replaces it, so until then the link is
//! shown as failed: its error is worth more than the word pending, and the number of pending links
//! follows from the documents alone.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use linkrelay_common::{DocumentId, RequestId};
use linkrelay_http::client::Pass;
use linkrelay_http::intake::{
    IntakeError, LinkIndex, LinkOutcome, ResultError, ValidResult, echo, read_json,
};
use linkrelay_http::openapi::{BodyProblems, one_of};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::Object;

use super::parameters::{InPath, Parameters};
use super::problems::PublishProblems;
use super::submit::valid_results;
use crate::accept::Accepted;
use crate::error::{ApiError, StatusUrl, Unpublished};
use crate::measure;
use crate::retry::{Choice, failed_links};
use crate::state::AppState;

/// What a client can do if not every link was accepted.
const HOW_TO_REPEAT: &str = "See results for each link. Send the same request again: the retry of \
                             a link that has arrived, or still arrives, doubles nothing.";

/// The body. A misspelt member must not retry all links.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({}))]
struct RetryBody {
    /// The indexes of the links; all failed ones if it is left out.
    #[schema(min_items = 1, max_items = 1000)]
    indexes: Option<Vec<LinkIndex>>,
}

/// The answer if every link was accepted.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RetryAnswer {
    #[schema(schema_with = ok)]
    res: &'static str,
    id: RequestId,
    /// How many links were accepted; 0 if none has failed.
    accepted: usize,
    status_url: StatusUrl,
    /// The path that retries the failed links that were left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Debug, Serialize)]
struct RetryResult<'a> {
    index: u32,
    link: Cow<'a, str>,
    status: LinkOutcome,
    document_id: DocumentId,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ResultError>,
}

fn ok() -> Object {
    one_of(["ok"])
}

/// Submits the failed links of a request again, or chosen ones.
///
/// A link stays `failed` until its new outcome replaces the old one.
#[utoipa::path(
    post,
    path = "/links/{id}/retry",
    tag = "Requests",
    params(
        ("id" = RequestId, Path, description = "The request."),
        ("from" = Option<u32>, Query, maximum = 4_294_967_295_u32, description = "The index of the first link to retry, if a \
            request has more failed links than one retry may have; `next` has it."),
        ("traceparent" = Option<String>, Header, description = "A W3C trace context; a malformed \
            one is ignored."),
    ),
    request_body = RetryBody,
    responses(
        (status = 202, description = "The broker has every one of the links.", body = RetryAnswer),
        BodyProblems,
        (status = 400, description = "`bad_request_id`, `bad_body`, `body_broken`, `not_gzip`, \
            `bad_query`: the id, the body or a parameter is wrong."),
        (status = 409, description = "`not_failed`: the links of `indexes` have not failed, or \
            their text names no video. None was retried."),
        (status = 422, description = "`no_links`, `too_many_links`: `indexes` is empty, or has \
            more than MAX_LINKS_PER_REQUEST (1,000)."),
        PublishProblems,
    )
)]
pub(super) async fn retry(
    State(app): State<Arc<AppState>>,
    InPath(id): InPath<RequestId>,
    mut parameters: Parameters,
    client: Pass,
    request: Request,
) -> Result<(StatusCode, Json<RetryAnswer>), ApiError> {
    let from = parameters.index("from")?.unwrap_or_default();
    parameters.end()?;
    let (body, span) = read_json(request, &app.intake).await?;
    let choice = choice(&body, from, app.intake.max_links_per_request)?;
    let finding = failed_links(app.store.as_ref(), id, choice, span.context());
    let failed = app.in_time(finding).await?;
    client.links(failed.records.len())?;
    let accepted = app.accept.accept(failed.records, None).await?;
    let next = failed.next.map(|from| format!("/links/{id}/retry?from={from}"));
    answer(id, &accepted, next).map(|body| (StatusCode::ACCEPTED, Json(body)))
}

/// Reads which links to retry; an empty body is an empty object.
fn choice(body: &[u8], from: u32, max: usize) -> Result<Choice, ApiError> {
    let body = match body {
        [] => RetryBody::default(),
        body => serde_json::from_slice(body).map_err(ApiError::BadRetryBody)?,
    };
    let Some(indexes) = body.indexes else { return Ok(Choice::Failed { from, limit: max }) };
    let indexes: BTreeSet<u32> = indexes.into_iter().map(|LinkIndex(index)| index).collect();
    match indexes.len() {
        0 => Err(IntakeError::NoLinks.into()),
        links_count if links_count > max => {
            Err(IntakeError::TooManyLinks { links_count, max }.into())
        }
        _ => Ok(Choice::Indexes(indexes)),
    }
}

fn answer(
    id: RequestId,
    accepted: &Accepted,
    next: Option<String>,
) -> Result<RetryAnswer, ApiError> {
    let failures_count = accepted.failures.len();
    let accepted_count = accepted.records.len() - failures_count;
    measure::links("accepted", accepted_count);
    measure::links("unavailable", failures_count);
    let Some((_, error)) = accepted.failures.first() else {
        let status_url = StatusUrl(id);
        return Ok(RetryAnswer { res: "ok", id, accepted: accepted_count, status_url, next });
    };
    Err(ApiError::Unpublished(Box::new(Unpublished {
        id,
        accepted_count,
        // Numbers and texts can always be serialized.
        results: serde_json::to_value(results(accepted)).unwrap_or_default(),
        error: *error,
        how_to_repeat: HOW_TO_REPEAT,
    })))
}

fn results(accepted: &Accepted) -> Vec<RetryResult<'_>> {
    let mut results = Vec::with_capacity(accepted.records.len());
    for (record, result) in accepted.records.iter().zip(valid_results(accepted)) {
        let ValidResult { link, document_id, outcome, error } = result;
        let (index, link) = (record.identity.index(), echo(link));
        results.push(RetryResult { index, link, status: outcome, document_id, error });
    }
    results
}
