//! A mock cluster with the two topics, and consumers on it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use linkrelay_common::VideoId;
use linkrelay_common::health::Health;
use linkrelay_consumer::{
    Consumer, ConsumerError, ConsumerParts, PipelineSettings, PostLinksSettings, ServerSettings,
};
use linkrelay_http::MetricsSettings;
use linkrelay_http::client::ConnectionSettings;
use linkrelay_http::intake::IntakeSettings;
use linkrelay_http::keys::KeySettings;
use linkrelay_kafka::{GroupSettings, KafkaSettings};
use linkrelay_kafka::{LinkMessage, RecordHeaders};
use linkrelay_store::LinkDocument;
use linkrelay_store::testing::FaultyStore;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{BorrowedHeaders, Headers, Message};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{DefaultProducerContext, FutureProducer, FutureRecord};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::doubles::ScriptedExtractor;

pub(crate) const TOPIC: &str = "LINKS-YOUTUBE";
pub(crate) const DLQ: &str = "LINKS-YOUTUBE.dlq";
pub(crate) const PARTITIONS: i32 = 3;
const LIMIT: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, Parser)]
#[command(args_override_self = true)]
struct Settings {
    #[command(flatten)]
    kafka: KafkaSettings,
    #[command(flatten)]
    group: GroupSettings,
    #[command(flatten)]
    pipeline: PipelineSettings,
    #[command(flatten)]
    post_links: PostLinksSettings,
}

/// The mock cluster, and the extractor and store of the consumers of one test.
pub(crate) struct Relay {
    cluster: MockCluster<'static, DefaultProducerContext>,
    producer: FutureProducer,
    pub(crate) extractor: Arc<ScriptedExtractor>,
    pub(crate) store: Arc<FaultyStore>,
}

/// One running consumer.
pub(crate) struct Running {
    pub(crate) health: Health,
    /// The address of `POST /links` on its extractor server.
    pub(crate) links_url: String,
    stop: CancellationToken,
    task: JoinHandle<Result<(), ConsumerError>>,
}

/// A dead letter as it is in its topic.
#[derive(Debug)]
pub(crate) struct DeadLetter {
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Vec<u8>,
    pub(crate) headers: BTreeMap<String, String>,
}

/// Returns a different video for each number.
pub(crate) fn video_id(number: usize) -> VideoId {
    VideoId::parse(&format!("v{number:010}")).unwrap()
}

pub(crate) fn link(number: usize) -> String {
    video_id(number).watch_url()
}

