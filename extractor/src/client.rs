//! The HTTP client that asks YouTube for pages: answers are bounded in time and size, and redirects to
//! other servers are refused.
//!
//! It must not know: what is in a page.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use linkrelay_common::{VideoId, with_causes};
use reqwest::header::{ACCEPT_LANGUAGE, COOKIE, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::redirect::{Attempt, Policy};
use reqwest::{Certificate, ClientBuilder, Proxy, RequestBuilder, Response, StatusCode};
use serde_json::Value;

use crate::address::{Address, Redirect};
use crate::error::ExtractError;
use crate::gate::Pacer;
use crate::retry_after;

/// Many times the largest page seen (1.5 MB); counted after decompression.
const MAX_BODY_BYTES: usize = 8 * 1024 * 1024;
/// By how much a body that does not fit grows at least. A vector's own doubling would give a page of
/// a megabyte two, in each of the answers that are read at the same time.
const BODY_STEP_BYTES: usize = 128 * 1024;
const MAX_REDIRECTS: usize = 3;
/// What a browser sends after its user has answered the consent page. Without it, viewers in the
/// European Union are redirected to that page. It identifies no user: it is the same for everyone,
/// and no other cookie is ever kept or sent.
const CONSENT_COOKIE: &str = "SOCS=CAI";
const API_KEY_HEADER: &str = "x-goog-api-key";
/// A desktop browser's: the reader knows the pages that YouTube gives to desktop browsers.
const USER_AGENT: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 \
                          (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36";

/// How long each step of a request may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Timeouts {
    /// The time to connect, TLS included.
    pub(crate) connect: Duration,
    /// The time between two pieces of an answer.
    pub(crate) read: Duration,
    /// The time for a complete request, with its redirects and the answer's body.
    pub(crate) total: Duration,
}

/// Asks YouTube. Cheap to clone; all clones share their connections.
#[derive(Debug, Clone)]
pub(crate) struct YouTubeClient {
    http: reqwest::Client,
    /// For the Data API, without redirects: its key must not be sent to another server.
    api: reqwest::Client,
    address: Arc<Address>,
    /// Spaces out the requests to youtube.com; the Data API has limits of its own.
    pacer: Arc<Pacer>,
    is_proxied: bool,
}

impl YouTubeClient {
    /// Makes a client that trusts `certificates` in addition to the well-known ones, and asks
    /// youtube.com through `proxy`, if one is given. No request is made yet.
    ///
    /// # Errors
    /// Fails if TLS cannot be set up with these certificates.
    pub(crate) fn new(
        address: Address,
        certificates: Vec<Certificate>,
        timeouts: Timeouts,
        pacer: Arc<Pacer>,
        proxy: Option<Proxy>,
    ) -> Result<Self, reqwest::Error> {
        let address = Arc::new(address);
        let builder = || builder(&address, &certificates, timeouts);
        let allowed = address.clone();
        let http = builder().redirect(Policy::custom(move |attempt| follow(&allowed, attempt)));
        let api = builder().redirect(Policy::none());
        let is_proxied = proxy.is_some();
        // Only through this proxy: not through those of the environment, and never directly.
        let http = match proxy {
            Some(proxy) => http.no_proxy().proxy(proxy),
            None => http,
        };
        Ok(Self { http: http.build()?, api: api.build()?, address, pacer, is_proxied })
    }

    /// Returns the body of a video's watch page.
    ///
    /// # Errors
    /// As for [`YouTubeClient::player`].
    #[cfg(feature = "rusty-ytdl")]
    pub(crate) async fn watch_page(&self, video_id: VideoId) -> Result<Vec<u8>, ExtractError> {
        self.success(self.watch_request(video_id)).await
    }

    /// Hands on the pieces of a video's watch page, as they come.
    ///
    /// # Errors
    /// As for [`YouTubeClient::player`].
    pub(crate) async fn watch_page_in_pieces(
        &self,
        video_id: VideoId,
        take: impl FnMut(&[u8]),
    ) -> Result<(), ExtractError> {
        let (response, started) = self.answer(self.watch_request(video_id)).await?;
        for_each_piece(response, started, MAX_BODY_BYTES, take).await
    }

    fn watch_request(&self, video_id: VideoId) -> RequestBuilder {
        self.http.get(self.address.watch_url(video_id)).header(COOKIE, CONSENT_COOKIE)
    }

    /// Returns what the player endpoint answers to a request with this body and these headers.
    ///
    /// # Errors
    /// Throttled for 429 and for redirects to a consent or /sorry page; [`ExtractError::Status`]
    /// for every other status that is not a success (also 404: YouTube has a page for a deleted
    /// video); time-outs, connection errors, and Unreadable for a body beyond the limit.
    pub(crate) async fn player(
        &self,
        request_body: &Value,
        headers: HeaderMap,
    ) -> Result<Vec<u8>, ExtractError> {
        let request = self.http.post(self.address.player_url());
        self.success(request.headers(headers).json(request_body)).await
    }

    /// Returns the short answer about a video that sites which embed it get.
    ///
    /// # Errors
    /// As for [`YouTubeClient::player`].
    pub(crate) async fn oembed(&self, video_id: VideoId) -> Result<Vec<u8>, ExtractError> {
        self.success(self.http.get(self.address.oembed_url(video_id))).await
    }

    /// Returns the Data API's status and answer to a request for this resource; an error of the
    /// API counts as an answer.
    ///
    /// # Errors
    /// Time-outs, connection errors, and Unreadable for a body beyond the limit.
    pub(crate) async fn data_api(
        &self,
        key: HeaderValue,
        resource: &str,
        query: &[(&str, &str)],
    ) -> Result<(StatusCode, Vec<u8>), ExtractError> {
        let url = self.address.api_url(resource, query);
        let started = Instant::now();
        let response = self.api.get(url).header(API_KEY_HEADER, key).send().await;
        let response = response.map_err(|error| transport_error(error, started.elapsed()))?;
        Ok((response.status(), body_of(response, started, MAX_BODY_BYTES).await?))
    }

    /// Sends the request and returns the answer's body; any status but a success is an error.
    async fn success(&self, request: RequestBuilder) -> Result<Vec<u8>, ExtractError> {
        let (response, started) = self.answer(request).await?;
        body_of(response, started, MAX_BODY_BYTES).await
    }

    /// Sends the request. Returns the answer and the time at which it was sent; any status but a
    /// success is an error.
    async fn answer(&self, request: RequestBuilder) -> Result<(Response, Instant), ExtractError> {
        self.pacer.wait().await;
        let started = Instant::now();
        let response = request.send().await;
        let response = response.map_err(|error| self.send_error(error, started.elapsed()))?;
        if response.status().is_success() {
            Ok((response, started))
        } else {
            Err(self.status_error(&response))
        }
    }

    /// With a proxy, a connection that cannot be made is the proxy's failure; a connection that
    /// breaks later is not.
    fn send_error(&self, error: reqwest::Error, elapsed: Duration) -> ExtractError {
        if self.is_proxied && error.is_connect() {
            return ExtractError::Proxy(with_causes(&error.without_url()));
        }
        transport_error(error, elapsed)
    }

    fn status_error(&self, response: &Response) -> ExtractError {
        let status = response.status();
        if status == StatusCode::TOO_MANY_REQUESTS {
            let header = response.headers().get(RETRY_AFTER);
            let text = header.and_then(|value| value.to_str().ok());
            let retry_after = text.and_then(|text| retry_after::parse(text, SystemTime::now()));
            return ExtractError::Throttled { reason: "status_429", retry_after };
        }
        match self.redirect_of(response) {
            Some(Redirect::Throttled(reason)) => {
                ExtractError::Throttled { reason, retry_after: None }
            }
            _ => ExtractError::Status(status.as_u16()),
        }
    }

    /// Classifies a redirect that was not followed.
    fn redirect_of(&self, response: &Response) -> Option<Redirect> {
        let location = response.headers().get(LOCATION)?.to_str().ok()?;
        let to = response.url().join(location).ok()?;
        response.status().is_redirection().then(|| self.address.classify(&to))
    }
}

/// Returns the settings that all clients share.
pub(crate) fn builder(
    address: &Address,
    certificates: &[Certificate],
    timeouts: Timeouts,
) -> ClientBuilder {
    let english =
        HeaderMap::from_iter([(ACCEPT_LANGUAGE, HeaderValue::from_static("en-US,en;q=0.9"))]);
    let mut builder = reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .default_headers(english)
        .https_only(true)
        .connect_timeout(timeouts.connect)
        .read_timeout(timeouts.read)
        .timeout(timeouts.total);
    if !address.is_youtube() {
        // The operator's own server is not reached through the proxy of the environment.
        builder = builder.no_proxy();
    }
    certificates.iter().cloned().fold(builder, ClientBuilder::add_root_certificate)
}

/// Follows a redirect or stops at it; then the redirect itself is the answer.
fn follow(address: &Address, attempt: Attempt) -> reqwest::redirect::Action {
    let is_one_too_many = attempt.previous().len() > MAX_REDIRECTS;
    if !is_one_too_many && address.classify(attempt.url()) == Redirect::Follow {
        attempt.follow()
    } else {
        attempt.stop()
    }
}

/// Returns a body of up to `max_bytes`.
pub(crate) async fn body_of(
    response: Response,
    started: Instant,
    max_bytes: usize,
) -> Result<Vec<u8>, ExtractError> {
    let mut body = Vec::new();
    for_each_piece(response, started, max_bytes, |piece| append(&mut body, piece)).await?;
    Ok(body)
}

/// Hands on the pieces of a body of up to `max_bytes`, as they come.
async fn for_each_piece(
    mut response: Response,
    started: Instant,
    max_bytes: usize,
    mut take: impl FnMut(&[u8]),
) -> Result<(), ExtractError> {
    let mut length = 0;
    let failed = |error| transport_error(error, started.elapsed());
    while let Some(piece) = response.chunk().await.map_err(failed)? {
        length += piece.len();
        if length > max_bytes {
            return Err(ExtractError::Unreadable(format!("it is larger than {max_bytes} bytes")));
        }
        take(&piece);
    }
    Ok(())
}

/// Appends a piece, without more room behind it than one step.
fn append(body: &mut Vec<u8>, piece: &[u8]) {
    if body.capacity() - body.len() < piece.len() {
        body.reserve_exact(piece.len().max(BODY_STEP_BYTES));
    }
    body.extend_from_slice(piece);
}

pub(crate) fn transport_error(error: reqwest::Error, elapsed: Duration) -> ExtractError {
    if error.is_timeout() {
        let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        return ExtractError::TimedOut(Duration::from_millis(millis));
    }
    ExtractError::Connection(with_causes(&error.without_url()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_has_no_more_room_than_one_step() {
        for piece_bytes in [1, 1_000, BODY_STEP_BYTES - 1, 3 * BODY_STEP_BYTES] {
            let (piece, mut body) = (vec![b'x'; piece_bytes], Vec::new());
            while body.len() < 8 * BODY_STEP_BYTES {
                append(&mut body, &piece);
                assert!(body.capacity() - body.len() <= BODY_STEP_BYTES, "{piece_bytes}");
            }
            assert_eq!(body.len() % piece_bytes, 0);
            assert!(body.iter().all(|byte| *byte == b'x'));
        }
    }
}
