//! Sends the load: requests over HTTP, as a careful client does, with one Idempotency-Key for a
//! request and again with the same key until the answer is 201; and records by hand, without key
//! and headers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use rdkafka::config::ClientConfig;
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::util::Timeout;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::task::AbortOnDropHandle;

use super::check::Expected;
use super::load::{Load, PlannedRecord, PlannedRequest};
use super::report::Log;
use super::world::World;

/// Above the API's own deadline, so that its answer arrives.
const ANSWER_LIMIT: Duration = Duration::from_secs(15);
const RETRY_WAIT: Duration = Duration::from_millis(250);
/// Retry-After is honoured up to this: the run is short.
const MAX_RETRY_WAIT: Duration = Duration::from_secs(2);
const MAX_IN_FLIGHT: usize = 256;
/// After every fault has ended, a request without an answer for this long never gets one.
const STALL_LIMIT: Duration = Duration::from_secs(120);
const PROGRESS_INTERVAL: Duration = Duration::from_secs(2);

/// A load that is being sent. Dropping it stops it.
#[derive(Debug)]
pub(super) struct Sending {
    client: Arc<Client>,
    /// Each ends with the id that its answers named, if it was acknowledged.
    requests: JoinSet<Option<(PlannedRequest, String)>>,
    by_hand: AbortOnDropHandle<Result<()>>,
}

impl Sending {
    /// Starts to send, each request and record at its time.
    ///
    /// # Errors
    /// If a client cannot be built.
    pub(super) fn start(load: &Load, world: &World, log: &Arc<Log>) -> Result<Self> {
        let client = Arc::new(Client {
            http: reqwest::Client::builder().timeout(ANSWER_LIMIT).build()?,
            url: world.producer.url() + "/links/send-message-kafka",
            permits: Semaphore::new(MAX_IN_FLIGHT),
            links: load.requests.iter().map(|request| request.links.len()).sum(),
            acknowledged_links: AtomicUsize::default(),
            posts_total: AtomicU64::default(),
            failed_posts_total: AtomicU64::default(),
        });
        let mut requests = JoinSet::new();
        for request in load.requests.iter().cloned() {
            let (client, log) = (Arc::clone(&client), Arc::clone(log));
            requests.spawn(async move {
                sleep_until(log.begin + request.at).await;
                client.deliver(request, &log).await
            });
        }
        let kafka = world.site.broker.node(0).client_config();
        let topic = world.site.topic.clone();
        let by_hand = publish(kafka, topic, load.by_hand.clone(), Arc::clone(log));
        Ok(Self { client, requests, by_hand: AbortOnDropHandle::new(tokio::spawn(by_hand)) })
    }

    /// How much is sent, in a line.
    pub(super) fn status(&self) -> String {
        let acknowledged = self.client.acknowledged_links.load(Ordering::Relaxed);
        let failed = self.client.failed_posts_total.load(Ordering::Relaxed);
        let links = self.client.links;
        format!("{acknowledged} of {links} links acknowledged, {failed} posts failed so far")
    }

    /// Posts so far, and those of them that were not answered 201.
    pub(super) fn posts(&self) -> (u64, u64) {
        let Client { posts_total, failed_posts_total, .. } = &*self.client;
        (posts_total.load(Ordering::Relaxed), failed_posts_total.load(Ordering::Relaxed))
    }

    /// Waits until everything is sent, or no request ends any longer; for the time after all
    /// faults. Returns what the answers promised.
    ///
    /// # Errors
    /// If the records by hand could not be published.
    pub(super) async fn finish(
        &mut self,
        load: &Load,
        log: &Log,
        progress: &(dyn Fn(&str) + Sync),
    ) -> Result<Expected> {
        let mut expected = Expected::default();
        let mut unanswered: BTreeMap<&str, &PlannedRequest> =
            load.requests.iter().map(|request| (request.key.as_str(), request)).collect();
        let mut tick = tokio::time::interval(PROGRESS_INTERVAL);
        let mut stalled_at = Instant::now() + STALL_LIMIT;
        loop {
            tokio::select! {
                ended = self.requests.join_next() => match ended {
                    Some(ended) => {
                        if let Some((request, id)) = ended.context("a task that sends a request")? {
                            unanswered.remove(request.key.as_str());
                            expected.requests.push((id, request.links));
                        }
                        stalled_at = Instant::now() + STALL_LIMIT;
                    }
                    None => break,
                },
                _ = tick.tick() => {
                    progress(&format!("{} ({} requests left)", self.status(), self.requests.len()));
                }
                () = sleep_until(stalled_at) => break,
            }
        }
        let by_hand = timeout(STALL_LIMIT, &mut self.by_hand).await;
        let by_hand = by_hand.context("records by hand could not be published")?;
        by_hand.context("the task that publishes records by hand")??;
        let by_hand = load.by_hand.iter().cloned();
        expected.by_hand = by_hand.map(|record| (record.value, record.links)).collect();
        for (key, request) in unanswered {
            log.violate(format!("request {key} was never answered 201"));
            let links = request.links.iter().map(|link| link.link.clone());
            expected.unresolved_links.extend(links);
        }
        Ok(expected)
    }
}

