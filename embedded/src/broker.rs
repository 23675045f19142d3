//! A Kafka broker inside the process: librdkafka's mock cluster, for when none is configured.
//!
//! Producer and consumers use it as they use any other; it forgets everything on exit, which is
//! what the journal is for.

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

/// As many as six consumers can share.
const PARTITIONS: i32 = 6;
/// Kafka waits 3 s for more members before the first assignment; here no other member comes.
const INITIAL_REBALANCE_DELAY: Duration = Duration::from_millis(200);
/// The mock cluster rebalances within about the session time-out, and a new record does not
/// wake a waiting fetch.
const CLIENT_SETTINGS: [(&str, &str); 3] =
    [("session.timeout.ms", "3000"), ("heartbeat.interval.ms", "200"), ("fetch.wait.max.ms", "10")];

/// The broker; it lives as long as this does.
pub(crate) struct EmbeddedBroker {
    /// Any client will do to hold it.
    client: AdminClient<RelayContext>,
}

impl EmbeddedBroker {
    /// Starts it, with both topics.
    pub(crate) fn start(kafka: &KafkaSettings) -> Result<Self, EmbeddedError> {
        let mut config = ClientConfig::new();
        config.set("test.mock.num.brokers", "1");
        let client = config
            .create_with_context(RelayContext::default())
            .map_err(EmbeddedError::NotStarted)?;
        let broker = Self { client };
        broker.shorten_first_rebalance();
        // Before any client asks: an unknown topic would be made with four partitions.
        broker.create_topic(&kafka.kafka_topic, PARTITIONS)?;
        broker.create_topic(&kafka.kafka_dlq_topic, 1)?;
        Ok(broker)
    }

    fn create_topic(&self, topic: &str, partitions: i32) -> Result<(), EmbeddedError> {
        let created = self.cluster()?.create_topic(topic, partitions, 1);
        created.map_err(|error| EmbeddedError::NoTopic { topic: topic.to_owned(), error })
    }

    /// The settings of clients that shall use it.
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
        // SAFETY: the client is alive for the whole call. The mock cluster belongs to it, is null
        // only for a client without `test.mock.num.brokers`, and the call takes its own lock.
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
