//! Publishes dead letters to the topic of links, each acknowledged by every in-sync replica.

use std::time::Duration;

use anyhow::Context;
use futures::future::join_all;
use linkrelay_common::kafka::{KafkaSettings, RelayContext, unknown_key};
use linkrelay_common::topic;
use rdkafka::error::KafkaError;
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};
use rdkafka::util::Timeout;

use super::pages::Candidate;

/// How long the broker may take to acknowledge a record.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(30);
const DESCRIBE_TIMEOUT: Duration = Duration::from_secs(15);

/// The way back into the pipeline.
pub(super) struct Publisher {
    producer: FutureProducer<RelayContext>,
    topic: String,
}

impl Publisher {
    /// Blocks until the broker has told of the topic.
    ///
    /// # Errors
    /// If there is no such topic, or the broker does not answer.
    pub(super) fn connect(kafka: &KafkaSettings) -> anyhow::Result<Self> {
        let producer: FutureProducer<RelayContext> = kafka
            .producer(DELIVERY_TIMEOUT)
            .create_with_context(RelayContext)
            .map_err(|error| unknown_key(&error))?;
        topic::describe(producer.client(), &kafka.kafka_topic, DESCRIBE_TIMEOUT)
            .with_context(|| format!("asking {}", kafka.brokers()))?;
        Ok(Self { producer, topic: kafka.kafka_topic.clone() })
    }

    /// Sends all, and awaits each one's fate; in their order.
    ///
    /// # Cancel safety
    /// When dropped, what was sent may arrive.
    pub(super) async fn publish(&self, candidates: &[Candidate]) -> Vec<Result<(), KafkaError>> {
        join_all(candidates.iter().map(|candidate| self.send(candidate))).await
    }

    async fn send(&self, candidate: &Candidate) -> Result<(), KafkaError> {
        let mut record = FutureRecord::<[u8], [u8]>::to(&self.topic);
        record.key = candidate.key.as_deref();
        record.payload = candidate.value.as_deref();
        record.headers = Some(candidate.headers.clone());
        let sent = self.producer.send(record, Timeout::After(DELIVERY_TIMEOUT)).await;
        sent.map(drop).map_err(|(error, _)| error)
    }
}
