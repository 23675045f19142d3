//! A real broker: what tests read from it, and what it survives.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::time::Instant;

use anyhow::Result;
use linkrelay_testkit::kafka::{CLUSTER_SIZE, KafkaBroker, KafkaCluster};
use linkrelay_testkit::tools::fresh_name;
use linkrelay_testkit::wait::{LONG, SHORT, wait_for};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::message::{Header, Message as _, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{Offset, TopicPartitionList};
use tokio::net::TcpStream;

async fn publish(config: &ClientConfig, topic: &str, values: &[&str]) -> Result<()> {
    let mut config = config.clone();
    config.set("acks", "all").set("message.timeout.ms", "60000");
    let producer: FutureProducer = config.create()?;
    for value in values {
        let headers = OwnedHeaders::new()
            .insert(Header { key: "about", value: Some("a test") })
            .insert(Header { key: "nothing", value: None::<&str> });
        let record = FutureRecord::to(topic).key("key").payload(*value).headers(headers);
        producer.send(record, LONG).await.map_err(|(error, _)| error)?;
    }
    // The producer waits for its thread when it is dropped.
    Ok(tokio::task::spawn_blocking(move || drop(producer)).await?)
}

/// Reads one record as a member of a group, and leaves the group.
async fn consume_one(mut config: ClientConfig, topic: &str) -> Result<String> {
    config.set("auto.offset.reset", "earliest").set("enable.auto.commit", "false");
    let topic = topic.to_owned();
    let consumed = tokio::task::spawn_blocking(move || {
        let consumer: BaseConsumer = config.create()?;
        consumer.subscribe(&[&topic])?;
        let deadline = Instant::now() + LONG;
        // A poll returns without a record after it has served a rebalance.
        let message = loop {
            match consumer.poll(SHORT) {
                Some(message) => break message?,
                None => anyhow::ensure!(Instant::now() < deadline, "no record"),
            }
        };
        consumer.commit_message(&message, CommitMode::Sync)?;
        Ok(String::from_utf8_lossy(message.payload().unwrap_or_default()).into_owned())
    });
    consumed.await?
}

#[tokio::test]
async fn records_come_back_with_key_value_and_headers() {
    let broker = KafkaBroker::shared().await.unwrap();
    let topic = broker.fresh_topic("records", 3).await.unwrap();
    assert!(broker.topic_records(&topic).await.unwrap().is_empty());
    publish(&broker.client_config(), &topic, &["one", "two"]).await.unwrap();
    let records = broker.topic_records(&topic).await.unwrap();
    let values: Vec<_> = records.iter().filter_map(|record| record.value_text()).collect();
    assert_eq!(values, ["one", "two"]);
    assert_eq!(records[0].key_text().as_deref(), Some("key"));
    assert_eq!(records[0].header("about"), Some("a test"));
    assert_eq!(records[0].headers[1], ("nothing".to_owned(), None));
    assert_eq!((records[0].offset, records[1].offset), (0, 1));
    assert_eq!(records[0].partition, records[1].partition);
}

#[tokio::test]
async fn lag_is_the_end_less_what_is_committed() {
    let broker = KafkaBroker::shared().await.unwrap();
    let topic = broker.fresh_topic("lag", 2).await.unwrap();
    let group = fresh_name("group");
    publish(&broker.client_config(), &topic, &["one", "two", "three"]).await.unwrap();
    let ends = broker.end_offsets(&topic).await.unwrap();
    assert_eq!(ends.len(), 2);
    let (partition, _) = ends.iter().find(|(_, end)| **end == 3).unwrap();
    assert!(broker.committed(&group, &topic).await.unwrap().values().all(Option::is_none));
    assert_eq!(broker.lag(&group, &topic).await.unwrap(), 3);

    let mut config = broker.client_config();
    config.set("group.id", &group);
    let (topic_, partition_) = (topic.clone(), *partition);
    let committed = tokio::task::spawn_blocking(move || {
        let consumer: BaseConsumer = config.create()?;
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&topic_, partition_, Offset::Offset(2))?;
        consumer.commit(&list, CommitMode::Sync)
    });
    committed.await.unwrap().unwrap();
    assert_eq!(broker.committed(&group, &topic).await.unwrap()[partition], Some(2));
    assert_eq!(broker.lag(&group, &topic).await.unwrap(), 1);
}

