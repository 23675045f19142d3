//! `POST /dlq/replay` begins a replay of dead letters; `GET /dlq/replays` and
//! `GET /dlq/replays/{id}` show replays, whichever producer runs them.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use linkrelay_common::{DocumentId, ErrorClass, RequestId};
use linkrelay_http::intake::read_json;
use linkrelay_http::openapi::{BodyProblems, one_of};
use linkrelay_store::jobs::{Job, JobState};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::schema::Object;

use super::parameters::{NoParameters, Parameters, wrong};
use super::problems::StoreProblems;
use crate::dlq::jobs::{JobProgress, KIND, state};
use crate::dlq::{LetterFilter, ReplayOptions};
use crate::error::{ApiError, replay_url};
use crate::state::AppState;

const DEFAULT_MAX_REPLAYS: u32 = 10;
const MAX_BATCH: u16 = 500;
const MAX_IDS: usize = 1_000;
/// How many dead letters a process that also takes links keeps in mind.
const MAX_LETTERS: u64 = 2_000_000;
const DEFAULT_LIMIT: u32 = 20;
const MAX_LIMIT: u32 = 100;

/// What to replay. A misspelt member must not replay everything.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({ "classes": ["transient"], "dry_run": true }))]
struct ReplayBody {
    /// All but malformed ones; not with any other selection.
    #[serde(skip_serializing_if = "is_false")]
    all: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    /// Documents.
    #[schema(max_items = 1000)]
    ids: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    classes: Vec<ErrorClass>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    codes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<RequestId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(deserialize_with = "time")]
    #[schema(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(deserialize_with = "time")]
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
    #[serde(skip_serializing_if = "is_false")]
    /// Publishes nothing.
    dry_run: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    /// Links that were replayed so often are left alone; 10 if it is left out.
    #[schema(minimum = 1)]
    max_replays: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    /// How many are published at once; 500 if it is left out.
    #[schema(minimum = 1, maximum = 500)]
    batch: Option<u16>,
}

/// Reads a time so that the text of a wrong one is in the error.
fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    let parse = |text: String| {
        let problem = || format!("{text:?} is no time like 2026-11-28T10:00:00Z");
        text.parse().map_err(|_| D::Error::custom(problem()))
    };
    text.map(parse).transpose()
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
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReplayEntry {
    id: String,
    #[schema(schema_with = states)]
    state: &'static str,
    /// What was asked for.
    request: Value,
    #[schema(value_type = String, format = DateTime)]
    begun_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    #[serde(flatten)]
    progress: JobProgress,
    error: Option<String>,
}

fn states() -> Object {
    one_of(["running", "done", "failed", "interrupted"])
}

/// A page of replays.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReplayList {
    /// The newest first.
    replays: Vec<ReplayEntry>,
    /// The path of the next page, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// The answer if a replay has begun.
#[derive(Debug, Serialize, ToSchema)]
struct ReplayBegun {
    #[schema(schema_with = ok)]
    res: &'static str,
    id: String,
    status_url: String,
}

fn ok() -> Object {
    one_of(["ok"])
}

/// Begins a replay of dead letters, as a job.
#[utoipa::path(
    post,
    path = "/dlq/replay",
    tag = "Dead letters",
    request_body = ReplayBody,
    responses(
        (status = 202, description = "The replay has begun.", body = ReplayBegun,
            headers(("Location" = String, description = "The path of the replay."))),
        BodyProblems,
        (status = 400, description = "`bad_body`, `body_broken`, `not_gzip`, `bad_query`: the body \
            is not of this form, or has neither `all` nor a selection; or a parameter is given."),
        (status = 409, description = "`replay_running`: one runs already, which `id` and \
            `status_url` name."),
        (status = 503, description = "`stopping`: the replay has not begun. `store_unavailable`: it \
            may have, if the store did not answer in time; `GET /dlq/replays` shows it."),
    )
)]
pub(super) async fn begin_replay(
    State(app): State<Arc<AppState>>,
    _: NoParameters,
    request: Request,
) -> Result<Response, ApiError> {
    let (body, _) = read_json(request, &app.intake).await?;
    let body: ReplayBody = serde_json::from_slice(&body)
        .map_err(|error| ApiError::BadReplayBody(error.to_string()))?;
    body.validate()?;
    // Texts and numbers can always be serialized.
    let arguments = serde_json::to_string(&body).unwrap_or_default();
    let begun = app.in_time(app.replays.begin(options(body, &app), arguments)).await;
    let job = begun.map_err(|error| match error {
        // The replay has a task of its own, which goes on.
        ApiError::StoreTimeout => ApiError::ReplayUnknown,
        error => error,
    })?;
    let url = replay_url(&job.id);
    let answer = ReplayBegun { res: "ok", id: job.id, status_url: url.clone() };
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
        max_letters: MAX_LETTERS,
        dry_run: body.dry_run,
    }
}

/// The replays, the newest first.
#[utoipa::path(
    get,
    path = "/dlq/replays",
    tag = "Dead letters",
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "How many \
            replays; 20 if it is left out."),
        ("after" = Option<String>, Query, description = "The page that follows another; `next` \
            has it."),
    ),
    responses(
        (status = 200, description = "One page of the replays.", body = ReplayList),
        (status = 400, description = "`bad_query`: a parameter is wrong or not known."),
        StoreProblems,
    )
)]
pub(super) async fn replays(
    State(app): State<Arc<AppState>>,
    mut parameters: Parameters,
) -> Result<Json<ReplayList>, ApiError> {
    let after = parameters.text("after");
    if after.as_deref().is_some_and(|after| uuid::Uuid::try_parse(after).is_err()) {
        return Err(wrong("after", "must be the id of a replay"));
    }
    let limit = parameters.limit(DEFAULT_LIMIT, MAX_LIMIT)?;
    parameters.end()?;
    let jobs = app.in_time(app.store.jobs(KIND, after.as_deref(), limit)).await?;
    let last = jobs.last().filter(|_| jobs.len() == limit as usize).map(|job| job.id.clone());
    let next = last.map(|after| parameters.path_with("/dlq/replays", "after", after));
    Ok(Json(ReplayList { replays: jobs.into_iter().map(entry).collect(), next }))
}

/// One replay, whichever producer runs it.
#[utoipa::path(
    get,
    path = "/dlq/replays/{id}",
    tag = "Dead letters",
    params(("id" = String, Path, example = "0199f7a0-0000-7000-8000-000000000001",
        description = "The replay.")),
    responses(
        (status = 200, description = "The replay.", body = ReplayEntry),
        (status = 400, description = "`bad_query`: a parameter is given."),
        (status = 404, description = "`unknown_replay`: no replay has this id, or it is older than \
            30 days."),
        StoreProblems,
    )
)]
pub(super) async fn replay(
    State(app): State<Arc<AppState>>,
    id: Result<Path<String>, PathRejection>,
    _: NoParameters,
) -> Result<Json<ReplayEntry>, ApiError> {
    let id = id.map(|Path(id)| id).unwrap_or_default();
    let job = app.in_time(app.store.job(&id)).await?;
    let job = job.filter(|job| job.kind == KIND).ok_or(ApiError::UnknownReplay)?;
    Ok(Json(entry(job)))
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