/// Waits for a condition, and panics with `what` if it is not met in time.
pub(crate) async fn until(what: &str, condition: impl Fn() -> bool) {
    let waited = tokio::time::timeout(LIMIT, async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    assert!(waited.await.is_ok(), "waited without success until {what}");
}

impl Relay {
    pub(crate) fn start() -> Self {
        linkrelay_telemetry::start_for_test();
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic(TOPIC, PARTITIONS, 1).unwrap();
        cluster.create_topic(DLQ, 1, 1).unwrap();
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", cluster.bootstrap_servers());
        let producer = config.create().unwrap();
        let (extractor, store) =
            (Arc::new(ScriptedExtractor::new()), Arc::new(FaultyStore::default()));
        Self { cluster, producer, extractor, store }
    }

    /// Starts a consumer with these settings on top of ones that suit the mock cluster.
    pub(crate) async fn consume(&self, settings: &str) -> Running {
        let brokers = self.cluster.bootstrap_servers();
        let base = format!(
            "test --kafka-brokers {brokers} --drain-timeout 3s --commit-interval 100ms \
             --retry-backoff-min 1ms --retry-backoff-max 10ms --kafka-config \
             session.timeout.ms=4000,heartbeat.interval.ms=300,fetch.wait.max.ms=10"
        );
        let arguments = base.split_whitespace().chain(settings.split_whitespace());
        let Settings { kafka, group, pipeline, post_links } = Settings::parse_from(arguments);
        let (extractor, store) = (Arc::clone(&self.extractor) as _, Arc::clone(&self.store) as _);
        let (http_addr, intake) = (([127, 0, 0, 1], 0).into(), IntakeSettings::default());
        let max_links_per_record = intake.max_links_per_request;
        let (addr_setting, keys) = ("HTTP_ADDR", KeySettings::default());
        let (connections, metrics) = (ConnectionSettings::default(), MetricsSettings::default());
        let server = Some(ServerSettings {
            http_addr,
            addr_setting,
            intake,
            connections,
            post_links,
            keys,
            metrics,
        });
        let parts = ConsumerParts {
            kafka,
            group,
            pipeline,
            server,
            extractor,
            store,
            videos: None,
            search_index: None,
            max_links_per_record,
            publishing: None,
            beats: None,
        };
        let consumer = Consumer::from_parts(parts).await.unwrap();
        let (health, stop) = (consumer.health(), CancellationToken::new());
        let links_url = format!("http://{}/links", consumer.http_addr().unwrap());
        let task = tokio::spawn(consumer.run_until_stopped(stop.clone()));
        Running { health, links_url, stop, task }
    }

    /// Makes the broker refuse the next producer that begins.
    pub(crate) fn refuse_a_producer(&self) {
        let refusal = RDKafkaRespErr::RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED;
        self.cluster.request_errors(RDKafkaApiKey::InitProducerId, &[refusal]);
    }

    /// Makes the broker refuse the next records of any client.
    pub(crate) fn refuse_records(&self) {
        let refusal = RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
        self.cluster.request_errors(RDKafkaApiKey::Produce, &[refusal]);
    }

    /// Writes a record as linkrelay's own producer does.
    pub(crate) async fn publish(&self, message: &LinkMessage, headers: &RecordHeaders, key: &str) {
        let value = message.encode();
        let record = FutureRecord::to(TOPIC).payload(&value).key(key).headers(headers.to_kafka());
        self.producer.send(record, LIMIT).await.unwrap();
    }

    /// Writes a record as a user does in a console: no key, no headers.
    pub(crate) async fn type_in(&self, value: &[u8]) {
        self.producer
            .send::<[u8], [u8], _>(FutureRecord::to(TOPIC).payload(value), LIMIT)
            .await
            .unwrap();
    }

    /// Like [`type_in`](Self::type_in), but with this timestamp in milliseconds.
    pub(crate) async fn type_in_at(&self, value: &[u8], timestamp: i64) {
        let record = FutureRecord::<[u8], [u8]>::to(TOPIC).payload(value).timestamp(timestamp);
        self.producer.send(record, LIMIT).await.unwrap();
    }

    /// Writes the links of these numbers, one record each, all over the partitions.
    pub(crate) async fn publish_links(&self, numbers: std::ops::Range<usize>) {
        let records = numbers.map(|number| async move {
            let value = LinkMessage::one(link(number), false).encode();
            let id = video_id(number).to_string();
            self.producer
                .send(FutureRecord::to(TOPIC).payload(&value).key(&id), LIMIT)
                .await
                .unwrap();
        });
        futures::future::join_all(records).await;
    }

    /// Sets whether the broker refuses all requests for the dead-letter topic.
    pub(crate) fn refuse_dead_letters(&self, is_refusing: bool) {
        let error = if is_refusing {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE
        } else {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR
        };
        self.cluster.topic_error(DLQ, error).unwrap();
    }

    /// Returns the document of a link.
    pub(crate) fn document(&self, link: &str) -> LinkDocument {
        let mut documents = self.store.documents().into_iter();
        documents.find(|document| document.link == link).expect("a document")
    }

    /// Returns all records of the dead-letter topic.
    pub(crate) fn dead_letters(&self) -> Vec<DeadLetter> {
        let reader = self.reader_as("linkrelay");
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(DLQ, 0, Offset::Beginning).unwrap();
        reader.assign(&list).unwrap();
        let (_, end) = reader.fetch_watermarks(DLQ, 0, LIMIT).unwrap();
        (0..end).map(|_| dead_letter(&reader.poll(LIMIT).unwrap().unwrap())).collect()
    }

    /// Returns the lag of the group, all partitions together.
    pub(crate) fn lag(&self) -> i64 {
        self.lag_of("linkrelay")
    }

    /// Returns the lag of another group.
    pub(crate) fn lag_of(&self, group: &str) -> i64 {
        let reader = self.reader_as(group);
        let mut list = TopicPartitionList::new();
        list.add_partition_range(TOPIC, 0, PARTITIONS - 1);
        let committed = reader.committed_offsets(list, LIMIT).unwrap();
        let lag = |partition| {
            let (_, end) = reader.fetch_watermarks(TOPIC, partition, LIMIT).unwrap();
            let committed = committed
                .find_partition(TOPIC, partition)
                .and_then(|found| found.offset().to_raw());
            end - committed.unwrap_or(0).max(0)
        };
        (0..PARTITIONS).map(lag).sum()
    }

    fn reader_as(&self, group: &str) -> BaseConsumer {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.cluster.bootstrap_servers()).set("group.id", group);
        config.create().unwrap()
    }
}

fn dead_letter(message: &impl Message<Headers = BorrowedHeaders>) -> DeadLetter {
    let text =
        |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap_or_default().to_vec()).unwrap();
    let headers = message.headers().unwrap().iter();
    DeadLetter {
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().unwrap_or_default().to_vec(),
        headers: headers.map(|header| (header.key.to_owned(), text(header.value))).collect(),
    }
}

impl Running {
    /// Returns whether the group has assigned partitions to it.
    pub(crate) fn group_works(&self) -> bool {
        self.health.readiness().parts.get("group").is_some_and(|status| status == "ok")
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.health.readiness().ready
    }

    /// Stops the consumer without waiting for its end.
    pub(crate) fn begin_stop(&self) {
        self.stop.cancel();
    }

    /// Stops the consumer and waits for its end.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(LIMIT, self.task).await.expect("it ends").unwrap().unwrap();
    }

    /// Waits until it ends without being stopped, and returns its error.
    pub(crate) async fn ended(self) -> Result<(), ConsumerError> {
        tokio::time::timeout(LIMIT, self.task).await.expect("it ends").unwrap()
    }

    pub(crate) fn is_running(&self) -> bool {
        !self.task.is_finished()
    }
}
