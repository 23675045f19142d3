//! Makes accepted records safe: the interface between this role and where its records go.
//!
//! [`TopicAccept`] is for a broker that keeps what it has acknowledged. A program whose broker
//! loses its data on exit passes its own [`Accept`].
//!
//! It must not know: HTTP, or what a request is.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use linkrelay_common::health::{Health, Part};
use linkrelay_kafka::LinkRecord;
use linkrelay_kafka::publish::{Publish, PublishError, PublishFailure, publish_all};
use linkrelay_store::requests::RequestRow;
use tokio::time::Instant;

use crate::background::Background;
use crate::broker::{self, TopicKnowledge};

/// Accepts records and makes them safe.
#[async_trait]
pub trait Accept: Debug + Send + Sync {
    /// Returns once it is known of each record whether it is safe. `request` is the row of the
    /// request, if it is a new one; an implementation that writes to the store in any case also
    /// writes the row, and all others return it.
    ///
    /// # Errors
    /// [`AcceptError`] if no record was accepted.
    ///
    /// # Cancel safety
    /// If the call is dropped, some of the records may be safe.
    async fn accept(
        &self,
        records: Vec<LinkRecord>,
        request: Option<RequestRow>,
    ) -> Result<Accepted, AcceptError>;

    /// Starts the background tasks; called once, before the first request.
    fn start(&mut self, background: &mut Background);

    /// Returns why no record will ever be accepted again; `None` while records may be accepted.
    /// Only a new process fixes it.
    fn fatal_error(&self) -> Option<String>;

    /// Waits until nothing is in flight, up to `deadline`. Returns how many records still have no
    /// acknowledgement.
    async fn drain(&self, deadline: Instant) -> usize;
}

/// The outcome of the records of a request.
#[derive(Debug)]
pub struct Accepted {
    /// All records, in their order.
    pub records: Vec<LinkRecord>,
    /// The records that are not known to be safe, with the reasons; empty if all are safe.
    pub failures: Vec<PublishFailure>,
    /// The row of the request, if it is still to be written.
    pub unwritten: Option<RequestRow>,
}

/// Why no record was accepted.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// The limit of links that wait for their documents is reached.
    #[error("too many accepted links are waiting for their documents")]
    Full,
    /// The journal that keeps accepted links cannot be read or written.
    #[error("the journal cannot be used: {0}")]
    JournalUnusable(String),
}

/// Publishes to the topic: a record is safe when the broker has acknowledged it.
#[derive(Debug)]
pub struct TopicAccept {
    publish: Arc<dyn Publish>,
    topic: TopicKnowledge,
    timeout: Duration,
    broker_part: Part,
}

impl TopicAccept {
    /// Makes one that waits for acknowledgements for up to `timeout`. Adds the broker to the parts
    /// of `health`.
    pub fn new(publish: Arc<dyn Publish>, timeout: Duration, health: &Health) -> Self {
        let broker_part = health.part("broker");
        Self { publish, topic: TopicKnowledge::default(), timeout, broker_part }
    }
}

#[async_trait]
impl Accept for TopicAccept {
    async fn accept(
        &self,
        records: Vec<LinkRecord>,
        request: Option<RequestRow>,
    ) -> Result<Accepted, AcceptError> {
        let failures = if self.topic.is_missing() {
            (0..records.len()).map(|index| (index, PublishError::TopicMissing)).collect()
        } else {
            publish_all(self.publish.as_ref(), &records, self.timeout).await
        };
        Ok(Accepted { records, failures, unwritten: request })
    }

    fn start(&mut self, background: &mut Background) {
        let (publish, topic) = (Arc::clone(&self.publish), self.topic.clone());
        let watching =
            broker::watch(publish, topic, self.broker_part.clone(), background.stop_token());
        background.spawn("broker watch", watching);
    }

    fn fatal_error(&self) -> Option<String> {
        self.publish.fatal_error()
    }

    async fn drain(&self, deadline: Instant) -> usize {
        self.publish.flush(deadline - Instant::now()).await
    }
}
