//! Where dead letters go: their topic, or another store that is as safe.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use linkrelay_common::SettingsError;
use linkrelay_common::ids::DocumentId;
use rdkafka::message::OwnedHeaders;

use super::durable::WriteError;
use super::producer::TopicProducer;
use crate::KafkaSettings;
use crate::topic::TopicError;

/// How long a dead letter may wait for the broker before it is sent again.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(30);
/// A broker that has not answered a request for its topics by then counts as unreachable.
const DESCRIBE_TIMEOUT: Duration = Duration::from_secs(5);

/// A dead letter: the record's own key, value and headers, with the headers that say why it was
/// given up.
#[derive(Debug, Clone)]
pub struct Letter {
    /// The id of the document of the link, or of the record that could not be read.
    pub document_id: DocumentId,
    /// The record's key.
    pub key: Option<Vec<u8>>,
    /// The record's value.
    pub value: Vec<u8>,
    /// All headers.
    pub headers: OwnedHeaders,
}

/// Keeps dead letters.
#[async_trait]
pub trait KeepLetters: fmt::Debug + Send + Sync {
    /// Makes one attempt to write a dead letter. It is durable when this returns `Ok`.
    ///
    /// # Errors
    /// [`WriteError`] if the dead letter is not known to be written.
    ///
    /// # Cancel safety
    /// When dropped, the dead letter may be written or not.
    async fn keep(&self, letter: &Letter) -> Result<(), WriteError>;

    /// Checks whether dead letters can be written, to the extent that this is known without writing
    /// one.
    ///
    /// # Errors
    /// [`TopicError`] if they cannot.
    async fn check(&self) -> Result<(), TopicError>;

    /// Returns why this process will never write a dead letter again; `None` if it can.
    fn fatal_error(&self) -> Option<String>;

    /// Waits until no dead letter is in flight, for up to `timeout`.
    async fn flush(&self, timeout: Duration);
}

/// Keeps dead letters in their topic, acknowledged by every in-sync replica.
#[derive(Debug, Clone)]
pub struct TopicLetters(TopicProducer);

impl TopicLetters {
    /// Makes the producer, which asks no broker yet.
    ///
    /// # Errors
    /// The same as of [`TopicProducer::new`].
    pub fn new(kafka: &KafkaSettings) -> Result<Self, SettingsError> {
        TopicProducer::new(kafka, &kafka.kafka_dlq_topic, DELIVERY_TIMEOUT).map(Self)
    }
}

#[async_trait]
impl KeepLetters for TopicLetters {
    async fn keep(&self, letter: &Letter) -> Result<(), WriteError> {
        let Letter { document_id, key, value, headers } = letter;
        self.0.write(document_id, key.as_deref(), value, headers.clone()).await
    }

    async fn check(&self) -> Result<(), TopicError> {
        self.0.check(DESCRIBE_TIMEOUT).await
    }

    fn fatal_error(&self) -> Option<String> {
        self.0.fatal_error()
    }

    async fn flush(&self, timeout: Duration) {
        let unanswered_count = self.0.flush(timeout).await;
        if unanswered_count > 0 {
            let topic = self.0.topic();
            tracing::warn!(
                topic,
                unanswered_count,
                "the broker has not acknowledged all dead letters at the stop"
            );
        }
    }
}
