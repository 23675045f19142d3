//! Turns errors into HTTP answers; no other module does.
//!
//! The client gets a stable code and a sentence; the log gets what the client need not know.
//! Handlers return [`ApiError`] and know no status. The errors of this role's start are
//! [`StartError`](crate::StartError).

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use linkrelay_common::{RequestId, with_causes};
use linkrelay_http::Problem;
use linkrelay_http::client::Refusal;
use linkrelay_http::intake::IntakeError;
use linkrelay_kafka::lag::LagError;
use linkrelay_kafka::publish::PublishError;
use linkrelay_kafka::topic::TopicError;
use linkrelay_store::StoreError;
use serde::Serialize;
use utoipa::ToSchema;

use crate::accept::AcceptError;
use crate::dlq::error::for_clients;
use crate::dlq::jobs::BeginError;
use crate::dlq::listing::ListError;
use crate::events::IndexRangesError;
use crate::export::ExportError;
use crate::forward::ForwardError;
use crate::retry::RetryError;
use crate::slots::TooMany;
use crate::stats::StatsError;
use crate::thumbnails::ThumbnailError;

#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    #[error("{0}")]
    Intake(#[from] IntakeError),
    #[error("{0}")]
    Refused(#[from] Refusal),
    #[error("none of the links names a video")]
    NoValidLinks { results: serde_json::Value },
    #[error("{0}")]
    BadRequestId(#[from] linkrelay_common::ids::RequestIdError),
    #[error("{0}")]
    BadQuery(String),
    #[error("a video's id has 11 letters, digits, - or _")]
    BadVideoId,
    #[error("no link has named this video")]
    UnknownVideo,
    #[error("this request was deleted")]
    Deleted,
    #[error(
        "{0} links of this request have no document: they are pending, and their documents would \
         be written afterwards; or their documents are no longer kept (KEEP_DOCUMENTS_FOR). \
         Nothing was deleted."
    )]
    Pending(u32),
    #[error("the body cannot be read: {0}; send {{}} or {{\"indexes\": [0, …]}}")]
    BadRetryBody(serde_json::Error),
    #[error(
        "{} of these links cannot be retried: they have not failed, or their text names no video; \
         none was retried",
        .0.len()
    )]
    NotFailed(Vec<u32>),
    #[error("the body cannot be read: {0}")]
    BadReplayBody(String),
    /// What the body has instead may be a key, so it is not shown.
    #[error("the body cannot be read; send {{\"key\": \"lr_…\"}}")]
    BadSignInBody,
    #[error("{0}")]
    NoReplay(#[from] BeginError),
    #[error(
        "the store did not answer in time, so it is not known whether the replay has begun: \
         GET /dlq/replays shows it if it has"
    )]
    ReplayUnknown,
    #[error("no replay has this id, or it is older than 30 days")]
    UnknownReplay,
    #[error("{0}")]
    NoLetters(#[from] ListError),
    #[error("{0}")]
    NoLag(#[from] Arc<LagError>),
    #[error("the lag was not read in time")]
    LagTimeout,
    #[error("{0}")]
    NoThumbnail(#[from] ThumbnailError),
    #[error("{0}")]
    BadLastEventId(#[from] IndexRangesError),
    #[error("{0}")]
    TooMany(#[from] TooMany),
    #[error("not every link was accepted: {}", .0.error)]
    Unpublished(Box<Unpublished>),
    #[error("{0}")]
    NotAccepted(#[from] AcceptError),
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("the store did not answer in time")]
    StoreTimeout,
    #[error("the server stops")]
    Stopping,
    #[error("the statistics are not computed yet; the computation goes on")]
    StatsPending,
    #[error("a row cannot be written: {0}")]
    RowUnwritten(String),
    #[error("{}", .0.error)]
    NotForwarded(Box<NotForwarded>),
}

impl From<RetryError> for ApiError {
    fn from(error: RetryError) -> Self {
        match error {
            RetryError::NotFailed(indexes) => Self::NotFailed(indexes),
            RetryError::Store(error) => Self::Store(error),
        }
    }
}

impl From<ExportError> for ApiError {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::TooMany(error) => Self::TooMany(error),
            ExportError::Store(error) => Self::Store(error),
            ExportError::StoreTimeout => Self::StoreTimeout,
            ExportError::Stopping => Self::Stopping,
            ExportError::Unwritten(problem) => Self::RowUnwritten(problem),
        }
    }
}

impl From<StatsError> for ApiError {
    fn from(error: StatsError) -> Self {
        match error {
            StatsError::Store(error) => Self::Store(error),
            StatsError::Pending => Self::StatsPending,
        }
    }
}

/// A request that the extractor server has not answered.
#[derive(Debug)]
pub(crate) struct NotForwarded {
    pub(crate) id: RequestId,
    pub(crate) error: ForwardError,
}

/// A request of which at least one link is not known to be safe.
#[derive(Debug)]
pub(crate) struct Unpublished {
    pub(crate) id: RequestId,
    pub(crate) accepted_count: usize,
    pub(crate) results: serde_json::Value,
    /// The error of the first link that failed.
    pub(crate) error: PublishError,
    /// What the client can do.
    pub(crate) how_to_repeat: &'static str,
}

impl ApiError {
    /// Returns the status, the stable code, and after how many seconds a retry can help; `None` if
    /// the same request would fail again.
    fn answer(&self) -> (StatusCode, &'static str, Option<u64>) {
        const UNAVAILABLE: StatusCode = StatusCode::SERVICE_UNAVAILABLE;
        match self {
            Self::Intake(error) => (error.status(), error.code(), error.retry_after_seconds()),
            Self::Refused(refusal) => {
                (StatusCode::TOO_MANY_REQUESTS, refusal.code(), Some(refusal.retry_after_seconds()))
            }
            Self::NoValidLinks { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "no_valid_links", None),
            Self::BadRequestId(_) => (StatusCode::BAD_REQUEST, "bad_request_id", None),
            Self::BadQuery(_) => (StatusCode::BAD_REQUEST, "bad_query", None),
            Self::BadVideoId => (StatusCode::BAD_REQUEST, "bad_video_id", None),
            Self::UnknownVideo => (StatusCode::NOT_FOUND, "unknown_video", None),
            Self::Deleted => (StatusCode::GONE, "request_deleted", None),
            Self::Pending(_) => (StatusCode::CONFLICT, "request_pending", None),
            Self::BadRetryBody(_) => (StatusCode::BAD_REQUEST, "bad_body", None),
            Self::NotFailed(_) => (StatusCode::CONFLICT, "not_failed", None),
            Self::BadReplayBody(_) | Self::BadSignInBody => {
                (StatusCode::BAD_REQUEST, "bad_body", None)
            }
            Self::NoReplay(BeginError::Running(_)) => {
                (StatusCode::CONFLICT, "replay_running", None)
            }
            Self::NoReplay(BeginError::Busy) => (UNAVAILABLE, "overloaded", Some(1)),
            Self::NoReplay(BeginError::Stopping) => (UNAVAILABLE, "stopping", Some(5)),
            Self::NoReplay(BeginError::Store(_)) => (UNAVAILABLE, "store_unavailable", Some(5)),
            Self::UnknownReplay => (StatusCode::NOT_FOUND, "unknown_replay", None),
            Self::NoLetters(ListError::Busy(_)) => (UNAVAILABLE, "overloaded", Some(1)),
            Self::NoLetters(_) => (UNAVAILABLE, "dead_letters_unavailable", Some(5)),
            Self::NoLag(_) | Self::LagTimeout => (UNAVAILABLE, "lag_unavailable", Some(5)),
            Self::NoThumbnail(ThumbnailError::None) => {
                (StatusCode::NOT_FOUND, "no_thumbnail", None)
            }
            Self::NoThumbnail(ThumbnailError::Unavailable) => {
                (UNAVAILABLE, "thumbnail_unavailable", Some(30))
            }
            Self::BadLastEventId(_) => (StatusCode::BAD_REQUEST, "bad_last_event_id", None),
            Self::TooMany(too_many) => (UNAVAILABLE, too_many.kind.code, Some(5)),
            Self::Stopping => (UNAVAILABLE, "stopping", Some(5)),
            Self::StatsPending => (UNAVAILABLE, "stats_pending", Some(5)),
            Self::RowUnwritten(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal_error", None),
            Self::Unpublished(unpublished) => {
                let error = unpublished.error;
                (UNAVAILABLE, error.code(), Some(error.retry_after_seconds()))
            }
            Self::NotAccepted(AcceptError::Full) => {
                (UNAVAILABLE, PublishError::QueueFull.code(), Some(1))
            }
            Self::NotAccepted(AcceptError::JournalUnusable(_)) => {
                (UNAVAILABLE, "journal_unavailable", Some(5))
            }
            Self::Store(StoreError::Unreadable(_)) => {
                (StatusCode::INTERNAL_SERVER_ERROR, "store_unreadable", None)
            }
            Self::Store(_) | Self::StoreTimeout | Self::ReplayUnknown => {
                (UNAVAILABLE, "store_unavailable", Some(5))
            }
            Self::NotForwarded(not_forwarded) => match not_forwarded.error {
                ForwardError::TooManyWait => (UNAVAILABLE, "overloaded", Some(1)),
                ForwardError::Unreachable(_) => (UNAVAILABLE, "extractor_unavailable", Some(5)),
                ForwardError::TimedOut(_) => (StatusCode::GATEWAY_TIMEOUT, "wait_timeout", Some(5)),
                ForwardError::KeyRefused(_) | ForwardError::Unknown(_) => {
                    (StatusCode::BAD_GATEWAY, "bad_extractor_answer", None)
                }
            },
        }
    }

    /// Returns the sentence for the client. The errors of a store or a journal are only logged:
    /// they may name hosts, files or accounts.
    fn detail(&self) -> String {
        match self {
            Self::Store(StoreError::Unreadable(_)) => "a stored document cannot be read".to_owned(),
            Self::Store(_) | Self::NoReplay(BeginError::Store(_)) => {
                "the store cannot be reached".to_owned()
            }
            Self::NoLetters(ListError::Dlq(error)) => for_clients(error),
            Self::NoLag(error) => match error.as_ref() {
                LagError::Topic(missing @ TopicError::Missing(_)) => missing.to_string(),
                _ => "the broker does not answer, or refuses; the server's log says why".to_owned(),
            },
            Self::NotAccepted(AcceptError::JournalUnusable(_)) => {
                "the links could not be written to the journal; none was taken".to_owned()
            }
            Self::RowUnwritten(_) => "the server has a defect; its log has the details".to_owned(),
            Self::NotForwarded(not_forwarded) => not_forwarded.detail(),
            Self::Unpublished(unpublished) => format!("{self}. {}", unpublished.how_to_repeat),
            _ => self.to_string(),
        }
    }

    fn log(&self) {
        let (status, code, _) = self.answer();
        match self {
            Self::Unpublished(unpublished) => {
                let Unpublished { id, accepted_count, .. } = unpublished.as_ref();
                tracing::warn!(%id, code, accepted_count, "request {id} refused: {self}");
            }
            Self::NotForwarded(not_forwarded) => {
                let id = not_forwarded.id;
                tracing::warn!(%id, code, "request {id} was not answered: {self}");
            }
            Self::NoLetters(error) => {
                tracing::warn!(code, "request refused: {}", with_causes(error));
            }
            // The first of several is logged where it happens.
            Self::NoThumbnail(error) => tracing::debug!(code, "request refused: {error}"),
            _ if status.is_server_error() => {
                tracing::warn!(code, "request refused: {self}");
            }
            _ => tracing::debug!(code, "request refused: {self}"),
        }
    }
}

impl NotForwarded {
    /// Returns the sentence for the client; the address of the extractor server is only logged.
    fn detail(&self) -> String {
        match self.error {
            ForwardError::TooManyWait => {
                format!("{}; none of the links was looked up. Send the same again.", self.error)
            }
            ForwardError::Unreachable(_) => {
                "the extractor server cannot be reached. Send the same again; with an \
                 Idempotency-Key, what has been stored nevertheless is not doubled."
                    .to_owned()
            }
            ForwardError::TimedOut(_) => format!(
                "{}. status_url shows which links have a document. Send the same again with the \
                 same Idempotency-Key, and none is doubled.",
                self.error
            ),
            ForwardError::KeyRefused(_) | ForwardError::Unknown(_) => self.error.to_string(),
        }
    }
}

impl ApiError {
    /// Returns the problem as a value, for an answer that has begun, and logs it.
    pub(crate) fn problem_value(&self) -> serde_json::Value {
        self.log();
        let (status, code, _) = self.answer();
        Problem::new(status, code, self.detail()).into_value()
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.log();
        let (status, code, retry_after_seconds) = self.answer();
        let mut problem = Problem::new(status, code, self.detail());
        if let Some(seconds) = retry_after_seconds {
            problem = problem.retry_after(seconds);
        }
        match self {
            Self::NoValidLinks { results } => problem.with("results", results),
            Self::NoReplay(BeginError::Running(job)) => {
                let url = replay_url(&job.id);
                problem.with("id", job.id).with("status_url", url)
            }
            Self::NotFailed(indexes) => problem.with("indexes", indexes),
            Self::Unpublished(unpublished) => problem
                .with("id", unpublished.id)
                .with("accepted", unpublished.accepted_count)
                .with("status_url", StatusUrl(unpublished.id))
                .with("results", unpublished.results),
            Self::NotForwarded(not_forwarded) => {
                problem.with("id", not_forwarded.id).with("status_url", StatusUrl(not_forwarded.id))
            }
            _ => problem,
        }
        .into_response()
    }
}

/// Returns the path of a replay.
pub(crate) fn replay_url(id: &str) -> String {
    format!("/dlq/replays/{id}")
}

/// The path of a request's status.
#[derive(Debug, ToSchema)]
#[schema(value_type = String, example = "/links/0193b3f0-7c1e-7cc3-9a52-2f1d5c9e8a10-2")]
pub(crate) struct StatusUrl(pub(crate) RequestId);

impl Serialize for StatusUrl {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("/links/{}", self.0))
    }
}
