//! Sends WebDriver commands with the reqwest of this workspace: the one that thirtyfour would bring
//! is a second version.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use hyper::{Request, Response};
use thirtyfour::error::{WebDriverError, WebDriverResult};
use thirtyfour::session::http::{Body, HttpClient};

/// Longer than any command: a page that does not load ends a test by this.
const LIMIT: Duration = Duration::from_secs(60);

/// A client of chromedriver.
#[derive(Debug, Clone)]
pub(super) struct Client(reqwest::Client);

impl Client {
    pub(super) fn new() -> Self {
        Self(reqwest::Client::builder().no_proxy().timeout(LIMIT).build().unwrap())
    }

    async fn answer(&self, request: Request<Body<'_>>) -> reqwest::Result<Response<Bytes>> {
        let (parts, body) = request.into_parts();
        let request = self.0.request(parts.method, parts.uri.to_string()).headers(parts.headers);
        let request = match body {
            Body::Empty => request,
            Body::Json(json) => request.json(json),
        };
        let response = request.send().await?;
        let mut answer = Response::new(Bytes::new());
        *answer.status_mut() = response.status();
        *answer.body_mut() = response.bytes().await?;
        Ok(answer)
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send(&self, request: Request<Body<'_>>) -> WebDriverResult<Response<Bytes>> {
        let command = format!("{} {}", request.method(), request.uri().path());
        self.answer(request).await.map_err(|error| {
            let cause = error.source().map_or_else(String::new, |cause| format!(": {cause}"));
            WebDriverError::RequestFailed(format!("{command}: {error}{cause}"))
        })
    }

    async fn new(&self) -> Arc<dyn HttpClient> {
        Arc::new(Self::new())
    }
}
