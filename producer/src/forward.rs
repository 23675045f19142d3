//! The path to the extractor server, for clients that want to wait for their documents.
//!
//! A request is handed on with a key from which the ids of its documents follow. So it may be sent
//! again when a connection broke: whatever was written the first time is found, not doubled.
//!
//! It must not know: what an answer says of the links.

use std::sync::Arc;
use std::time::Duration;

use axum::http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use axum::http::{HeaderName, StatusCode};
use bytes::{Bytes, BytesMut};
use linkrelay_http::intake::TIMEOUT_HEADER;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};
use url::Url;
use uuid::Uuid;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// What of the time the way back may take: the extractor server ends its work so much earlier, so
/// that its answer is here before the waiting client gets 504.
const WAY_BACK: Duration = Duration::from_millis(500);
/// Many times the answer to the largest request.
const MAX_ANSWER_BYTES: usize = 8 * 1_024 * 1_024;
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");
/// What an extractor server answers.
const KNOWN_STATUSES: [StatusCode; 5] = [
    StatusCode::CREATED,
    StatusCode::MULTI_STATUS,
    StatusCode::UNPROCESSABLE_ENTITY,
    StatusCode::SERVICE_UNAVAILABLE,
    StatusCode::GATEWAY_TIMEOUT,
];

/// An extractor server, and how many may wait for it.
#[derive(Debug, Clone)]
pub(crate) struct ExtractorServer {
    client: reqwest::Client,
    links_url: Url,
    timeout: Duration,
    places: Arc<Semaphore>,
}

/// A request on its way.
#[derive(Debug)]
pub(crate) struct Handed {
    /// As the client sent it.
    pub(crate) body: Bytes,
    /// The client's own, or a fresh one.
    pub(crate) key: String,
    pub(crate) trace_parent: Option<String>,
}

/// The extractor server's answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) content_type: Option<HeaderValue>,
    pub(crate) retry_after: Option<HeaderValue>,
    pub(crate) body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ForwardError {
    #[error("too many requests wait for the extractor server")]
    TooManyWait,
    #[error("the extractor server cannot be reached: {0}")]
    Unreachable(String),
    #[error("the extractor server did not answer within {0:?}")]
    TimedOut(Duration),
    #[error("what answers at EXTRACTOR_URL is no extractor server (status {0})")]
    Unknown(u16),
}

/// A key for a request whose client gave none.
pub(crate) fn fresh_key() -> String {
    Uuid::now_v7().to_string()
}

impl ExtractorServer {
    /// Asks no server yet. `max_waiting` requests may wait at one time, each for up to `timeout`.
    ///
    /// # Errors
    /// If no HTTP client can be made.
    pub(crate) fn new(
        base_url: &Url,
        timeout: Duration,
        max_waiting: usize,
    ) -> Result<Self, reqwest::Error> {
        let mut links_url = base_url.clone();
        links_url.set_path(&format!("{}/links", base_url.path().trim_end_matches('/')));
        // A server of our own is not behind the way out to the world.
        let client =
            reqwest::Client::builder().no_proxy().connect_timeout(CONNECT_TIMEOUT).build()?;
        Ok(Self { client, links_url, timeout, places: Arc::new(Semaphore::new(max_waiting)) })
    }

    /// Hands a request on, and waits for its answer. Dropped, it hangs up: what the extractor
    /// server has not begun to write is then left undone.
    ///
    /// # Errors
    /// [`ForwardError`]; after `TimedOut` and `Unreachable` documents may be there all the same.
    pub(crate) async fn hand_on(&self, handed: &Handed) -> Result<Answer, ForwardError> {
        let Ok(_place) = self.places.try_acquire() else { return Err(ForwardError::TooManyWait) };
        let deadline = Instant::now() + self.timeout;
        let sent = async {
            match self.send(handed, deadline).await {
                // Most likely a connection that the other side closed as we took it from the pool.
                Err(ForwardError::Unreachable(reason)) => {
                    tracing::debug!(reason, "handing a request on once more");
                    self.send(handed, deadline).await
                }
                sent => sent,
            }
        };
        timeout_at(deadline, sent).await.unwrap_or(Err(ForwardError::TimedOut(self.timeout)))
    }

    async fn send(&self, handed: &Handed, deadline: Instant) -> Result<Answer, ForwardError> {
        let left = deadline.saturating_duration_since(Instant::now()).saturating_sub(WAY_BACK);
        let mut request = self
            .client
            .post(self.links_url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header(IDEMPOTENCY_KEY, &handed.key)
            .header(TIMEOUT_HEADER, left.as_millis().to_string())
            .body(handed.body.clone());
        if let Some(trace_parent) = &handed.trace_parent {
            request = request.header(TRACE_PARENT, trace_parent);
        }
        let mut response = request.send().await.map_err(|error| unreachable(&error))?;
        let status = response.status();
        if !KNOWN_STATUSES.contains(&status) {
            return Err(ForwardError::Unknown(status.as_u16()));
        }
        let header = |name| response.headers().get(name).cloned();
        let (content_type, retry_after) = (header(CONTENT_TYPE), header(RETRY_AFTER));
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(&error))? {
            if body.len() + chunk.len() > MAX_ANSWER_BYTES {
                return Err(ForwardError::Unknown(status.as_u16()));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, content_type, retry_after, body: body.freeze() })
    }
}

/// With its causes: reqwest alone says only "error sending request".
fn unreachable(error: &reqwest::Error) -> ForwardError {
    let mut reason = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        reason = format!("{reason}: {error}");
        cause = error.source();
    }
    ForwardError::Unreachable(reason)
}
