//! What is answered when something is wrong; the one place where errors become HTTP.
//!
//! The client gets a stable code and a sentence; the log gets what the client need not know.
//! Handlers return [`ApiError`] and know no status. What this role fails with at start is
//! [`StartError`](crate::StartError).

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use linkrelay_common::RequestId;
use linkrelay_common::http::Problem;
use linkrelay_store::StoreError;
use serde::Serialize;

use crate::journal::JournalError;
use crate::publish::PublishError;

/// What the body must look like; said wherever one does not.
const EXPECTED_BODY: &str = r#"send {"links": "https://…"} or {"links": ["https://…", …]}"#;

#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    #[error("there is no such address here")]
    UnknownRoute,
    #[error("this address does not take that method")]
    MethodNotAllowed,
    #[error("the body must be JSON: set the header content-type: application/json")]
    UnsupportedMediaType,
    #[error("the body is larger than {max_bytes} bytes")]
    BodyTooLarge { max_bytes: usize },
    #[error("the body did not arrive in time")]
    BodyTimeout,
    #[error("the body ended early or is not well-formed HTTP")]
    BodyBroken,
    #[error("the body cannot be read: {0}; {EXPECTED_BODY}")]
    BadBody(serde_json::Error),
    #[error("Idempotency-Key must be 1 to 255 visible ASCII characters")]
    BadIdempotencyKey,
    #[error("the list of links is empty")]
    NoLinks,
    #[error("{links_count} links are too many for one request; send at most {max}")]
    TooManyLinks { links_count: usize, max: usize },
    #[error("none of the links names a video")]
    NoValidLinks { results: serde_json::Value },
    #[error("{0}")]
    BadRequestId(#[from] linkrelay_common::ids::RequestIdError),
    #[error("{0}")]
    BadQuery(String),
    #[error("not every link could be taken: {}", .0.error)]
    Unpublished(Box<Unpublished>),
    #[error("{0}")]
    Journal(#[from] JournalError),
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("the store did not answer in time")]
    StoreTimeout,
    #[error("too many requests at once")]
    Overloaded,
    #[error("the request took too long")]
    RequestTimeout,
    #[error("something broke that should not have; it is in the log")]
    Panic,
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
            Self::UnknownRoute => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::BodyTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::BodyBroken
            | Self::BadBody(_)
            | Self::BadIdempotencyKey
            | Self::BadRequestId(_)
            | Self::BadQuery(_) => StatusCode::BAD_REQUEST,
            Self::NoLinks | Self::TooManyLinks { .. } | Self::NoValidLinks { .. } => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            Self::Store(StoreError::Unreadable(_)) | Self::Panic => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
            Self::Unpublished(_)
            | Self::Journal(_)
            | Self::Store(_)
            | Self::StoreTimeout
            | Self::Overloaded
            | Self::RequestTimeout => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::UnknownRoute => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::BodyTooLarge { .. } => "body_too_large",
            Self::BodyTimeout => "body_timeout",
            Self::BodyBroken => "body_broken",
            Self::BadBody(_) => "bad_body",
            Self::BadIdempotencyKey => "bad_idempotency_key",
            Self::NoLinks => "no_links",
            Self::TooManyLinks { .. } => "too_many_links",
            Self::NoValidLinks { .. } => "no_valid_links",
            Self::BadRequestId(_) => "bad_request_id",
            Self::BadQuery(_) => "bad_query",
            Self::Unpublished(unpublished) => unpublished.error.code(),
            Self::Journal(JournalError::Full) => PublishError::QueueFull.code(),
            Self::Journal(JournalError::Unusable(_)) => "journal_unavailable",
            Self::Store(StoreError::Unreadable(_)) => "store_unreadable",
            Self::Store(_) | Self::StoreTimeout => "store_unavailable",
            Self::Overloaded => "overloaded",
            Self::RequestTimeout => "request_timeout",
            Self::Panic => "internal_error",
        }
    }

    /// When to come again; `None` if coming again as it is changes nothing.
    fn retry_after_seconds(&self) -> Option<u64> {
        match self {
            Self::Unpublished(unpublished) => Some(unpublished.error.retry_after_seconds()),
            Self::Journal(JournalError::Full) | Self::Overloaded => Some(1),
            Self::Journal(_) | Self::Store(_) | Self::StoreTimeout | Self::RequestTimeout => {
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
            Self::Journal(JournalError::Unusable(_)) => {
                "the links could not be written to the journal; none was taken".to_owned()
            }
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
            _ if self.status().is_server_error() => {
                tracing::warn!(code, "request refused: {self}");
            }
            _ => tracing::debug!(code, "request refused: {self}"),
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
