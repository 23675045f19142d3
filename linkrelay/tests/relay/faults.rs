use std::time::Duration;

use linkrelay_testkit::kafka::KafkaBroker;
use linkrelay_testkit::wait::ok_if;
use serde_json::json;

use crate::helpers::{link, links, until};
use crate::role::stop;
use crate::site::Site;

/// A broker that a test may kill, with the topics of a site.
async fn own_broker(site: &Site) -> KafkaBroker {
    let broker = KafkaBroker::start().await.unwrap();
    broker.create_topic(&site.topic, 2).await.unwrap();
    broker.create_topic(&site.dlq, 1).await.unwrap();
    broker
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_consumer_loses_nothing_and_doubles_nothing() {
    let site = Site::slow(Duration::from_millis(50)).await;
    let (producer, mut victim) = site.roles(&[], &[]).await;
    let id = producer.post_valid(&json!(links(0..1_000))).await;
    until("a part to be stored", async || {
        let stored = producer.status(&id).await["stored"].clone();
        ok_if(stored.as_u64() > Some(100), stored)
    })
    .await;
    victim.kill().unwrap();
    assert!(site.lag().await > 0, "the victim had finished before it was killed");
    let heir = site.consumer(&[]);
    assert_eq!(producer.until_nothing_is_pending(&id).await["stored"], 1_000);
    site.until_lag_is_zero().await;
    assert_eq!(site.documents().await.len(), 1_000);
    stop([heir, producer]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_topic_is_named_with_its_command_and_work_begins_once_it_is_made() {
    let site = Site::without_topics().await;
    let (producer, consumer) = (site.producer(&[]), site.consumer(&[]));
    for role in [&producer, &consumer] {
        role.until_not_ready("linkrelay topics create").await;
        let log = role.log();
        let lines: Vec<&str> =
            log.lines().filter(|line| line.contains("linkrelay topics create")).collect();
        assert_eq!(lines.len(), 1, "{log}");
        assert!(lines[0].contains("./kafka-topics.sh") && lines[0].contains(&site.topic), "{log}");
    }
    let (status, answer) = producer.post(&json!(link(0))).await;
    assert_eq!(status, 503, "{answer}");
    assert!(answer["detail"].as_str().unwrap().contains("linkrelay topics create"), "{answer}");
    site.create_topics(2).await.unwrap();
    producer.until_ready().await;
    consumer.until_ready().await;
    let id = producer.post_valid(&json!(link(0))).await;
    assert_eq!(producer.until_nothing_is_pending(&id).await["stored"], 1);
    stop([consumer, producer]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_are_unreachable_at_start_are_waited_for() {
    let site = Site::new().await;
    let mut broker = own_broker(&site).await;
    broker.kill().unwrap();
    let brokers = broker.bootstrap_servers();
    let settings = [("KAFKA_BROKERS", brokers.as_str())];
    let (producer, consumer) = (site.producer(&settings), site.consumer(&settings));
    producer.until_not_ready("broker").await;
    consumer.until_not_ready("broker").await;
    let (status, answer) = producer.post(&json!(link(0))).await;
    assert_eq!(status, 503, "{answer}");
    broker.restart().await.unwrap();
    producer.until_ready().await;
    consumer.until_ready().await;
    let id = producer.post_valid(&json!(link(1))).await;
    assert_eq!(producer.until_nothing_is_pending(&id).await["stored"], 1);
    stop([consumer, producer]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_killed_and_comes_back_loses_nothing() {
    let site = Site::new().await;
    let mut broker = own_broker(&site).await;
    let brokers = broker.bootstrap_servers();
    let own_broker = [("KAFKA_BROKERS", brokers.as_str())];
    let (producer, consumer) = site.roles(&own_broker, &own_broker).await;
    let before = producer.post_valid(&json!(links(0..300))).await;
    broker.kill().unwrap();
    broker.restart().await.unwrap();
    let after = producer.until_accepted(&json!(links(300..600))).await;
    for id in [before, after] {
        assert_eq!(producer.until_nothing_is_pending(&id).await["stored"], 300);
    }
    stop([consumer, producer]).await;
}
