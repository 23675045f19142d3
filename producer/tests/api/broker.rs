use std::collections::HashSet;
use std::time::Duration;

use linkrelay_kafka::publish::PublishError;
use linkrelay_kafka::topic::HOW_TO_CREATE;
use rdkafka::types::RDKafkaErrorCode;
use serde_json::json;

use crate::helpers::fake_publish::{Do, FakePublish};
use crate::helpers::kafka::Broker;
use crate::helpers::{LINK, OTHER_LINK, TestApp, settings, until};
use crate::submit::assert_snapshot;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_concurrent_requests_are_each_published_exactly_once() {
    let broker = Broker::with_topic();
    let app = TestApp::with_broker(&broker).await;
    let body = json!({"links": LINK});
    let answers = futures::future::join_all((0..500).map(|_| app.submit(&body))).await;
    let accepted: HashSet<String> = answers
        .iter()
        .map(|taken| {
            assert_eq!(taken.status, 201, "{taken:?}");
            taken.id().to_owned()
        })
        .collect();
    let records = broker.records();
    let published: HashSet<String> =
        records.iter().map(|record| record.headers.request.unwrap().0.to_string()).collect();
    assert_eq!(records.len(), 500);
    assert_eq!(published, accepted);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unreachable_broker_is_a_503_until_it_is_back() {
    let broker = Broker::with_topic();
    let app = TestApp::with_settings(settings(&broker.addresses())).await;
    app.until_ready().await;
    broker.down();
    let refused = app.submit(&json!({"links": [LINK, "hello"]})).await;
    refused.assert_problem(503, "delivery_timeout");
    assert_eq!(refused.retry_after.as_deref(), Some("5"));
    assert_eq!(refused.json["accepted"], 0);
    assert_snapshot!(refused);
    until("the app is not ready", async || app.get("/health/ready").await.status == 503).await;
    assert_eq!(app.get("/health/live").await.status, 200);

    broker.up();
    app.until_ready().await;
    until("links are accepted again", async || {
        app.submit(&json!({"links": OTHER_LINK})).await.status == 201
    })
    .await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_topic_is_named_and_found_once_it_is_made() {
    let broker = Broker::without_topic();
    let app = TestApp::with_broker(&broker).await;
    until("the topic is known to be missing", async || {
        let readiness = app.get("/health/ready").await;
        readiness.json["parts"]["broker"].as_str().unwrap().contains(HOW_TO_CREATE)
    })
    .await;
    let refused = app.submit(&json!({"links": LINK})).await;
    refused.assert_problem(503, "topic_missing");
    assert_eq!(refused.retry_after.as_deref(), Some("10"));
    assert!(refused.json["detail"].as_str().unwrap().contains(HOW_TO_CREATE));

    broker.create_topic();
    app.until_ready().await;
    assert_eq!(app.submit(&json!({"links": LINK})).await.status, 201);
    assert_eq!(broker.records().len(), 1);
    app.stop().await;
}

#[tokio::test]
async fn a_full_queue_is_reported_link_by_link() {
    let full = PublishError::QueueFull;
    let publish = FakePublish::new(move |n| if n < 2 { Do::Ack } else { Do::Refuse(full) });
    let app = TestApp::with_publish(publish.clone()).await;
    let refused = app.submit(&json!({"links": [LINK, "hello", OTHER_LINK, LINK, LINK]})).await;
    refused.assert_problem(503, "queue_full");
    assert_eq!(refused.retry_after.as_deref(), Some("1"));
    assert_eq!(refused.json["accepted"], 2);
    assert_snapshot!(refused);
    assert_eq!(publish.sent().len(), 3, "no link is sent after the queue is full");
    app.stop().await;
}

#[tokio::test]
async fn one_link_that_the_broker_refuses_is_never_a_201() {
    let refusal = RDKafkaErrorCode::NotEnoughReplicas;
    let publish = FakePublish::new(move |n| if n == 1 { Do::FailLater(refusal) } else { Do::Ack });
    let app = TestApp::with_publish(publish).await;
    let refused = app.submit(&json!({"links": [LINK, OTHER_LINK, LINK]})).await;
    refused.assert_problem(503, "broker_refused");
    let statuses: Vec<_> = refused.json["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| result["status"].as_str().unwrap())
        .collect();
    assert_eq!(statuses, ["accepted", "unavailable", "accepted"]);
    app.stop().await;
}

#[tokio::test]
async fn an_acknowledgement_that_never_comes_is_a_time_out() {
    let app = TestApp::with_publish(FakePublish::new(|_| Do::Hold)).await;
    let refused = app.submit(&json!({"links": LINK})).await;
    refused.assert_problem(503, "delivery_timeout");
    assert!(refused.json["detail"].as_str().unwrap().contains("may still arrive"));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_broker_is_waited_for() {
    let broker = Broker::with_topic();
    broker.answer_after(Duration::from_millis(300));
    let app = TestApp::with_broker(&broker).await;
    assert_eq!(app.submit(&json!({"links": LINK})).await.status, 201);
    app.stop().await;
}
