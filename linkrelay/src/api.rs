//! A client of the HTTP API of a running linkrelay, for the command line.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use clap::builder::TypedValueParser as _;
use linkrelay_common::SettingsError;
use linkrelay_common::secrets::UrlWithoutPassword;
use linkrelay_http::wire::{RequestStatus, VideoList};
use reqwest::header::{self, HeaderMap, HeaderValue};
use reqwest::{RequestBuilder, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

/// Longer than the deadline of the server, so that the server answers first.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// How often a submission is tried while the server is unavailable.
const MAX_ATTEMPTS: u32 = 10;
const DEFAULT_RETRY_AFTER: Duration = Duration::from_secs(2);
/// Every read of an export has its own, shorter deadline.
const LONGEST_EXPORT: Duration = Duration::from_secs(30 * 24 * 3_600);
const MAX_RETRY_AFTER: Duration = Duration::from_secs(30);
/// The code of a server that works, and takes more links when it has fewer.
const FULL: &str = "queue_full";
/// How often it is said that the server takes no more for now.
const HOLD_INTERVAL: Duration = Duration::from_secs(60);

/// The server to ask.
#[derive(Debug, Args)]
pub(crate) struct ServerArguments {
    /// The address of linkrelay's HTTP API
    #[arg(
        long,
        env = "LINKRELAY_URL",
        default_value = "http://127.0.0.1:3000",
        value_name = "URL",
        value_parser = UrlWithoutPassword.map(String::from)
    )]
    server: String,

    /// The API key, if the server asks for one; other users of this machine can read the command
    /// line, but not the variable
    #[arg(long = "api-key", env = "LINKRELAY_API_KEY", value_name = "KEY", hide_env_values = true)]
    key: Option<SecretString>,
}

/// A client of one server.
pub(crate) struct Api {
    server: String,
    http: reqwest::Client,
    /// When it was last said that the server takes no more for now.
    last_hold: Mutex<Option<Instant>>,
}

/// The answer to a submission, or a refusal of any request.
#[derive(Debug, Deserialize)]
pub(crate) struct Reply {
    /// Missing if no link was accepted.
    pub(crate) id: Option<String>,
    #[serde(default)]
    pub(crate) accepted: u64,
    #[serde(default)]
    pub(crate) results: Vec<LinkAnswer>,
    /// Why the request was refused, if it was.
    detail: Option<String>,
    code: Option<String>,
}

/// Why an export has not begun.
pub(crate) enum ExportRefusal {
    /// Another attempt can help, after this time if the server says one.
    Again(anyhow::Error, Option<Duration>),
    /// The server refuses the same request always, and says why.
    Final(String),
}

/// The answer about one submitted link.
#[derive(Debug, Deserialize)]
pub(crate) struct LinkAnswer {
    pub(crate) link: String,
    pub(crate) error: Option<Rejection>,
}

/// Why a link was rejected.
#[derive(Debug, Deserialize)]
pub(crate) struct Rejection {
    pub(crate) code: String,
    pub(crate) message: String,
}

impl Reply {
    /// Names the rejected links on stderr, and returns how many there are.
    pub(crate) fn name_rejected(&self) -> u64 {
        let mut rejected = 0;
        for LinkAnswer { link, error } in &self.results {
            if let Some(Rejection { code, message }) = error {
                rejected += 1;
                eprintln!("rejected: {link}: {message} ({code})");
            }
        }
        rejected
    }

    /// Returns why the request was refused.
    pub(crate) fn refusal(self) -> String {
        let detail = self.detail.unwrap_or_else(|| "the server refuses".to_owned());
        match self.code.as_deref() {
            Some("no_key" | "unknown_key" | "insufficient_scope") => {
                format!("{detail} (LINKRELAY_API_KEY)")
            }
            _ => detail,
        }
    }
}

impl ServerArguments {
    /// Returns the address as it was given.
    pub(crate) fn url(&self) -> &str {
        &self.server
    }

    fn headers(&self) -> Result<HeaderMap, SettingsError> {
        let key = self.key.as_ref().map_or("", |key| key.expose_secret()).trim();
        if key.is_empty() {
            return Ok(HeaderMap::new());
        }
        let value = HeaderValue::from_str(&format!("Bearer {key}"));
        let mut value = value.map_err(|_| {
            SettingsError::new("LINKRELAY_API_KEY", "has characters that no key has")
        })?;
        value.set_sensitive(true);
        Ok(HeaderMap::from_iter([(header::AUTHORIZATION, value)]))
    }

    pub(crate) fn connect(&self) -> anyhow::Result<Api> {
        let http = reqwest::Client::builder()
            .timeout(REQUEST_TIMEOUT)
            .default_headers(self.headers()?)
            .build()
            .context("no HTTP client")?;
        let server = self.server.trim_end_matches('/').to_owned();
        Ok(Api { server, http, last_hold: Mutex::default() })
    }
}

