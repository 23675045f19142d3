//! Publishing with librdkafka.
//!
//! `ThreadedProducer` and not `FutureProducer`: the same poll thread, but the answer goes
//! straight into our own future, without a copy of the record on the way back.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rdkafka::ClientContext;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::error::KafkaError;
use rdkafka::producer::{
    BaseRecord, DeliveryResult, NoCustomPartitioner, Producer, ProducerContext, ThreadedProducer,
};
use rdkafka::types::RDKafkaErrorCode;

use super::{AckFuture, AckSender, Publish, PublishError};
use crate::record::LinkRecord;
use crate::topic::{self, TopicError};
use crate::{KafkaSettings, RelayContext, unknown_key};
use linkrelay_common::SettingsError;

/// A broker that has not answered a question about its topics by then counts as away.
const DESCRIBE_TIMEOUT: Duration = Duration::from_secs(2);

/// Publishes to one topic, each record once, acknowledged by all in-sync replicas.
#[derive(Clone)]
pub struct KafkaPublisher {
    producer: Arc<ThreadedProducer<AckContext>>,
    topic: Arc<str>,
}

impl KafkaPublisher {
    /// A publisher that gives a record up after `delivery_timeout`. Asks no broker yet.
    ///
    /// # Errors
    /// Names `KAFKA_CONFIG` if librdkafka refuses a setting.
    pub fn new(kafka: &KafkaSettings, delivery_timeout: Duration) -> Result<Self, SettingsError> {
        let config = kafka.producer(delivery_timeout);
        let producer = ThreadedProducer::from_config_and_context(
            &config,
            AckContext(RelayContext::new(kafka)),
        )
        .map_err(|error| unknown_key(&error))?;
        Ok(Self { producer: Arc::new(producer), topic: kafka.kafka_topic.as_str().into() })
    }
}

#[async_trait]
impl Publish for KafkaPublisher {
    fn send(&self, record: &LinkRecord) -> Result<AckFuture, PublishError> {
        let (sender, future) = AckFuture::pair();
        let (key, value) = (record.target.key(), record.value());
        let kafka_record = BaseRecord::with_opaque_to(&self.topic, Box::new(sender))
            .key(key.as_ref())
            .payload(&value)
            .headers(record.headers().to_kafka());
        match self.producer.send(kafka_record) {
            Ok(()) => Ok(future),
            Err((error, _)) => Err(publish_error(&error)),
        }
    }

    async fn check(&self) -> Result<(), TopicError> {
        let publisher = self.clone();
        let describe = move || {
            let client = publisher.producer.client();
            let described = topic::describe(client, &publisher.topic, DESCRIBE_TIMEOUT);
            topic::explained(&client.context().0, described)
        };
        // Fails only if the runtime is going down, and then nobody reads the answer.
        let described = tokio::task::spawn_blocking(describe).await;
        described.map_err(|_| KafkaError::Canceled)?.map(drop)
    }

    fn fatal_error(&self) -> Option<String> {
        self.producer.client().fatal_error().map(|(code, reason)| format!("{code}: {reason}"))
    }

    async fn flush(&self, timeout: Duration) -> usize {
        let publisher = self.clone();
        let flush = move || {
            let flushed = publisher.producer.flush(timeout);
            if flushed.is_ok() { 0 } else { publisher.producer.in_flight_count() }
        };
        let unanswered = tokio::task::spawn_blocking(flush).await.unwrap_or(0);
        usize::try_from(unanswered).unwrap_or(0)
    }
}

impl fmt::Debug for KafkaPublisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaPublisher").field("topic", &self.topic).finish_non_exhaustive()
    }
}

/// Brings a delivery's answer to whoever awaits it.
struct AckContext(RelayContext);

impl ClientContext for AckContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.0.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.0.error(error, reason);
    }
}

impl ProducerContext<NoCustomPartitioner> for AckContext {
    type DeliveryOpaque = Box<AckSender>;

    fn delivery(&self, result: &DeliveryResult<'_>, sender: Box<AckSender>) {
        sender.answer(match result {
            Ok(_) => Ok(()),
            Err((error, _)) => Err(publish_error(error)),
        });
    }
}

fn publish_error(error: &KafkaError) -> PublishError {
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::QueueFull) => PublishError::QueueFull,
        Some(RDKafkaErrorCode::MessageTimedOut) => PublishError::TimedOut,
        Some(RDKafkaErrorCode::UnknownTopic | RDKafkaErrorCode::UnknownTopicOrPartition) => {
            PublishError::TopicMissing
        }
        Some(RDKafkaErrorCode::PurgeQueue | RDKafkaErrorCode::PurgeInflight) => {
            PublishError::Stopped
        }
        Some(code) => PublishError::Refused(code),
        None => PublishError::Refused(RDKafkaErrorCode::Fail),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn librdkafka_s_codes_become_ours() {
        for (code, ours) in [
            (RDKafkaErrorCode::QueueFull, PublishError::QueueFull),
            (RDKafkaErrorCode::MessageTimedOut, PublishError::TimedOut),
            (RDKafkaErrorCode::UnknownTopic, PublishError::TopicMissing),
            (RDKafkaErrorCode::UnknownTopicOrPartition, PublishError::TopicMissing),
            (RDKafkaErrorCode::PurgeQueue, PublishError::Stopped),
            (
                RDKafkaErrorCode::NotEnoughReplicas,
                PublishError::Refused(RDKafkaErrorCode::NotEnoughReplicas),
            ),
        ] {
            assert_eq!(publish_error(&KafkaError::MessageProduction(code)), ours);
        }
    }
}
