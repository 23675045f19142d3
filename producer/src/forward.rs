//! Forwards requests of the waiting path to the extractor server.
//!
//! A request is forwarded with a key from which the ids of its documents derive. So it can be sent
//! again after a broken connection: the documents that were written the first time are found, not
//! doubled.
//!
//! It must not know: what an answer says of the links.

use std::sync::Arc;
use std::time::Duration;

use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use axum::http::{HeaderName, StatusCode};
use bytes::{Bytes, BytesMut};
use linkrelay_common::with_causes;
use linkrelay_http::intake::TIMEOUT_HEADER;
use linkrelay_telemetry::{Span, TraceContext, spans};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};
use url::Url;
use uuid::Uuid;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How much earlier the extractor server has to end its work, so that its answer arrives before the
/// client gets 504.
const ANSWER_MARGIN: Duration = Duration::from_millis(500);
/// Many times the size of the answer to the largest request.
const MAX_ANSWER_BYTES: usize = 8 * 1_024 * 1_024;
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const TRACE_PARENT: HeaderName = HeaderName::from_static(TraceContext::HEADER);
/// The statuses with which an extractor server answers.
const KNOWN_STATUSES: [StatusCode; 5] = [
    StatusCode::CREATED,
    StatusCode::MULTI_STATUS,
    StatusCode::UNPROCESSABLE_ENTITY,
    StatusCode::SERVICE_UNAVAILABLE,
    StatusCode::GATEWAY_TIMEOUT,
];

/// The client of an extractor server, with a limit of waiting requests.
#[derive(Debug, Clone)]
pub(crate) struct ExtractorServer {
    client: reqwest::Client,
    links_url: Url,
    authorization: Option<HeaderValue>,
    timeout: Duration,
    slots: Arc<Semaphore>,
}

/// A request to forward.
#[derive(Debug)]
pub(crate) struct ForwardRequest {
    /// The body that the client sent.
    pub(crate) body: Bytes,
    /// The client's key, or a new one.
    pub(crate) key: String,
    /// The span of the request.
    pub(crate) span: Span,
}

/// The extractor server's answer.
#[derive(Debug)]
pub(crate) struct ExtractorAnswer {
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
    #[error("the extractor server refuses the producer's key (EXTRACTOR_API_KEY; status {0})")]
    KeyRefused(u16),
    #[error(
        "the server at EXTRACTOR_URL is not an extractor server, or one that \
         serves no client because it has no keys (status {0})"
    )]
    Unknown(u16),
}

impl ForwardError {
    /// Returns the kind of the error, for its span.
    fn kind(&self) -> &'static str {
        match self {
            Self::TooManyWait => "too_many_wait",
            Self::Unreachable(_) => "unreachable",
            Self::TimedOut(_) => "timed_out",
            Self::KeyRefused(_) => "key_refused",
            Self::Unknown(_) => "unknown_answer",
        }
    }
}

/// Returns a key for a request whose client sent none.
pub(crate) fn new_key() -> String {
    Uuid::now_v7().to_string()
}

impl ExtractorServer {
    /// Makes the client, which sends `authorization`; no request is made yet. At most `max_waiting` requests wait concurrently,
    /// each for up to `timeout`.
    ///
    /// # Errors
    /// Fails if no HTTP client can be made.
    pub(crate) fn new(
        base_url: &Url,
        authorization: Option<HeaderValue>,
        timeout: Duration,
        max_waiting: usize,
    ) -> Result<Self, reqwest::Error> {
        let mut links_url = base_url.clone();
        links_url.set_path(&format!("{}/links", base_url.path().trim_end_matches('/')));
        // linkrelay's own server is not reached through the proxy of the environment.
        let client =
            reqwest::Client::builder().no_proxy().connect_timeout(CONNECT_TIMEOUT).build()?;
        let slots = Arc::new(Semaphore::new(max_waiting));
        Ok(Self { client, links_url, authorization, timeout, slots })
    }

    /// Forwards a request and waits for its answer.
    ///
    /// # Errors
    /// [`ForwardError`]; after `TimedOut` and `Unreachable` there may be documents nevertheless.
    ///
    /// # Cancel safety
    /// If the call is dropped, the connection is closed; the extractor server then writes no
    /// document, unless it has already begun to.
    pub(crate) async fn forward(
        &self,
        request: &ForwardRequest,
    ) -> Result<ExtractorAnswer, ForwardError> {
        let Ok(_slot) = self.slots.try_acquire() else { return Err(ForwardError::TooManyWait) };
        let deadline = Instant::now() + self.timeout;
        let sent = async {
            match self.send(request, deadline).await {
                // Most likely the server closed an idle connection as it was taken from the pool.
                Err(ForwardError::Unreachable(reason)) => {
                    tracing::debug!(reason, "forwarding a request again");
                    self.send(request, deadline).await
                }
                sent => sent,
            }
        };
        timeout_at(deadline, sent).await.unwrap_or(Err(ForwardError::TimedOut(self.timeout)))
    }

    async fn send(
        &self,
        forwarded: &ForwardRequest,
        deadline: Instant,
    ) -> Result<ExtractorAnswer, ForwardError> {
        let span = spans::client(&forwarded.span, "POST", &self.links_url);
        let answer = self.send_in(&span, forwarded, deadline).await;
        match &answer {
            Ok(answer) => span.answered(answer.status.as_u16()),
            Err(error) => span.failed(error.kind(), error),
        }
        answer
    }

    async fn send_in(
        &self,
        span: &Span,
        forwarded: &ForwardRequest,
        deadline: Instant,
    ) -> Result<ExtractorAnswer, ForwardError> {
        let left = deadline.saturating_duration_since(Instant::now()).saturating_sub(ANSWER_MARGIN);
        let mut request = self
            .client
            .post(self.links_url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header(IDEMPOTENCY_KEY, &forwarded.key)
            .header(TIMEOUT_HEADER, left.as_millis().to_string())
            .body(forwarded.body.clone());
        if let Some(context) = span.context() {
            request = request.header(TRACE_PARENT, context.to_string());
        }
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let mut response = request.send().await.map_err(|error| unreachable(&error))?;
        let status = response.status();
        // It limits its clients, which are producers: the client of this one has done nothing.
        if status == StatusCode::TOO_MANY_REQUESTS {
            return Err(ForwardError::TooManyWait);
        }
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return Err(ForwardError::KeyRefused(status.as_u16()));
        }
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
        Ok(ExtractorAnswer { status, content_type, retry_after, body: body.freeze() })
    }
}

fn unreachable(error: &reqwest::Error) -> ForwardError {
    ForwardError::Unreachable(with_causes(error))
}
