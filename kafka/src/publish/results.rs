//! Where results go: each document that was written, as a record of a topic of its own.

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use linkrelay_common::SettingsError;
use linkrelay_common::ids::DocumentId;

use super::durable::WriteError;
use super::producer::TopicProducer;
use crate::topic::TopicError;
use crate::{KafkaSettings, ResultHeaders};

/// How long a result may wait for the broker before it is sent again.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(30);
/// A broker that has not answered a request for its topics by then counts as unreachable.
const DESCRIBE_TIMEOUT: Duration = Duration::from_secs(5);

/// A result as it is in its topic; its key is the document's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultRecord {
    /// The document's id.
    pub document_id: DocumentId,
    /// What its headers say.
    pub headers: ResultHeaders,
    /// The document as JSON.
    pub value: Vec<u8>,
}

/// Publishes results.
#[async_trait]
pub trait PublishResults: Debug + Send + Sync {
    /// Makes one attempt to publish a result. Every in-sync replica has it when this returns `Ok`.
    ///
    /// # Errors
    /// [`WriteError`] if the result is not known to be published.
    ///
    /// # Cancel safety
    /// When dropped, the result may be published or not.
    async fn publish(&self, result: &ResultRecord) -> Result<(), WriteError>;

    /// Checks whether the broker answers and has the topic.
    ///
    /// # Errors
    /// [`TopicError`] if it does not.
    async fn check(&self) -> Result<(), TopicError>;

    /// Returns why this process will never publish a result again; `None` if it can.
    fn fatal_error(&self) -> Option<String>;
}

/// Publishes results to their topic.
#[derive(Debug, Clone)]
pub struct TopicResults(TopicProducer);

impl TopicResults {
    /// Makes the producer, which asks no broker yet.
    ///
    /// # Errors
    /// The same as of [`TopicProducer::new`].
    pub fn new(kafka: &KafkaSettings, topic: &str) -> Result<Self, SettingsError> {
        TopicProducer::new(kafka, topic, DELIVERY_TIMEOUT).map(Self)
    }
}

#[async_trait]
impl PublishResults for TopicResults {
    async fn publish(&self, result: &ResultRecord) -> Result<(), WriteError> {
        let ResultRecord { document_id, headers, value } = result;
        self.0
            .write(document_id, Some(document_id.as_str().as_bytes()), value, headers.to_kafka())
            .await
    }

    async fn check(&self) -> Result<(), TopicError> {
        self.0.check(DESCRIBE_TIMEOUT).await
    }

    fn fatal_error(&self) -> Option<String> {
        self.0.fatal_error()
    }
}
