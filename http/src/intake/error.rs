//! The errors of a request for links that are found before any link is checked.

use axum::http::StatusCode;

use crate::Problem;
use crate::client::Refusal;

/// The form of the body, for every error about it.
const EXPECTED_BODY: &str = r#"send {"links": "https://…"} or {"links": ["https://…", …]}"#;

/// Why a request is refused.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// 415.
    #[error("the body must be JSON: set the header content-type: application/json")]
    UnsupportedMediaType,
    /// 415.
    #[error("the content-encoding of the body is not known here; send it as it is, or by gzip")]
    UnsupportedEncoding,
    /// 400.
    #[error("the body is not what its content-encoding says: it is no gzip, or it ends early")]
    NotGzip,
    /// 413.
    #[error("the body is larger than {max_bytes} bytes")]
    BodyTooLarge {
        /// The limit.
        max_bytes: usize,
    },
    /// 408.
    #[error("the body did not arrive in time")]
    BodyTimeout,
    /// 400.
    #[error("the body ended early or is not well-formed HTTP")]
    BodyBroken,
    /// 400.
    #[error("the body cannot be read: {0}; {EXPECTED_BODY}")]
    BadBody(serde_json::Error),
    /// 400.
    #[error("Idempotency-Key must be 1 to 255 visible ASCII characters")]
    BadIdempotencyKey,
    /// 422.
    #[error("the list of links is empty")]
    NoLinks,
    /// 422 and not 413: the body is not too large, but it has too many links.
    #[error("{links_count} links are too many for one request; send at most {max}")]
    TooManyLinks {
        /// How many links there were.
        links_count: usize,
        /// The most links in one request.
        max: usize,
    },
    /// 429.
    #[error("{0}")]
    Refused(#[from] Refusal),
}

impl IntakeError {
    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::UnsupportedMediaType | Self::UnsupportedEncoding => {
                StatusCode::UNSUPPORTED_MEDIA_TYPE
            }
            Self::BodyTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::BodyBroken | Self::NotGzip | Self::BadBody(_) | Self::BadIdempotencyKey => {
                StatusCode::BAD_REQUEST
            }
            Self::NoLinks | Self::TooManyLinks { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Refused(_) => StatusCode::TOO_MANY_REQUESTS,
        }
    }

    /// The stable code of the answer.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::UnsupportedEncoding => "unsupported_encoding",
            Self::NotGzip => "not_gzip",
            Self::BodyTooLarge { .. } => "body_too_large",
            Self::BodyTimeout => "body_timeout",
            Self::BodyBroken => "body_broken",
            Self::BadBody(_) => "bad_body",
            Self::BadIdempotencyKey => "bad_idempotency_key",
            Self::NoLinks => "no_links",
            Self::TooManyLinks { .. } => "too_many_links",
            Self::Refused(refusal) => refusal.code(),
        }
    }

    /// Returns after how many seconds the same request can succeed; `None` if it cannot.
    pub fn retry_after_seconds(&self) -> Option<u64> {
        match self {
            Self::Refused(refusal) => Some(refusal.retry_after_seconds()),
            _ => None,
        }
    }
}

impl From<IntakeError> for Problem {
    fn from(error: IntakeError) -> Self {
        let problem = Self::new(error.status(), error.code(), error.to_string());
        match error.retry_after_seconds() {
            Some(seconds) => problem.retry_after(seconds),
            None => problem,
        }
    }
}