/// Posts requests to one producer, and counts them.
#[derive(Debug)]
struct Client {
    http: reqwest::Client,
    url: String,
    permits: Semaphore,
    links: usize,
    acknowledged_links: AtomicUsize,
    posts_total: AtomicU64,
    failed_posts_total: AtomicU64,
}

impl Client {
    /// Posts a request until it is acknowledged; wrong answers are violations.
    async fn deliver(
        &self,
        request: PlannedRequest,
        log: &Log,
    ) -> Option<(PlannedRequest, String)> {
        // The semaphore is never closed, so this always waits for a permit.
        let _permit = self.permits.acquire().await;
        let (key, mut ids) = (&request.key, BTreeSet::new());
        let mut result = self.until_acknowledged(&request, &mut ids).await;
        if result.is_ok() && request.is_sent_again {
            result = self.until_acknowledged(&request, &mut ids).await;
        }
        if ids.len() > 1 {
            log.violate(format!("request {key} has several ids: {ids:?}"));
        }
        if let Err(answer) = result {
            log.violate(format!("request {key} was answered {answer}"));
            return None;
        }
        self.acknowledged_links.fetch_add(request.links.len(), Ordering::Relaxed);
        Some((request, ids.pop_first()?))
    }

    /// Posts a request until the answer is 201; the error is an answer that ends it otherwise.
    async fn until_acknowledged(
        &self,
        request: &PlannedRequest,
        ids: &mut BTreeSet<String>,
    ) -> Result<(), String> {
        loop {
            self.posts_total.fetch_add(1, Ordering::Relaxed);
            // Without an answer, the links may be in the topic or not.
            let (status, answer, wait) =
                self.post(request).await.unwrap_or((503, Value::Null, RETRY_WAIT));
            let id = answer["id"].as_str().map(str::to_owned);
            match (status, id) {
                (201, None) => return Err("a 201 without an id".to_owned()),
                (201, Some(id)) => {
                    ids.insert(id);
                    return Ok(());
                }
                (503, id) => ids.extend(id),
                _ => return Err(format!("{status} {answer}")),
            }
            self.failed_posts_total.fetch_add(1, Ordering::Relaxed);
            sleep(wait).await;
        }
    }

    /// The status, the answer, and how long to wait before the next attempt.
    async fn post(&self, request: &PlannedRequest) -> reqwest::Result<(u16, Value, Duration)> {
        let links: Vec<&str> = request.links.iter().map(|link| link.link.as_str()).collect();
        let post = self.http.post(&self.url).header("Idempotency-Key", &request.key);
        let response = post.json(&json!({ "links": links })).send().await?;
        let status = response.status().as_u16();
        let retry_after =
            response.headers().get("retry-after").and_then(|value| value.to_str().ok());
        let wait = retry_after.and_then(|text| text.parse().ok()).map(Duration::from_secs);
        let wait = wait.unwrap_or(RETRY_WAIT).min(MAX_RETRY_WAIT);
        Ok((status, response.json().await?, wait))
    }
}

/// Publishes each record at its time, again and again until the broker has it. A record may then
/// be in the topic twice, which the check sees there.
async fn publish(
    mut config: ClientConfig,
    topic: String,
    records: Vec<PlannedRecord>,
    log: Arc<Log>,
) -> Result<()> {
    config.set("acks", "all").set("enable.idempotence", "true");
    config.set("message.timeout.ms", "30000").set("topic.metadata.refresh.interval.ms", "2000");
    let producer: FutureProducer = config.create()?;
    for PlannedRecord { at, value, .. } in records {
        sleep_until(log.begin + at).await;
        let attempt = || FutureRecord::<(), [u8]>::to(&topic).payload(&value);
        while let Err((error, _)) = producer.send(attempt(), Timeout::Never).await {
            log.note(&format!("the broker did not take a record by hand: {error}"));
            sleep(RETRY_WAIT * 2).await;
        }
    }
    // The producer waits for its thread when it is dropped.
    Ok(tokio::task::spawn_blocking(move || drop(producer)).await?)
}
