//! On a mock cluster, whose requests can be made to fail one by one.

use std::ops::Range;
use std::time::Duration;

use linkrelay_testkit::site;
use linkrelay_testkit::wait::{LONG, ok_if};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::mocking::{MockCluster, MockCoordinator};
use rdkafka::producer::{DefaultProducerContext, FutureProducer, FutureRecord};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use serde_json::Value;

use crate::helpers::{link, until};
use crate::role::Role;
use crate::site::Site;

const PARTITIONS: i32 = 3;
/// A member that is quick to notice what happens to the group.
const CONFIG: &str = "session.timeout.ms=4000,max.poll.interval.ms=4000,heartbeat.interval.ms=300";

/// A site whose consumers read from a mock cluster.
struct Mocked {
    site: Site,
    cluster: MockCluster<'static, DefaultProducerContext>,
}

impl Mocked {
    /// The first broker leads all partitions, and the second coordinates the group.
    async fn start() -> Self {
        let site = Site::without_topics().await;
        let cluster = MockCluster::new(2).unwrap();
        for (topic, partitions) in [(site.topic.clone(), PARTITIONS), (site.dlq.clone(), 1)] {
            cluster.create_topic(&topic, partitions, 1).unwrap();
            for partition in 0..partitions {
                cluster.partition_leader(&topic, partition, Some(1)).unwrap();
            }
        }
        cluster.coordinator(MockCoordinator::Group(site.group().to_owned()), 2).unwrap();
        Self { site, cluster }
    }

    fn consumer(&self, more: &[(&str, &str)]) -> Role {
        let brokers = self.cluster.bootstrap_servers();
        let settings =
            [("KAFKA_BROKERS", &*brokers), ("KAFKA_CONFIG", CONFIG), ("DRAIN_TIMEOUT", "1s")];
        self.site.consumer(&[&settings[..], more].concat())
    }

    fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.cluster.bootstrap_servers());
        config
    }

    /// Publishes a link into each partition for each number.
    async fn publish(&self, numbers: Range<usize>) {
        let producer: FutureProducer = self.client().create().unwrap();
        for number in numbers {
            for partition in 0..PARTITIONS {
                let link = link(number * 10 + usize::try_from(partition).unwrap());
                let record = FutureRecord::<[u8], str>::to(&self.site.topic).payload(&link);
                producer.send(record.partition(partition), LONG).await.unwrap();
            }
        }
    }

    fn lag(&self, metrics: &str, partition: i32) -> Option<f64> {
        let topic = &self.site.topic;
        let labels = format!(r#"{{topic="{topic}",partition="{partition}"}} "#);
        let name = format!("linkrelay_partition_lag_records{labels}");
        metrics.lines().find_map(|line| line.strip_prefix(&name)?.parse().ok())
    }

    async fn until_lags(&self, consumer: &Role, expected: [Option<f64>; PARTITIONS as usize]) {
        until("the lag of each partition", async || {
            let (_, metrics) = get(consumer, "/metrics").await;
            let lags = [0, 1, 2].map(|partition| self.lag(&metrics, partition));
            ok_if(lags == expected, format!("{lags:?}"))
        })
        .await;
    }
}

/// An answer; an empty one while the consumer does not listen yet.
async fn get(consumer: &Role, path: &str) -> (u16, String) {
    site::Role::get(consumer, path).await.unwrap_or_default()
}

/// The text of a warning beside a positive readiness.
async fn warning(consumer: &Role, name: &str) -> Result<String, String> {
    let readiness: Value = consumer.readiness().await?;
    let warning = readiness["warnings"][name].as_str().map(str::to_owned);
    warning.ok_or_else(|| readiness.to_string())
}

