//! Where everything is moved to.

use std::fmt;
use std::time::Duration;

use linkrelay_kafka::{KafkaSettings, RelayContext, topic, unknown_key};
use linkrelay_store::sqlite::MovePart;
use rdkafka::consumer::{BaseConsumer, Consumer};

use crate::error::MigrationError;

const ANSWER_LIMIT: Duration = Duration::from_secs(15);

/// A database and a cluster, each by the names under which the file keeps the progress.
#[derive(Debug)]
pub(super) struct Target {
    mongodb: String,
    cluster: String,
    pub(super) kafka: KafkaSettings,
}

impl Target {
    /// Asks the broker whether it has the topics, and who it is.
    pub(super) async fn ask(mongodb: String, kafka: KafkaSettings) -> Result<Self, MigrationError> {
        let settings = kafka.clone();
        let asked = tokio::task::spawn_blocking(move || ask(&settings)).await;
        let cluster = asked.map_err(|error| MigrationError::Ended(error.to_string()))??;
        Ok(Self { mongodb, cluster, kafka })
    }

    /// Returns the name of what a part is moved to.
    pub(super) fn of(&self, part: MovePart) -> &str {
        match part {
            MovePart::Documents | MovePart::Requests => &self.mongodb,
            MovePart::DeadLetters | MovePart::Journal => &self.cluster,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MongoDB {} and Kafka {}", self.mongodb, self.kafka.brokers())
    }
}

/// Returns the name of the cluster with the topics, which must exist. Blocks.
fn ask(kafka: &KafkaSettings) -> Result<String, MigrationError> {
    kafka.validate_clients()?;
    let consumer: BaseConsumer<RelayContext> = kafka
        .reader()
        .create_with_context(RelayContext::new(kafka))
        .map_err(|error| unknown_key(&error))?;
    let (links, dead_letters) = (&kafka.kafka_topic, &kafka.kafka_dlq_topic);
    for name in [links, dead_letters] {
        let described = topic::describe(consumer.client(), name, ANSWER_LIMIT);
        topic::explained_to(&consumer, described).map_err(|source| {
            let asked = format!("asking {}", kafka.brokers());
            MigrationError::Topic { asked, source }
        })?;
    }
    let id = consumer.client().fetch_cluster_id(ANSWER_LIMIT);
    let id = id.unwrap_or_else(|| kafka.brokers().to_owned());
    Ok(format!("{id}/{links}/{dead_letters}"))
}