impl Api {
    /// Submits links, with `force` if YouTube is to be asked again. As `key` makes a repetition
    /// harmless, the submission is tried again if the server is unavailable or the connection
    /// fails; while the server is only full, without end.
    pub(crate) async fn submit(
        &self,
        links: &[String],
        force: bool,
        key: &str,
    ) -> anyhow::Result<Reply> {
        let request = || {
            let url = format!("{}/links/send-message-kafka", self.server);
            self.http
                .post(url)
                .header("Idempotency-Key", key)
                .json(&serde_json::json!({ "links": links, "force": force }))
        };
        let mut attempts = 1;
        loop {
            let (retry_after, problem) = match self.send_within_limits(request).await {
                Ok(response) if response.status() == StatusCode::SERVICE_UNAVAILABLE => {
                    let retry_after = retry_after(&response);
                    let refused: Reply = read(response).await?;
                    if refused.code.as_deref() == Some(FULL) {
                        self.hold(refused, retry_after).await;
                        continue;
                    }
                    let problem = refused.detail;
                    (retry_after, problem.unwrap_or_else(|| "the server is unavailable".to_owned()))
                }
                Ok(response) => return read(response).await,
                Err(error) if attempts == MAX_ATTEMPTS => return Err(error),
                Err(error) => (DEFAULT_RETRY_AFTER, format!("{error:#}")),
            };
            anyhow::ensure!(
                attempts < MAX_ATTEMPTS,
                "given up after {attempts} attempts: {problem}"
            );
            eprintln!("{problem}; trying again in {} s", retry_after.as_secs());
            tokio::time::sleep(retry_after).await;
            attempts += 1;
        }
    }

    /// Returns the state of a request, with at most `limit` of its links.
    pub(crate) async fn status(&self, id: &str, limit: u64) -> anyhow::Result<RequestStatus> {
        self.status_page(&format!("/links/{id}?limit={limit}")).await
    }

    /// Returns the page of a request's state at this path, which an earlier page named as the next.
    pub(crate) async fn status_page(&self, path: &str) -> anyhow::Result<RequestStatus> {
        self.page(path).await
    }

    /// Returns the videos at this path, which is a query or the next page of one.
    pub(crate) async fn videos_page(&self, path: &str) -> anyhow::Result<VideoList> {
        self.page(path).await
    }

    async fn page<T: serde::de::DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        let request = || self.http.get(format!("{}{path}", self.server));
        let response = self.send_within_limits(request).await?;
        if response.status().is_success() {
            return read(response).await;
        }
        let refused: Reply = read(response).await?;
        anyhow::bail!(refused.refusal())
    }

    /// Begins an export with these parameters; its answer may take any time.
    pub(crate) async fn export(
        &self,
        parameters: &[(&str, &str)],
    ) -> Result<reqwest::Response, ExportRefusal> {
        let request = self.http.get(format!("{}/export", self.server)).query(parameters);
        let sent = self.send(request.timeout(LONGEST_EXPORT)).await;
        let response = sent.map_err(|error| ExportRefusal::Again(error, None))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let retry_after = retry_after(&response);
        let refused = read(response).await.map(Reply::refusal);
        match refused {
            Ok(detail) if status == StatusCode::SERVICE_UNAVAILABLE => {
                Err(ExportRefusal::Again(anyhow::anyhow!(detail), Some(retry_after)))
            }
            Ok(detail) => Err(ExportRefusal::Final(detail)),
            Err(error) => Err(ExportRefusal::Again(error, None)),
        }
    }

    /// Sends a request, again and again while the server answers that this client sends too much.
    async fn send_within_limits(
        &self,
        request: impl Fn() -> RequestBuilder,
    ) -> anyhow::Result<reqwest::Response> {
        loop {
            let response = self.send(request()).await?;
            if response.status() != StatusCode::TOO_MANY_REQUESTS {
                return Ok(response);
            }
            let retry_after = retry_after(&response);
            self.hold(read(response).await?, retry_after).await;
        }
    }

    /// Waits before a request that the server takes later is sent again.
    async fn hold(&self, refused: Reply, retry_after: Duration) {
        let is_due = {
            let mut last = self.last_hold.lock().unwrap_or_else(PoisonError::into_inner);
            let is_due = last.is_none_or(|last| last.elapsed() >= HOLD_INTERVAL);
            if is_due {
                *last = Some(Instant::now());
            }
            is_due
        };
        if is_due {
            eprintln!("{}; waiting, and continuing as it allows", refused.refusal());
        }
        tokio::time::sleep(retry_after).await;
    }

    async fn send(&self, request: RequestBuilder) -> anyhow::Result<reqwest::Response> {
        request.send().await.with_context(|| format!("no answer from {}", self.server))
    }
}

async fn read<T: serde::de::DeserializeOwned>(response: reqwest::Response) -> anyhow::Result<T> {
    let status = response.status();
    response
        .json()
        .await
        .with_context(|| format!("an answer with status {status} that is not linkrelay's"))
}

fn retry_after(response: &reqwest::Response) -> Duration {
    let seconds = response
        .headers()
        .get(header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    seconds
        .map_or(DEFAULT_RETRY_AFTER, Duration::from_secs)
        .clamp(Duration::from_secs(1), MAX_RETRY_AFTER)
}
