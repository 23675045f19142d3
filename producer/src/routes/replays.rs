//! `POST /dlq/replay` begins a replay of dead letters; `GET /dlq/replays` and
//! `GET /dlq/replays/{id}` show replays, whichever producer runs them.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use jiff::Timestamp;
use linkrelay_common::{DocumentId, ErrorClass, RequestId};
use linkrelay_http::intake::read_json;
use linkrelay_store::StoreError;
use linkrelay_store::jobs::{Job, JobState};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::parameters::{Parameters, wrong};
use crate::dlq::jobs::{JobProgress, KIND, state};
use crate::dlq::{LetterFilter, ReplayOptions};
use crate::error::{ApiError, replay_url};
use crate::state::AppState;

const DEFAULT_MAX_REPLAYS: u32 = 10;
const MAX_BATCH: u16 = 500;
const MAX_IDS: usize = 1_000;
const DEFAULT_LIMIT: u64 = 20;
const MAX_LIMIT: u64 = 100;

pub(crate) fn router() -> Router<Arc<AppState>> {
    Router::new()
        .route("/dlq/replay", post(begin))
        .route("/dlq/replays", get(replays))
        .route("/dlq/replays/{id}", get(replay))
}

/// What to replay. A misspelt member must not replay everything.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ReplayBody {
    #[serde(skip_serializing_if = "is_false")]
    all: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ids: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    classes: Vec<ErrorClass>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    codes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<RequestId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Timestamp>,
    #[serde(skip_serializing_if = "is_false")]
    dry_run: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_replays: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    batch: Option<u16>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

impl ReplayBody {
    /// Checks the members together.
    ///
    /// # Errors
    /// [`ApiError::BadReplayBody`] with what to send.
    fn validate(&self) -> Result<(), ApiError> {
        let times = self.since.zip(self.until);
        let is_filtered =
            !(self.ids.is_empty() && self.classes.is_empty() && self.codes.is_empty())
                || self.request_id.is_some()
                || self.since.is_some()
                || self.until.is_some();
        let problem = match self.all {
            true if is_filtered => Some("all: must not be sent with a filter"),
            false if !is_filtered => Some(
                "send {\"all\": true}, or at least one of ids, classes, codes, request_id, since \
                 and until",
            ),
            _ if self.ids.len() > MAX_IDS => Some("ids: must be at most 1000"),
            _ if times.is_some_and(|(since, until)| since >= until) => {
                Some("since: must be before until")
            }
            _ if self.max_replays == Some(0) => Some("max_replays: must be at least 1"),
            _ if self.batch.is_some_and(|batch| !(1..=MAX_BATCH).contains(&batch)) => {
                Some("batch: must be from 1 to 500")
            }
            _ => None,
        };
        problem.map_or(Ok(()), |problem| Err(ApiError::BadReplayBody(problem.to_owned())))
    }
}

/// A replay as clients see it.
#[derive(Debug, Serialize)]
struct ReplayEntry {
    id: String,
    state: &'static str,
    /// What was asked for.
    request: Value,
    begun_at: Timestamp,
    updated_at: Timestamp,
    #[serde(flatten)]
    progress: JobProgress,
    error: Option<String>,
}

async fn begin(State(app): State<Arc<AppState>>, request: Request) -> Result<Response, ApiError> {
    let (body, _) = read_json(request, &app.intake).await?;
    let body: ReplayBody = serde_json::from_slice(&body)
        .map_err(|error| ApiError::BadReplayBody(error.to_string()))?;
    body.validate()?;
    // Texts and numbers can always be serialized.
    let arguments = serde_json::to_string(&body).unwrap_or_default();
    let begun = app.replays.begin(options(body, &app), arguments);
    let job = tokio::time::timeout(app.store_timeout, begun).await;
    let job = job.map_err(|_| ApiError::StoreTimeout)??;
    let url = replay_url(&job.id);
    let answer = serde_json::json!({ "res": "ok", "id": job.id, "status_url": url });
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, url)], Json(answer)).into_response())
}

fn options(body: ReplayBody, app: &AppState) -> ReplayOptions {
    let ids: BTreeSet<DocumentId> = body.ids.into_iter().map(DocumentId::from_stored).collect();
    ReplayOptions {
        filter: LetterFilter {
            classes: body.classes,
            since: body.since,
            until: body.until,
            request_id: body.request_id,
            ids,
            codes: body.codes.into_iter().collect(),
        },
        group: app.group.clone(),
        max_replays: body.max_replays.unwrap_or(DEFAULT_MAX_REPLAYS),
        page_length: usize::from(body.batch.unwrap_or(MAX_BATCH)),
        dry_run: body.dry_run,
    }
}

async fn replays(
    State(app): State<Arc<AppState>>,
    mut parameters: Parameters,
) -> Result<Json<Value>, ApiError> {
    let after = parameters.text("after");
    if after.as_deref().is_some_and(|after| uuid::Uuid::try_parse(after).is_err()) {
        return Err(wrong("after", "must be the id of a replay"));
    }
    let limit = parameters.number("limit", 1..=MAX_LIMIT)?.unwrap_or(DEFAULT_LIMIT);
    parameters.end()?;
    let limit = u32::try_from(limit).unwrap_or(u32::MAX);
    let jobs = within(&app, app.store.jobs(KIND, after.as_deref(), limit)).await?;
    let last = jobs.last().filter(|_| jobs.len() == limit as usize).map(|job| job.id.clone());
    let next = last.map(|after| parameters.path_with("/dlq/replays", "after", after));
    let entries: Vec<ReplayEntry> = jobs.into_iter().map(entry).collect();
    let mut answer = serde_json::json!({ "replays": entries });
    if let Some(next) = next {
        answer["next"] = next.into();
    }
    Ok(Json(answer))
}

async fn replay(
    State(app): State<Arc<AppState>>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<ReplayEntry>, ApiError> {
    let id = id.map(|Path(id)| id).unwrap_or_default();
    let job = within(&app, app.store.job(&id)).await?;
    let job = job.filter(|job| job.kind == KIND).ok_or(ApiError::UnknownReplay)?;
    Ok(Json(entry(job)))
}

async fn within<T>(
    app: &AppState,
    ask: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, ApiError> {
    let asked = tokio::time::timeout(app.store_timeout, ask).await;
    Ok(asked.map_err(|_| ApiError::StoreTimeout)??)
}

fn entry(job: Job) -> ReplayEntry {
    let state: JobState = state(&job);
    ReplayEntry {
        state: state.as_str(),
        // A row of a newer linkrelay may have another form.
        request: serde_json::from_str(&job.arguments).unwrap_or_default(),
        progress: serde_json::from_str(&job.progress).unwrap_or_default(),
        id: job.id,
        begun_at: job.begun_at,
        updated_at: job.updated_at,
        error: job.error,
    }
}