#[tokio::test]
async fn both_group_protocols_share_out_partitions() {
    let broker = KafkaBroker::shared().await.unwrap();
    let topic = broker.fresh_topic("groups", 2).await.unwrap();
    publish(&broker.client_config(), &topic, &["one"]).await.unwrap();
    let mut classic = broker.client_config();
    classic.set("group.id", fresh_name("classic")).set("session.timeout.ms", "1000");
    classic.set("heartbeat.interval.ms", "200");
    let mut new = broker.client_config();
    new.set("group.id", fresh_name("consumer")).set("group.protocol", "consumer");
    for config in [classic, new] {
        let group = config.get("group.id").unwrap().to_owned();
        assert_eq!(consume_one(config, &topic).await.unwrap(), "one");
        assert_eq!(broker.lag(&group, &topic).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn a_missing_topic_stays_missing() {
    let broker = KafkaBroker::shared().await.unwrap();
    let missing = fresh_name("missing");
    for _ in 0..2 {
        let error = broker.end_offsets(&missing).await.unwrap_err();
        assert!(format!("{error:#}").contains("no such topic"), "{error:#}");
    }
    broker.create_topic(&missing, 1).await.unwrap();
    assert_eq!(broker.end_offsets(&missing).await.unwrap()[&0], 0);
    let error = broker.create_topic(&missing, 1).await.unwrap_err().to_string();
    assert!(error.contains("already exists"), "{error}");
}

#[tokio::test]
async fn a_killed_broker_comes_back_with_its_records_and_a_dropped_one_does_not_run() {
    let mut broker = KafkaBroker::start().await.unwrap();
    let topic = broker.fresh_topic("kept", 1).await.unwrap();
    publish(&broker.client_config(), &topic, &["before"]).await.unwrap();
    let (addr, first_pid) = (broker.addr(), broker.process().pid());
    broker.kill().unwrap();
    assert!(TcpStream::connect(addr).await.is_err());
    broker.restart().await.unwrap();
    assert_eq!(broker.addr(), addr);
    assert_ne!(broker.process().pid(), first_pid);
    publish(&broker.client_config(), &topic, &["after"]).await.unwrap();
    let records = broker.topic_records(&topic).await.unwrap();
    let values: Vec<_> = records.iter().filter_map(|record| record.value_text()).collect();
    assert_eq!(values, ["before", "after"]);

    broker.pause().unwrap();
    let config = broker.client_config();
    let held = tokio::spawn(async move { publish(&config, &topic, &["held"]).await });
    broker.resume().unwrap();
    held.await.unwrap().unwrap();

    let folder = broker.process().stdout_path().parent().unwrap().to_owned();
    drop(broker);
    assert!(TcpStream::connect(addr).await.is_err());
    assert!(!folder.exists(), "{}", folder.display());
}

#[tokio::test]
async fn a_cluster_works_without_its_controller() {
    let mut cluster = KafkaCluster::start().await.unwrap();
    let config = cluster.node(0).client_config();
    cluster.node(0).create_topic("kept", 3).await.unwrap();
    publish(&config, "kept", &["before"]).await.unwrap();
    // This creates the topic of the groups' offsets.
    let mut member = config.clone();
    member.set("group.id", "readers");
    assert_eq!(consume_one(member, "kept").await.unwrap(), "before");

    let (leader, follower) = cluster.leader_and_follower("kept").await.unwrap();
    assert_ne!(leader, follower);
    assert!(cluster.coordinator("readers").await.unwrap() < CLUSTER_SIZE);
    cluster.freeze(follower).unwrap();
    cluster.thaw().await.unwrap();
    let controller = cluster.controller().unwrap();
    cluster.kill(controller).unwrap();
    publish(&config, "kept", &["during"]).await.unwrap();
    let elected = wait_for("another controller", LONG, SHORT, async || {
        let found = cluster.controller().map_err(|error| error.to_string())?;
        if found == controller { Err("the one that was killed".to_owned()) } else { Ok(()) }
    });
    elected.await.unwrap();
    cluster.restart().await.unwrap();
    assert_eq!(cluster.node(0).topic_records("kept").await.unwrap().len(), 2);
    assert_eq!(cluster.leaders("kept").await.unwrap().len(), 3);
}
