//! Accepting links by way of the journal: the producer's seam in the embedded mode.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use linkrelay_common::health::{Health, Part};
use linkrelay_kafka::LinkRecord;
use linkrelay_kafka::publish::{Publish, publish_all};
use linkrelay_producer::{Accept, AcceptError, Accepted, Background, TopicAccept};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::journal::{Journal, JournalError};
use crate::republish::republish_pending;

/// The most records that may wait for another try at publishing, and the most that may be
/// between the journal and the broker at any time.
const MAX_UNPUBLISHED: usize = 100_000;

/// How often the journal is asked whether it can be used, and how long it may take to answer.
const JOURNAL_PING_INTERVAL: Duration = Duration::from_secs(3);
const JOURNAL_PING_TIMEOUT: Duration = Duration::from_secs(5);

/// Journals, then publishes: safe is what is in the journal. What the broker does not take at
/// once, and what an earlier process left in the journal, is published in the background.
#[derive(Debug)]
pub struct JournaledAccept {
    intake: Intake,
    /// Watches the broker and knows its client.
    topic: TopicAccept,
    /// Until it is started.
    unpublished: Option<mpsc::Receiver<LinkRecord>>,
    /// Requests, which outlive their clients.
    under_way: TaskTracker,
}

/// What the task of one request needs.
#[derive(Debug, Clone)]
struct Intake {
    journal: Arc<dyn Journal>,
    publish: Arc<dyn Publish>,
    timeout: Duration,
    unpublished: mpsc::Sender<LinkRecord>,
    part: Part,
}

impl JournaledAccept {
    /// Waits for acknowledgements for up to `timeout`. Adds the broker and the journal to the
    /// parts of `health`.
    pub fn new(
        journal: Arc<dyn Journal>,
        publish: Arc<dyn Publish>,
        timeout: Duration,
        health: &Health,
    ) -> Self {
        let topic = TopicAccept::new(Arc::clone(&publish), timeout, health);
        let (sender, unpublished) = mpsc::channel(MAX_UNPUBLISHED);
        let part = health.part("journal");
        let intake = Intake { journal, publish, timeout, unpublished: sender, part };
        Self { intake, topic, unpublished: Some(unpublished), under_way: TaskTracker::new() }
    }
}

#[async_trait]
impl Accept for JournaledAccept {
    /// Accepts all records or none.
    ///
    /// The work is a task of its own: a client that goes away in the middle must not leave a
    /// journaled link behind that is not published before the next start.
    async fn accept(&self, records: Vec<LinkRecord>) -> Result<Accepted, AcceptError> {
        let intake = self.intake.clone();
        let task = self.under_way.spawn(async move {
            intake.journal_and_publish(&records).await?;
            Ok(Accepted { records, failures: Vec::new() })
        });
        let ended = task.await;
        ended.unwrap_or_else(|error| Err(AcceptError::JournalUnusable(error.to_string())))
    }

    fn start(&mut self, background: &mut Background) {
        self.topic.start(background);
        let stop = background.stop_token();
        background.spawn("journal watch", self.intake.clone().watch(stop.clone()));
        if let Some(unpublished) = self.unpublished.take() {
            let Intake { journal, publish, timeout, part, .. } = self.intake.clone();
            let republishing =
                republish_pending(journal, publish, unpublished, timeout, part, stop);
            background.spawn("republishing", republishing);
        }
    }

    fn fatal_error(&self) -> Option<String> {
        self.topic.fatal_error()
    }

    async fn drain(&self, deadline: Instant) -> usize {
        self.under_way.close();
        // Requests that do not make it are in the journal, or were never accepted.
        timeout_at(deadline, self.under_way.wait()).await.ok();
        self.topic.drain(deadline).await
    }
}

impl Intake {
    async fn journal_and_publish(&self, records: &[LinkRecord]) -> Result<(), AcceptError> {
        // A place for each record before any is accepted, so that a failed one always has one.
        let mut places =
            self.unpublished.try_reserve_many(records.len()).map_err(|_| AcceptError::Full)?;
        let appended = self.journal.append(records).await;
        match &appended {
            Err(JournalError::Unusable(_)) => self.part.report(appended.as_ref().map(drop)),
            Ok(()) | Err(JournalError::Full) => self.part.ok(),
        }
        appended?;
        for (place, error) in publish_all(self.publish.as_ref(), records, self.timeout).await {
            tracing::debug!(error = %error, "a journaled link will be published later: {error}");
            if let Some(free) = places.next() {
                free.send(records[place].clone());
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
