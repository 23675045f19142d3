//! What is answered when something is wrong; the one place where errors become HTTP.
//!
//! The client gets a stable code and a sentence; the log gets what the client need not know.
//! Handlers return [`ApiError`] and know no status. What this role fails with at start is
//! [`StartError`](crate::StartError).

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use linkrelay_common::RequestId;
use linkrelay_http::Problem;
use linkrelay_http::intake::IntakeError;
use linkrelay_kafka::publish::PublishError;
use linkrelay_store::StoreError;
use serde::Serialize;

use crate::accept::AcceptError;
use crate::forward::ForwardError;

#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    #[error("{0}")]
    Intake(#[from] IntakeError),
    #[error("none of the links names a video")]
    NoValidLinks { results: serde_json::Value },
    #[error("{0}")]
    BadRequestId(#[from] linkrelay_common::ids::RequestIdError),
    #[error("{0}")]
    BadQuery(String),
    #[error("not every link could be taken: {}", .0.error)]
    Unpublished(Box<Unpublished>),
    #[error("{0}")]
    NotAccepted(#[from] AcceptError),
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("the store did not answer in time")]
    StoreTimeout,
    #[error("{}", .0.error)]
    NotForwarded(Box<NotForwarded>),
}

/// A request that waited for the extractor server in vain.
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
    /// Of the first link that failed.
    pub(crate) error: PublishError,
}

impl ApiError {
    fn status(&self) -> StatusCode {
        match self {
            Self::Intake(error) => error.status(),
            Self::BadRequestId(_) | Self::BadQuery(_) => StatusCode::BAD_REQUEST,
            Self::NoValidLinks { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Store(StoreError::Unreadable(_)) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unpublished(_) | Self::NotAccepted(_) | Self::Store(_) | Self::StoreTimeout => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::NotForwarded(not_forwarded) => match not_forwarded.error {
                ForwardError::TooManyWait | ForwardError::Unreachable(_) => {
                    StatusCode::SERVICE_UNAVAILABLE
                }
                ForwardError::TimedOut(_) => StatusCode::GATEWAY_TIMEOUT,
                ForwardError::Unknown(_) => StatusCode::BAD_GATEWAY,
            },
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Intake(error) => error.code(),
            Self::NoValidLinks { .. } => "no_valid_links",
            Self::BadRequestId(_) => "bad_request_id",
            Self::BadQuery(_) => "bad_query",
            Self::Unpublished(unpublished) => unpublished.error.code(),
            Self::NotAccepted(AcceptError::Full) => PublishError::QueueFull.code(),
            Self::NotAccepted(AcceptError::JournalUnusable(_)) => "journal_unavailable",
            Self::Store(StoreError::Unreadable(_)) => "store_unreadable",
            Self::Store(_) | Self::StoreTimeout => "store_unavailable",
            Self::NotForwarded(not_forwarded) => match not_forwarded.error {
                ForwardError::TooManyWait => "overloaded",
                ForwardError::Unreachable(_) => "extractor_unavailable",
                ForwardError::TimedOut(_) => "wait_timeout",
                ForwardError::Unknown(_) => "bad_extractor_answer",
            },
        }
    }

    /// When to come again; `None` if coming again as it is changes nothing.
    fn retry_after_seconds(&self) -> Option<u64> {
        match self {
            Self::Unpublished(unpublished) => Some(unpublished.error.retry_after_seconds()),
            Self::NotAccepted(AcceptError::Full) => Some(1),
            Self::NotForwarded(not_forwarded) => match not_forwarded.error {
                ForwardError::TooManyWait => Some(1),
                ForwardError::Unreachable(_) | ForwardError::TimedOut(_) => Some(5),
                ForwardError::Unknown(_) => None,
            },
            Self::NotAccepted(_) | Self::Store(_) | Self::StoreTimeout => {
                (self.status() == StatusCode::SERVICE_UNAVAILABLE).then_some(5)
            }
            _ => None,
        }
    }

    /// For the client. What a store or a journal says of itself is for the log only: it may
    /// name hosts, files or accounts.
    fn detail(&self) -> String {
        match self {
            Self::Store(StoreError::Unreadable(_)) => "a stored document cannot be read".to_owned(),
            Self::Store(_) => "the store cannot be reached".to_owned(),
            Self::NotAccepted(AcceptError::JournalUnusable(_)) => {
                "the links could not be written to the journal; none was taken".to_owned()
            }
            Self::NotForwarded(not_forwarded) => not_forwarded.detail(),
            Self::Unpublished(_) => format!(
                "{self}. See results for each link. Send the same links again with the same \
                 Idempotency-Key: what has arrived, or still arrives, is not doubled. Without \
                 such a key, send only the unavailable ones again; one that still arrives is \
                 then there twice."
            ),
            _ => self.to_string(),
        }
    }

    fn log(&self) {
        let code = self.code();
        match self {
            Self::Unpublished(unpublished) => {
                let Unpublished { id, accepted_count, .. } = unpublished.as_ref();
                tracing::warn!(%id, code, accepted_count, "request {id} refused: {self}");
            }
            Self::NotForwarded(not_forwarded) => {
                let id = not_forwarded.id;
                tracing::warn!(%id, code, "request {id} was not answered: {self}");
            }
            _ if self.status().is_server_error() => {
                tracing::warn!(code, "request refused: {self}");
            }
            _ => tracing::debug!(code, "request refused: {self}"),
        }
    }
}

impl NotForwarded {
    /// The address of the extractor server is for the log only.
    fn detail(&self) -> String {
        match self.error {
            ForwardError::TooManyWait => {
                format!("{}; none of the links was looked up. Send the same again.", self.error)
            }
            ForwardError::Unreachable(_) => {
                "the extractor server cannot be reached. Send the same again; with an \
                 Idempotency-Key, what has been stored all the same is not doubled."
                    .to_owned()
            }
            ForwardError::TimedOut(_) => format!(
                "{}. status_url says which links have a document. Send the same again with the \
                 same Idempotency-Key, and none is doubled.",
                self.error
            ),
            ForwardError::Unknown(_) => self.error.to_string(),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.log();
        let mut problem = Problem::new(self.status(), self.code(), self.detail());
        if let Some(seconds) = self.retry_after_seconds() {
            problem = problem.retry_after(seconds);
        }
        match self {
            Self::NoValidLinks { results } => problem.with("results", results),
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

/// Where a request's status is asked for.
#[derive(Debug)]
pub(crate) struct StatusUrl(pub(crate) RequestId);

impl Serialize for StatusUrl {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("/links/{}", self.0))
    }
}
