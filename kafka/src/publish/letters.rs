//! Where dead letters go: their topic, or whatever keeps them as safely.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use rdkafka::error::KafkaError;
use rdkafka::message::OwnedHeaders;
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::util::Timeout;

use crate::topic::{self, TopicError};
use crate::{KafkaSettings, RelayContext, unknown_key};
use linkrelay_common::SettingsError;
use linkrelay_common::ids::DocumentId;

/// How long a dead letter may wait for the broker before it is tried again.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(30);
/// A broker that has not answered a question about its topics by then counts as away.
const DESCRIBE_TIMEOUT: Duration = Duration::from_secs(5);

/// A dead letter: the record's own key, value and headers, with the headers that say why it was
/// given up.
#[derive(Debug, Clone)]
pub struct Letter {
    /// Of the link that it is about, or of the record that could not be read.
    pub document_id: DocumentId,
    /// The record's key.
    pub key: Option<Vec<u8>>,
    /// The record's value.
    pub value: Vec<u8>,
    /// All headers.
    pub headers: OwnedHeaders,
}

/// Why a dead letter is not written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LetterError {
    /// In this form it will never be taken; a smaller one may be.
    #[error("it is refused: {0}")]
    Refused(RDKafkaErrorCode),
    /// It may be taken later.
    #[error("{0}")]
    NotNow(String),
}

/// Keeps dead letters.
#[async_trait]
pub trait KeepLetters: fmt::Debug + Send + Sync {
    /// Tries once. The letter is durable when this answers `Ok`.
    ///
    /// # Cancel safety
    /// When dropped, the letter may be there or not.
    async fn keep(&self, letter: &Letter) -> Result<(), LetterError>;

    /// Asks whether letters can be kept, as far as that can be known without writing one.
    async fn check(&self) -> Result<(), TopicError>;

    /// Why no letter will ever be kept by this process, if so.
    fn fatal_error(&self) -> Option<String>;

    /// Waits until nothing is on its way, up to `timeout`.
    async fn flush(&self, timeout: Duration);
}

/// Keeps dead letters in their topic, acknowledged by every in-sync replica.
#[derive(Clone)]
pub struct TopicLetters {
    producer: FutureProducer<RelayContext>,
    /// That of the producer, which does not show it.
    context: RelayContext,
    topic: String,
}

impl TopicLetters {
    /// Asks no broker yet.
    ///
    /// # Errors
    /// Names `KAFKA_CONFIG` if librdkafka refuses a setting.
    pub fn new(kafka: &KafkaSettings) -> Result<Self, SettingsError> {
        let config = kafka.producer(DELIVERY_TIMEOUT);
        let context = RelayContext::new(kafka);
        let producer =
            config.create_with_context(context.clone()).map_err(|error| unknown_key(&error))?;
        Ok(Self { producer, context, topic: kafka.kafka_dlq_topic.clone() })
    }

    fn letter_error(&self, error: &KafkaError) -> LetterError {
        match error.rdkafka_error_code() {
            Some(code) if is_final(code) => LetterError::Refused(code),
            // With nothing else on its way, it is this one that the queue has no room for.
            Some(code @ RDKafkaErrorCode::QueueFull) if self.producer.in_flight_count() == 0 => {
                LetterError::Refused(code)
            }
            Some(
                code @ (RDKafkaErrorCode::TopicAuthorizationFailed
                | RDKafkaErrorCode::ClusterAuthorizationFailed),
            ) => LetterError::NotNow(format!(
                "this user may not write to topic {} ({code}); allow it to",
                self.topic
            )),
            _ => LetterError::NotNow(format!("topic {}: {error}", self.topic)),
        }
    }
}

/// Whether a record that was refused with this code is refused however often it is sent.
fn is_final(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode::{
        InvalidMessage, InvalidMessageSize, InvalidRecord, MessageBatchTooLarge,
        MessageSizeTooLarge, PolicyViolation,
    };
    matches!(
        code,
        MessageSizeTooLarge
            | MessageBatchTooLarge
            | InvalidMessage
            | InvalidMessageSize
            | InvalidRecord
            | PolicyViolation
    )
}

#[async_trait]
impl KeepLetters for TopicLetters {
    async fn keep(&self, letter: &Letter) -> Result<(), LetterError> {
        let mut record = FutureRecord::<[u8], [u8]>::to(&self.topic)
            .payload(&letter.value)
            .headers(letter.headers.clone());
        record.key = letter.key.as_deref();
        let sent = self.producer.send(record, Timeout::After(Duration::ZERO)).await;
        sent.map(drop).map_err(|(error, _)| self.letter_error(&error))
    }

    async fn check(&self) -> Result<(), TopicError> {
        let letters = self.clone();
        let describe = move || {
            let client = letters.producer.client();
            let described = topic::describe(client, &letters.topic, DESCRIBE_TIMEOUT);
            topic::explained(&letters.context, described)
        };
        // Fails only if the runtime is going down, and then nobody reads the answer.
        let described = tokio::task::spawn_blocking(describe).await;
        described.map_err(|_| KafkaError::Canceled)?.map(drop)
    }

    fn fatal_error(&self) -> Option<String> {
        self.producer.client().fatal_error().map(|(code, reason)| format!("{code}: {reason}"))
    }

    async fn flush(&self, timeout: Duration) {
        let letters = self.clone();
        let flush = move || {
            if let Err(error) = letters.producer.flush(timeout) {
                tracing::warn!(topic = letters.topic, %error, "dead letters on their way at the end");
            }
        };
        // See `check`.
        tokio::task::spawn_blocking(flush).await.ok();
    }
}

impl fmt::Debug for TopicLetters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TopicLetters").field("topic", &self.topic).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_try_may_change_is_not_final() {
        for (code, expected) in [
            (RDKafkaErrorCode::MessageSizeTooLarge, true),
            (RDKafkaErrorCode::MessageBatchTooLarge, true),
            (RDKafkaErrorCode::InvalidRecord, true),
            (RDKafkaErrorCode::InvalidMessage, true),
            (RDKafkaErrorCode::PolicyViolation, true),
            (RDKafkaErrorCode::MessageTimedOut, false),
            (RDKafkaErrorCode::NotEnoughReplicas, false),
            (RDKafkaErrorCode::TopicAuthorizationFailed, false),
            (RDKafkaErrorCode::ClusterAuthorizationFailed, false),
            (RDKafkaErrorCode::UnknownTopicOrPartition, false),
            (RDKafkaErrorCode::KafkaStorageError, false),
            (RDKafkaErrorCode::InvalidTimestamp, false),
        ] {
            assert_eq!(is_final(code), expected, "{code}");
        }
    }
}