async fn until_live_is(consumer: &Role, status: u16) {
    until("the liveness", async || {
        let (now, body) = consumer.get("/health/live").await;
        ok_if(now == status, body)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_are_not_fetched_are_a_warning_and_then_a_standstill() {
    let mocked = Mocked::start().await;
    let limits = [("UNREAD_WARN_AFTER", "500ms"), ("UNREAD_FAIL_AFTER", "4s")];
    let consumer = mocked.consumer(&limits).ready().await;
    mocked.publish(0..1).await;
    mocked.until_lags(&consumer, [Some(0.0); 3]).await;
    let refusals = vec![RDKafkaRespErr::RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR; 10_000];
    mocked.cluster.request_errors(RDKafkaApiKey::Fetch, &refusals);
    mocked.publish(1..3).await;
    let warned = until("a warning", async || warning(&consumer, "partitions_unread").await).await;
    assert!(warned.contains("partition 1 from offset 1 to 3"), "{warned}");
    assert_eq!(consumer.get("/health/live").await.0, 200, "it is only a warning yet");
    let metrics = consumer.metrics().await;
    assert!(metrics.contains("linkrelay_partition_unread_seconds"), "{metrics}");
    until_live_is(&consumer, 503).await;
    assert!(consumer.readiness().await.is_ok(), "every part works");
    mocked.cluster.clear_request_errors(RDKafkaApiKey::Fetch);
    mocked.until_lags(&consumer, [Some(0.0); 3]).await;
    until_live_is(&consumer, 200).await;
    until("no warning", async || match warning(&consumer, "partitions_unread").await {
        Ok(warning) => Err(warning),
        Err(_) => Ok(()),
    })
    .await;
    consumer.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_no_standstill_while_the_store_takes_nothing() {
    let mocked = Mocked::start().await;
    let limits = [("UNREAD_WARN_AFTER", "100ms"), ("UNREAD_FAIL_AFTER", "100ms")];
    let nowhere = format!("mongodb://{}/?serverSelectionTimeoutMS=100", crate::helpers::nowhere());
    let full = [("MONGODB_URI", nowhere.as_str()), ("LANE_QUEUE", "1"), ("MAX_PREFIX_GAP", "1")];
    let consumer = mocked.consumer(&[&limits[..], &full].concat());
    mocked.publish(0..4).await;
    mocked.until_lags(&consumer, [Some(4.0); 3]).await;
    for _ in 0..20 {
        assert_eq!(consumer.get("/health/live").await.0, 200);
        let readiness = consumer.readiness().await.unwrap_err();
        assert!(!readiness.contains("partitions_unread"), "{readiness}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The seed of a fault run: the group waits for a member that never gives a partition back.
#[tokio::test(flavor = "multi_thread")]
async fn records_that_another_member_does_not_commit_are_a_warning_only() {
    let mocked = Mocked::start().await;
    let limits = [("UNREAD_WARN_AFTER", "500ms"), ("UNREAD_FAIL_AFTER", "2s")];
    let consumer = mocked.consumer(&limits).ready().await;
    let mut config = mocked.client();
    config.set("group.id", mocked.site.group()).set("enable.auto.commit", "false");
    config.set("partition.assignment.strategy", "cooperative-sticky");
    config.set("session.timeout.ms", "4000").set("heartbeat.interval.ms", "300");
    let idle: BaseConsumer = config.create().unwrap();
    idle.subscribe(&[&mocked.site.topic]).unwrap();
    until("the other member to have a partition", async || {
        drop(idle.poll(Duration::from_millis(10)));
        ok_if(idle.assignment().unwrap().count() > 0, "none")
    })
    .await;
    mocked.publish(0..2).await;
    let warned = until("a warning", async || {
        drop(idle.poll(Duration::ZERO));
        warning(&consumer, "partitions_uncommitted").await
    });
    let warned = warned.await;
    assert!(warned.contains("from offset 0 to 2"), "{warned}");
    assert_eq!(consumer.get("/health/live").await.0, 200);
    consumer.stop().await;
}

/// The mock broker that leads the partitions answers more slowly than a member may be silent.
#[tokio::test(flavor = "multi_thread")]
async fn commits_that_are_read_slowly_leave_the_member_in_its_group() {
    let mocked = Mocked::start().await;
    mocked.cluster.broker_round_trip_time(1, Duration::from_secs(4)).unwrap();
    let consumer = mocked.consumer(&[]);
    until("partitions", async || {
        let (_, readiness) = get(&consumer, "/health/ready").await;
        ok_if(readiness.contains(r#""group":"ok""#), readiness)
    })
    .await;
    mocked.cluster.broker_round_trip_time(1, Duration::ZERO).unwrap();
    mocked.publish(0..1).await;
    mocked.until_lags(&consumer, [Some(0.0); 3]).await;
    let metrics = consumer.metrics().await;
    assert!(!metrics.contains(r#"linkrelay_rebalances_total{event="lost"}"#), "{metrics}");
    consumer.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lag_of_a_partition_exists_from_its_assignment() {
    let mocked = Mocked::start().await;
    let consumer = mocked.consumer(&[]).ready().await;
    mocked.until_lags(&consumer, [Some(0.0); 3]).await;
    consumer.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_without_a_leader_hides_no_other_partition() {
    let mocked = Mocked::start().await;
    mocked.cluster.partition_leader(&mocked.site.topic, 1, None).unwrap();
    let consumer = mocked.consumer(&[("UNREAD_WARN_AFTER", "3s")]);
    mocked.until_lags(&consumer, [Some(0.0), None, Some(0.0)]).await;
    mocked.cluster.partition_leader(&mocked.site.topic, 1, Some(1)).unwrap();
    mocked.until_lags(&consumer, [Some(0.0); 3]).await;
    consumer.stop().await;
}
