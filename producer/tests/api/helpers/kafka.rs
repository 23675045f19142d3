//! The mock cluster, and the records in it.

use std::time::Duration;

use linkrelay_kafka::{LinkMessage, RecordHeaders};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::BorrowedMessage;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};

use super::TOPIC;

const PARTITIONS: i32 = 3;
const TIMEOUT: Duration = Duration::from_secs(10);

/// A cluster of one broker. It is not `Send`, so it stays in the test's function.
pub(crate) struct Broker(MockCluster<'static, DefaultProducerContext>);

/// A record of the topic.
#[derive(Debug)]
pub(crate) struct Published {
    pub(crate) key: String,
    pub(crate) message: LinkMessage,
    pub(crate) headers: RecordHeaders,
}

impl Broker {
    pub(crate) fn with_topic() -> Self {
        let broker = Self::without_topic();
        broker.create_topic();
        broker
    }

    pub(crate) fn without_topic() -> Self {
        Self(MockCluster::new(1).unwrap())
    }

    pub(crate) fn create_topic(&self) {
        self.0.create_topic(TOPIC, PARTITIONS, 1).unwrap();
    }

    pub(crate) fn addresses(&self) -> String {
        self.0.bootstrap_servers()
    }

    pub(crate) fn down(&self) {
        self.0.broker_down(-1).unwrap();
    }

    pub(crate) fn up(&self) {
        self.0.broker_up(-1).unwrap();
    }

    /// Takes the leader from a partition.
    pub(crate) fn without_leader(&self, partition: i32) {
        self.0.partition_leader(TOPIC, partition, None).unwrap();
    }

    pub(crate) fn answer_after(&self, delay: Duration) {
        self.0.broker_round_trip_time(-1, delay).unwrap();
    }

    /// Returns all records of the topic, partition by partition.
    pub(crate) fn records(&self) -> Vec<Published> {
        tokio::task::block_in_place(|| {
            let consumer: BaseConsumer = ClientConfig::new()
                .set("bootstrap.servers", self.addresses())
                .set("group.id", "reader")
                .set("enable.auto.commit", "false")
                .create()
                .unwrap();
            (0..PARTITIONS).flat_map(|partition| read(&consumer, partition)).collect()
        })
    }
}

fn read(consumer: &BaseConsumer, partition: i32) -> Vec<Published> {
    let (low, high) = consumer.fetch_watermarks(TOPIC, partition, TIMEOUT).unwrap();
    let mut from_low = TopicPartitionList::new();
    from_low.add_partition_offset(TOPIC, partition, Offset::Offset(low)).unwrap();
    consumer.assign(&from_low).unwrap();
    (low..high).map(|_| published(&consumer.poll(TIMEOUT).unwrap().unwrap())).collect()
}

fn published(record: &BorrowedMessage<'_>) -> Published {
    Published {
        key: String::from_utf8(record.key().unwrap().to_vec()).unwrap(),
        message: LinkMessage::decode(record.payload().unwrap()).unwrap(),
        headers: RecordHeaders::read(record.headers().unwrap()),
    }
}
