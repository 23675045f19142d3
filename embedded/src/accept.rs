//! Accepts links through the journal: the producer's [`Accept`] in the embedded mode.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use linkrelay_common::health::{Health, Part};
use linkrelay_kafka::LinkRecord;
use linkrelay_kafka::publish::{Publish, publish_all};
use linkrelay_producer::{Accept, AcceptError, Accepted, Background, TopicAccept};
use linkrelay_store::requests::RequestRow;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::journal::{Journal, JournalError};
use crate::republish::republish_pending;

/// The most records that may be between the journal and the broker, or wait to be published again.
const MAX_UNPUBLISHED: usize = 100_000;

/// How often the journal is pinged.
const JOURNAL_PING_INTERVAL: Duration = Duration::from_secs(3);
/// How long a ping may take.
const JOURNAL_PING_TIMEOUT: Duration = Duration::from_secs(5);

/// Journals records, then publishes them: a record is safe when it is in the journal.
///
/// Records that the broker does not accept immediately, and those that an earlier process has left
/// in the journal, are published in the background.
#[derive(Debug)]
pub struct JournaledAccept {
    intake: JournalIntake,
    /// Watches the broker and has its client.
    topic: TopicAccept,
    /// `None` once the background task has started.
    unpublished: Option<mpsc::Receiver<LinkRecord>>,
    /// The tasks of the requests, which outlive their clients.
    in_flight: TaskTracker,
}

/// What the task of one request needs.
#[derive(Debug, Clone)]
struct JournalIntake {
    journal: Arc<dyn Journal>,
    publish: Arc<dyn Publish>,
    timeout: Duration,
    unpublished: mpsc::Sender<LinkRecord>,
    part: Part,
}

impl JournaledAccept {
    /// Makes one that waits for acknowledgements for up to `timeout`. Adds the broker and the
    /// journal to the parts of `health`.
    pub fn new(
        journal: Arc<dyn Journal>,
        publish: Arc<dyn Publish>,
        timeout: Duration,
        health: &Health,
    ) -> Self {
        let topic = TopicAccept::new(Arc::clone(&publish), timeout, health);
        let (sender, unpublished) = mpsc::channel(MAX_UNPUBLISHED);
        let part = health.part("journal");
        let intake = JournalIntake { journal, publish, timeout, unpublished: sender, part };
        Self { intake, topic, unpublished: Some(unpublished), in_flight: TaskTracker::new() }
    }
}

#[async_trait]
impl Accept for JournaledAccept {
    /// Accepts all records or none.
    ///
    /// It runs in its own task: if the client disconnects, every link that is journaled must still
    /// be published before the next start.
    async fn accept(
        &self,
        records: Vec<LinkRecord>,
        request: Option<RequestRow>,
    ) -> Result<Accepted, AcceptError> {
        let intake = self.intake.clone();
        let task = self.in_flight.spawn(async move {
            intake.journal_and_publish(&records, request.as_ref()).await?;
            Ok(Accepted { records, failures: Vec::new(), unwritten: None })
        });
        let ended = task.await;
        ended.unwrap_or_else(|error| Err(AcceptError::JournalUnusable(error.to_string())))
    }

    fn start(&mut self, background: &mut Background) {
        self.topic.start(background);
        let stop = background.stop_token();
        background.spawn("journal watch", self.intake.clone().watch(stop.clone()));
        if let Some(unpublished) = self.unpublished.take() {
            let JournalIntake { journal, publish, timeout, part, .. } = self.intake.clone();
            let republishing =
                republish_pending(journal, publish, unpublished, timeout, part, stop);
            background.spawn("republishing", republishing);
        }
    }

    fn fatal_error(&self) -> Option<String> {
        self.topic.fatal_error()
    }

    async fn drain(&self, deadline: Instant) -> usize {
        self.in_flight.close();
        // The links of a request that does not end in time are journaled, or were not accepted.
        timeout_at(deadline, self.in_flight.wait()).await.ok();
        self.topic.drain(deadline).await
    }
}

impl JournalIntake {
    async fn journal_and_publish(
        &self,
        records: &[LinkRecord],
        request: Option<&RequestRow>,
    ) -> Result<(), AcceptError> {
        // Every record gets a slot before any is accepted, so that a failed one always has a slot.
        let mut slots =
            self.unpublished.try_reserve_many(records.len()).map_err(|_| AcceptError::Full)?;
        let appended = self.journal.append(records, request).await;
        match &appended {
            Err(JournalError::Unusable(_)) => self.part.report(appended.as_ref().map(drop)),
            Ok(()) | Err(JournalError::Full) => self.part.ok(),
        }
        appended?;
        for (index, error) in publish_all(self.publish.as_ref(), records, self.timeout).await {
            tracing::debug!(error = %error, "a journaled link will be published later: {error}");
            if let Some(slot) = slots.next() {
                slot.send(records[index].clone());
            }
        }
        Ok(())
    }

    async fn watch(self, stop: CancellationToken) {
        let Self { journal, part, .. } = self;
        let ping = || journal.ping();
        part.watch(JOURNAL_PING_INTERVAL, JOURNAL_PING_TIMEOUT, stop, ping).await;
    }
}

impl From<JournalError> for AcceptError {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::Full => Self::Full,
            JournalError::Unusable(why) => Self::JournalUnusable(why),
        }
    }
}
