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

use crate::helpers::{link, nowhere, until};
use crate::role::Role;
use crate::site::Site;

const PARTITIONS: i32 = 3;
/// A member that is quick to notice what happens to the group.
const CONFIG: &str = "session.timeout.ms=4000,max.poll.interval.ms=4000,heartbeat.interval.ms=300";

/// A site whose consumers read from a mock cluster.
pub(crate) struct Mocked {
    site: Site,
    pub(crate) cluster: MockCluster<'static, DefaultProducerContext>,
}

impl Mocked {
    /// The first broker leads all partitions, and the third coordinates the group.
    pub(crate) async fn start() -> Self {
        let site = Site::without_topics().await;
        let cluster = MockCluster::new(3).unwrap();
        for (topic, partitions) in [(site.topic.clone(), PARTITIONS), (site.dlq.clone(), 1)] {
            cluster.create_topic(&topic, partitions, 1).unwrap();
            for partition in 0..partitions {
                cluster.partition_leader(&topic, partition, Some(1)).unwrap();
            }
        }
        cluster.coordinator(MockCoordinator::Group(site.group().to_owned()), 3).unwrap();
        Self { site, cluster }
    }

    pub(crate) fn consumer(&self, more: &[(&str, &str)]) -> Role {
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

    /// Makes the brokers refuse to give records, and nothing else.
    pub(crate) fn refuse_fetches(&self) {
        let refusals = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR; 10_000];
        self.cluster.request_errors(RDKafkaApiKey::Fetch, &refusals);
    }

    /// Publishes a link into each partition for each number.
    pub(crate) async fn publish(&self, numbers: Range<usize>) {
        let producer: FutureProducer = self.client().create().unwrap();
        for number in numbers {
            for partition in 0..PARTITIONS {
                let link = link(number * 10 + usize::try_from(partition).unwrap());
                let record = FutureRecord::<[u8], str>::to(&self.site.topic).payload(&link);
                producer.send(record.partition(partition), LONG).await.unwrap();
            }
        }
    }

    /// Starts a consumer that shares the group with a member that does nothing; returns both, and a
    /// partition that the other member has had all the time.
    async fn with_idle_member(&self, more: &[(&str, &str)]) -> (Role, BaseConsumer, i32) {
        let mut config = self.client();
        config.set("group.id", self.site.group()).set("enable.auto.commit", "false");
        config.set("partition.assignment.strategy", "cooperative-sticky");
        config.set("session.timeout.ms", "4000").set("heartbeat.interval.ms", "300");
        let idle: BaseConsumer = config.create().unwrap();
        idle.subscribe(&[&self.site.topic]).unwrap();
        let partitions = || {
            drop(idle.poll(Duration::from_millis(10)));
            let assigned = idle.assignment().unwrap();
            assigned.elements().iter().map(|element| element.partition()).collect::<Vec<_>>()
        };
        let all = usize::try_from(PARTITIONS).unwrap();
        until("the first member", async || ok_if(partitions().len() == all, "none")).await;
        let consumer = self.consumer(more);
        let partition = until("the second member", async || {
            let partitions = partitions();
            consumer.readiness().await?;
            partitions
                .first()
                .copied()
                .filter(|_| partitions.len() < all)
                .ok_or_else(|| "all".to_owned())
        });
        let partition = partition.await;
        (consumer, idle, partition)
    }

    fn lag(&self, metrics: &str, partition: i32) -> Option<f64> {
        let topic = &self.site.topic;
        let labels = format!(r#"{{topic="{topic}",partition="{partition}"}} "#);
        let name = format!("linkrelay_partition_lag_records{labels}");
        metrics.lines().find_map(|line| line.strip_prefix(&name)?.parse().ok())
    }

    pub(crate) async fn until_lags(
        &self,
        consumer: &Role,
        expected: [Option<f64>; PARTITIONS as usize],
    ) {
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
    mocked.refuse_fetches();
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
async fn records_are_no_standstill_while_the_store_is_unreachable() {
    let mocked = Mocked::start().await;
    mocked.refuse_fetches();
    let store = format!("mongodb://{}/?serverSelectionTimeoutMS=100", nowhere());
    let limits = [("UNREAD_WARN_AFTER", "100ms"), ("UNREAD_FAIL_AFTER", "100ms")];
    let consumer = mocked.consumer(&[&limits[..], &[("MONGODB_URI", &store)]].concat());
    mocked.publish(0..4).await;
    mocked.until_lags(&consumer, [Some(4.0); 3]).await;
    until("some seconds without a commit", async || {
        assert_eq!(consumer.get("/health/live").await.0, 200);
        let readiness = consumer.readiness().await.unwrap_err();
        assert!(!readiness.contains("partitions_unread"), "{readiness}");
        let metrics = consumer.metrics().await;
        let ages = metrics.lines().filter_map(|line| {
            line.strip_prefix("linkrelay_commit_age_seconds ")?.parse::<f64>().ok()
        });
        ok_if(ages.into_iter().any(|age| age > 6.0), metrics.clone())
    })
    .await;
}

/// As in a group that waits for a member which never gives a partition back.
#[tokio::test(flavor = "multi_thread")]
async fn records_that_another_member_does_not_commit_are_a_warning_only() {
    let mocked = Mocked::start().await;
    let limits = [("UNREAD_WARN_AFTER", "500ms"), ("UNREAD_FAIL_AFTER", "2s")];
    let (consumer, idle, _) = mocked.with_idle_member(&limits).await;
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

/// The leader of a new partition answers more slowly than a member may be silent.
#[tokio::test(flavor = "multi_thread")]
async fn a_partition_that_is_slow_to_take_over_disturbs_no_other() {
    let mocked = Mocked::start().await;
    let (consumer, idle, partition) = mocked.with_idle_member(&[]).await;
    mocked.cluster.partition_leader(&mocked.site.topic, partition, Some(2)).unwrap();
    mocked.cluster.broker_round_trip_time(2, Duration::from_secs(4)).unwrap();
    tokio::task::block_in_place(|| drop(idle));
    until("the partition to be taken over", async || {
        let metrics = consumer.metrics().await;
        let of_lanes = metrics.lines().filter(|line| line.starts_with("linkrelay_partition_full"));
        let label = format!(r#"partition="{partition}""#);
        ok_if(of_lanes.into_iter().any(|line| line.contains(&label)), &metrics)
    })
    .await;
    mocked.cluster.broker_round_trip_time(2, Duration::ZERO).unwrap();
    mocked.publish(0..1).await;
    mocked.until_lags(&consumer, [Some(0.0); 3]).await;
    let metrics = consumer.metrics().await;
    assert!(metrics.contains("linkrelay_rebalances_total{event=\"lost\"} 0\n"), "{metrics}");
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
