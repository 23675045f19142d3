use linkrelay_fake_youtube::FakeYouTubeSettings;
use linkrelay_testkit::kafka::KafkaBroker;
use linkrelay_testkit::wait::{LONG, SHORT, wait_for};
use serde_json::json;
use std::time::Duration;

use crate::site::{Site, VERY_LONG, link};

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_consumer_loses_nothing_and_doubles_nothing() {
    let latency = Duration::from_millis(50);
    let site = Site::start(FakeYouTubeSettings { latency, ..FakeYouTubeSettings::default() }).await;
    let producer = site.producer(&[]);
    let mut victim = site.consumer(&[]);
    producer.until_ready().await;
    victim.until_ready().await;
    let links: Vec<String> = (0..1_000).map(link).collect();
    let id = producer.post_good(&json!(links)).await;
    wait_for(
        "a part to be stored",
        LONG,
        SHORT,
        async || match producer.status(&id).await["stored"].as_u64() {
            Some(stored) if stored > 100 => Ok(()),
            stored => Err(format!("{stored:?}")),
        },
    )
    .await
    .unwrap();
    victim.process.kill().unwrap();
    assert!(site.lag().await > 0, "the victim had finished before it was killed");
    let heir = site.consumer(&[]);
    let status = producer.until_nothing_is_pending(&id).await;
    assert_eq!(status["stored"], 1_000);
    site.until_lag_is_zero().await;
    assert_eq!(site.documents().await.len(), 1_000);
    heir.stop().await;
    producer.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_topic_is_named_with_its_remedy_and_work_begins_once_it_is_made() {
    let site = Site::without_topics(FakeYouTubeSettings::default()).await;
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
    site.create_topics().await;
    producer.until_ready().await;
    consumer.until_ready().await;
    let id = producer.post_good(&json!(link(0))).await;
    assert_eq!(producer.until_nothing_is_pending(&id).await["stored"], 1);
    consumer.stop().await;
    producer.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_are_away_are_no_wrong_settings() {
    let site = Site::start(FakeYouTubeSettings::default()).await;
    let mut broker = KafkaBroker::start().await.unwrap();
    broker.create_topic(&site.topic, 2).await.unwrap();
    broker.create_topic(&site.dlq, 1).await.unwrap();
    broker.kill().unwrap();
    let brokers = broker.bootstrap_servers();
    let away = [("KAFKA_BROKERS", brokers.as_str())];
    let (producer, consumer) = (site.producer(&away), site.consumer(&away));
    producer.until_not_ready("broker").await;
    consumer.until_not_ready("broker").await;
    let (status, answer) = producer.post(&json!(link(0))).await;
    assert_eq!(status, 503, "{answer}");
    broker.restart().await.unwrap();
    producer.until_ready().await;
    consumer.until_ready().await;
    let id = producer.post_good(&json!(link(1))).await;
    assert_eq!(producer.until_nothing_is_pending(&id).await["stored"], 1);
    consumer.stop().await;
    producer.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_bounces_loses_nothing() {
    let site = Site::start(FakeYouTubeSettings::default()).await;
    let mut broker = KafkaBroker::start().await.unwrap();
    broker.create_topic(&site.topic, 2).await.unwrap();
    broker.create_topic(&site.dlq, 1).await.unwrap();
    let brokers = broker.bootstrap_servers();
    let own_broker = [("KAFKA_BROKERS", brokers.as_str())];
    let (producer, consumer) = (site.producer(&own_broker), site.consumer(&own_broker));
    producer.until_ready().await;
    consumer.until_ready().await;
    let before = producer.post_good(&json!((0..300).map(link).collect::<Vec<_>>())).await;
    broker.kill().unwrap();
    broker.restart().await.unwrap();
    let after = wait_for("links to be accepted again", VERY_LONG, SHORT, async || {
        match producer.post(&json!((300..600).map(link).collect::<Vec<_>>())).await {
            (201, answer) => Ok(answer["id"].as_str().unwrap().to_owned()),
            (status, answer) => Err(format!("{status} {answer}")),
        }
    });
    let after = after.await.unwrap();
    for id in [before, after] {
        assert_eq!(producer.until_nothing_is_pending(&id).await["stored"], 300);
    }
    consumer.stop().await;
    producer.stop().await;
}
