//! Posts links as a careful client does: one Idempotency-Key a request, and again with the same
//! key until the answer is 201.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::load::PlannedRequest;

/// Above the API's own deadline, so that its answer is heard.
const ANSWER_LIMIT: Duration = Duration::from_secs(15);
const RETRY_WAIT: Duration = Duration::from_millis(250);
/// Retry-After is honoured up to this: the run is short.
const MAX_RETRY_WAIT: Duration = Duration::from_secs(2);
/// Requests on their way at once; further ones wait for their turn.
const MAX_AT_ONCE: usize = 256;

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Delivered {
    /// Its place in the plan.
    pub(super) place: usize,
    /// The ids that its answers named: one, or something is wrong.
    pub(super) ids: BTreeSet<String>,
    /// An answer that a client can do nothing about; without it, the last one was 201.
    pub(super) refused: Option<String>,
}

/// How far the load is, for whoever watches.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) acknowledged_links: AtomicUsize,
    pub(super) posts_total: AtomicU64,
    pub(super) failed_posts_total: AtomicU64,
}

/// Posts to one producer.
#[derive(Debug, Clone)]
pub(super) struct Client {
    http: reqwest::Client,
    url: String,
    counters: Arc<Counters>,
}

/// One answer, or none.
enum Answer {
    Acknowledged(Option<String>),
    /// 503: it may be there or not.
    Unavailable {
        id: Option<String>,
        wait: Duration,
    },
    /// No answer: it may be there or not.
    None,
    Refused(String),
}

impl Client {
    pub(super) fn new(producer_url: &str, counters: Arc<Counters>) -> Result<Self> {
        let http = reqwest::Client::builder().timeout(ANSWER_LIMIT).build()?;
        Ok(Self { http, url: format!("{producer_url}/links/send-message-kafka"), counters })
    }

    /// Sends all requests, each from its time on until it is acknowledged; each one's end is
    /// given to `delivered`.
    pub(super) async fn run(
        self,
        requests: Vec<PlannedRequest>,
        begin: Instant,
        mut delivered: impl FnMut(Delivered),
    ) {
        let room = Arc::new(Semaphore::new(MAX_AT_ONCE));
        let mut sending = JoinSet::new();
        for (place, request) in requests.into_iter().enumerate() {
            sleep_until(begin + request.at).await;
            // The semaphore is never closed.
            let Ok(turn) = Arc::clone(&room).acquire_owned().await else { return };
            let client = self.clone();
            sending.spawn(async move {
                let _turn = turn;
                client.deliver(place, &request).await
            });
            while let Some(Ok(ended)) = sending.try_join_next() {
                delivered(ended);
            }
        }
        while let Some(Ok(ended)) = sending.join_next().await {
            delivered(ended);
        }
    }

    async fn deliver(&self, place: usize, request: &PlannedRequest) -> Delivered {
        let mut ids = BTreeSet::new();
        let mut refused = self.until_acknowledged(request, &mut ids).await;
        if refused.is_none() {
            let links = request.links.len();
            self.counters.acknowledged_links.fetch_add(links, Ordering::Relaxed);
            if request.is_sent_again {
                refused = self.until_acknowledged(request, &mut ids).await;
            }
        }
        Delivered { place, ids, refused }
    }

    /// Gives an answer that ends the trying without a 201.
    async fn until_acknowledged(
        &self,
        request: &PlannedRequest,
        ids: &mut BTreeSet<String>,
    ) -> Option<String> {
        loop {
            self.counters.posts_total.fetch_add(1, Ordering::Relaxed);
            let wait = match self.post(request).await {
                Answer::Acknowledged(Some(id)) => {
                    ids.insert(id);
                    return None;
                }
                Answer::Acknowledged(None) => return Some("a 201 without an id".to_owned()),
                Answer::Refused(answer) => return Some(answer),
                Answer::Unavailable { id, wait } => {
                    ids.extend(id);
                    wait
                }
                Answer::None => RETRY_WAIT,
            };
            self.counters.failed_posts_total.fetch_add(1, Ordering::Relaxed);
            sleep(wait).await;
        }
    }

    async fn post(&self, request: &PlannedRequest) -> Answer {
        let links: Vec<&str> = request.links.iter().map(|link| link.link.as_str()).collect();
        let post = self.http.post(&self.url).header("Idempotency-Key", &request.key);
        let Ok(response) = post.json(&json!({ "links": links })).send().await else {
            return Answer::None;
        };
        let status = response.status().as_u16();
        let wait = retry_after(&response).unwrap_or(RETRY_WAIT).min(MAX_RETRY_WAIT);
        // Cut off within the answer, it is no answer.
        let Ok(answer) = response.json::<Value>().await else { return Answer::None };
        let id = answer["id"].as_str().map(str::to_owned);
        match status {
            201 => Answer::Acknowledged(id),
            503 => Answer::Unavailable { id, wait },
            _ => Answer::Refused(format!("{status} {answer}")),
        }
    }
}

fn retry_after(response: &reqwest::Response) -> Option<Duration> {
    let seconds = response.headers().get("retry-after")?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}
