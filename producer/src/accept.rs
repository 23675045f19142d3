//! How accepted records become safe: the one seam between this role and what its records go to.
//!
//! [`TopicAccept`] is for a broker that keeps what it has acknowledged. A program whose broker
//! forgets gives an [`Accept`] of its own.
//!
//! It must not know: HTTP, or what a request is.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use linkrelay_common::health::{Health, Part};
use linkrelay_kafka::LinkRecord;
use linkrelay_kafka::publish::{Publish, PublishError, PublishFailure, publish_all};
use tokio::time::Instant;

use crate::background::Background;
use crate::broker::{self, TopicKnowledge};

/// Takes records and makes them safe.
#[async_trait]
pub trait Accept: Debug + Send + Sync {
    /// Answers once it is known of each record whether it is safe.
    ///
    /// # Errors
    /// If none of them was taken.
    ///
    /// # Cancel safety
    /// When dropped, some of the records may be safe.
    async fn accept(&self, records: Vec<LinkRecord>) -> Result<Accepted, AcceptError>;

    /// Starts what it does beside the requests; called once, before the first of them.
    fn start(&mut self, background: &mut Background);

    /// Why it will never accept anything again, if so; only a new process can.
    fn fatal_error(&self) -> Option<String>;

    /// Waits until nothing is under way any more, up to `deadline`. Gives how many records have
    /// no acknowledgement then.
    async fn drain(&self, deadline: Instant) -> usize;
}

/// What became of records.
#[derive(Debug)]
pub struct Accepted {
    /// All of them, in their order.
    pub records: Vec<LinkRecord>,
    /// Those that are not known to be safe; empty means that all are.
    pub failures: Vec<PublishFailure>,
}

/// Why no record was taken.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// As many links wait for their documents as may.
    #[error("too many accepted links are waiting for their documents")]
    Full,
    /// The journal that keeps accepted links cannot be read or written.
    #[error("the journal cannot be used: {0}")]
    JournalUnusable(String),
}

/// Publishes to the topic: safe is what the broker has acknowledged.
#[derive(Debug)]
pub struct TopicAccept {
    publish: Arc<dyn Publish>,
    topic: TopicKnowledge,
    timeout: Duration,
    broker_part: Part,
}

impl TopicAccept {
    /// Waits for acknowledgements for up to `timeout`. Adds the broker to the parts of `health`.
    pub fn new(publish: Arc<dyn Publish>, timeout: Duration, health: &Health) -> Self {
        let broker_part = health.part("broker");
        Self { publish, topic: TopicKnowledge::default(), timeout, broker_part }
    }
}

#[async_trait]
impl Accept for TopicAccept {
    async fn accept(&self, records: Vec<LinkRecord>) -> Result<Accepted, AcceptError> {
        let failures = if self.topic.is_missing() {
            (0..records.len()).map(|place| (place, PublishError::TopicMissing)).collect()
        } else {
            publish_all(self.publish.as_ref(), &records, self.timeout).await
        };
        Ok(Accepted { records, failures })
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
