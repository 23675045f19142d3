//! Publishing links to their topic.

use std::time::Duration;

use async_trait::async_trait;
use linkrelay_common::SettingsError;
use linkrelay_telemetry::spans;

use super::producer::{AckFuture, TopicProducer, failed};
use super::{Publish, PublishError};
use crate::KafkaSettings;
use crate::headers::RecordHeaders;
use crate::record::LinkRecord;
use crate::topic::TopicError;

/// A broker that has not answered a request for its topics by then counts as unreachable.
const DESCRIBE_TIMEOUT: Duration = Duration::from_secs(2);

/// Publishes links to `KAFKA_TOPIC`.
#[derive(Debug, Clone)]
pub struct KafkaPublisher(TopicProducer);

impl KafkaPublisher {
    /// Makes a publisher that gives a record up after `delivery_timeout`. It asks no broker yet.
    ///
    /// # Errors
    /// The same as of [`TopicProducer::new`].
    pub fn new(kafka: &KafkaSettings, delivery_timeout: Duration) -> Result<Self, SettingsError> {
        TopicProducer::new(kafka, &kafka.kafka_topic, delivery_timeout).map(Self)
    }
}

#[async_trait]
impl Publish for KafkaPublisher {
    fn send(&self, record: &LinkRecord) -> Result<AckFuture, PublishError> {
        let span = spans::send(record.trace_parent, record.failed_in, self.0.topic(), || {
            record.document_id()
        });
        let headers = RecordHeaders { trace_parent: span.context(), ..record.headers() };
        let (key, value) = (record.target.key(), record.value());
        let sent =
            self.0.send(Some(key.as_bytes()), Some(&value), headers.to_kafka(), span.clone());
        sent.map_err(|code| {
            failed(&span, code);
            PublishError::from(code)
        })
    }

    async fn check(&self) -> Result<(), TopicError> {
        self.0.check(DESCRIBE_TIMEOUT).await
    }

    fn fatal_error(&self) -> Option<String> {
        self.0.fatal_error()
    }

    async fn flush(&self, timeout: Duration) -> usize {
        self.0.flush(timeout).await
    }
}
