//! A Kafka broker inside the process, for when none is configured: librdkafka's mock cluster.
//!
//! Producer and consumers use it like any other broker. It loses its data on exit, so links are
//! journaled.

use std::fmt;
use std::time::Duration;

use linkrelay_kafka::{Brokers, KafkaSettings, PassThrough, RelayContext};
use rdkafka::ClientConfig;
use rdkafka::admin::AdminClient;
use rdkafka::bindings::{
    rd_kafka_handle_mock_cluster, rd_kafka_mock_group_initial_rebalance_delay_ms,
};
use rdkafka::mocking::MockCluster;

use crate::error::EmbeddedError;

/// Up to six consumers can share the topic.
const PARTITIONS: i32 = 6;
/// Kafka waits 3 s for more members before the first assignment; here there are no others.
const INITIAL_REBALANCE_DELAY: Duration = Duration::from_millis(200);
/// The mock cluster rebalances within about the session time-out, and a new record does not end a
/// waiting fetch.
const CLIENT_SETTINGS: [(&str, &str); 3] =
    [("session.timeout.ms", "3000"), ("heartbeat.interval.ms", "200"), ("fetch.wait.max.ms", "10")];

/// The broker, which ends when this is dropped.
pub(crate) struct EmbeddedBroker {
    /// Owns the mock cluster; any kind of client can.
    client: AdminClient<RelayContext>,
}

impl EmbeddedBroker {
    /// Starts the broker, with both topics.
    ///
    /// # Errors
    /// [`EmbeddedError`] if librdkafka makes no mock cluster, or no topic in it.
    pub(crate) fn start(kafka: &KafkaSettings) -> Result<Self, EmbeddedError> {
        let mut config = ClientConfig::new();
        config.set("test.mock.num.brokers", "1");
        let client = config
            .create_with_context(RelayContext::default())
            .map_err(EmbeddedError::NotStarted)?;
        let broker = Self { client };
        broker.shorten_first_rebalance();
        // They are made before any client asks for them: the mock cluster makes an unknown topic
        // with four partitions.
        broker.create_topic(&kafka.kafka_topic, PARTITIONS)?;
        broker.create_topic(&kafka.kafka_dlq_topic, 1)?;
        Ok(broker)
    }

    fn create_topic(&self, topic: &str, partitions: i32) -> Result<(), EmbeddedError> {
        let created = self.cluster()?.create_topic(topic, partitions, 1);
        created.map_err(|error| EmbeddedError::NoTopic { topic: topic.to_owned(), error })
    }

    /// Returns the settings for clients of this broker.
    ///
    /// # Errors
    /// [`EmbeddedError::NotThere`] if the broker has no address.
    pub(crate) fn settings(&self, kafka: KafkaSettings) -> Result<KafkaSettings, EmbeddedError> {
        let addresses = self.cluster()?.bootstrap_servers();
        let brokers: Brokers = addresses.parse().map_err(EmbeddedError::NotThere)?;
        let unset = |config: &PassThrough, key: &str| config.get(key).is_none();
        let kafka_config =
            CLIENT_SETTINGS.iter().fold(kafka.pass_through(), |config, (key, value)| {
                if unset(&config, key) { config.with(key, value) } else { config }
            });
        Ok(KafkaSettings { kafka_brokers: Some(brokers), kafka_config, ..kafka })
    }

    fn cluster(&self) -> Result<MockCluster<'_, RelayContext>, EmbeddedError> {
        let cluster = self.client.inner().mock_cluster();
        cluster.ok_or_else(|| EmbeddedError::NotThere("its client has no mock cluster".to_owned()))
    }

    #[expect(
        unsafe_code,
        reason = "rust-rdkafka has no safe call for this setting of the mock cluster"
    )]
    fn shorten_first_rebalance(&self) {
        let milliseconds = i32::try_from(INITIAL_REBALANCE_DELAY.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: the client lives during both calls. The mock cluster belongs to it, is null only
        // for a client without `test.mock.num.brokers`, and the call takes its own lock.
        unsafe {
            let cluster = rd_kafka_handle_mock_cluster(self.client.inner().native_ptr());
            if !cluster.is_null() {
                rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, milliseconds);
            }
        }
    }
}

impl fmt::Debug for EmbeddedBroker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedBroker").finish_non_exhaustive()
    }
}
