use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use linkrelay_common::health::Health;
use linkrelay_kafka::publish::{KafkaPublisher, Publish};
use linkrelay_producer::{Producer, ProducerSettings, StartError, TopicAccept};
use linkrelay_store::testing::FaultyStore;
use serde_json::json;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use crate::helpers::fake_publish::{Do, FakePublish, Observed};
use crate::helpers::kafka::Broker;
use crate::helpers::{LINK, NO_BROKER, TestAnswer, TestApp, settings, until};

fn observed(settings: &ProducerSettings) -> Arc<Observed> {
    let publish = KafkaPublisher::new(&settings.kafka, settings.delivery_timeout());
    Observed::new(publish.unwrap())
}

/// Submits a link, and stops the app once the link is sent. Returns the answer.
async fn submit_and_stop(app: &TestApp, publish: &Observed) -> TestAnswer {
    let body = json!({"links": LINK});
    let stop = async {
        until("the link is sent", async || publish.sent_count() == 1).await;
        app.stop.cancel();
    };
    tokio::join!(app.submit(&body), stop).0
}

/// Builds a producer that does not run yet.
async fn producer(settings: ProducerSettings, publish: Arc<dyn Publish>) -> Producer {
    let health = Health::default();
    let accept = TopicAccept::new(publish, settings.api.request_timeout, &health);
    let store = Arc::new(FaultyStore::default());
    Producer::build_with(settings, store, Box::new(accept), health).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_lets_records_in_flight_arrive() {
    let broker = Broker::with_topic();
    broker.answer_after(Duration::from_millis(500));
    let mut settings = settings(&broker.addresses());
    settings.api.request_timeout = Duration::from_secs(30);
    settings.drain_timeout = Duration::from_secs(30);
    let publish = observed(&settings);
    let app = TestApp::start(settings, publish.clone()).await;
    let taken = submit_and_stop(&app, &publish).await;
    assert_eq!(taken.status, 201, "{taken:?}");
    let addr = app.addr;
    app.stop().await;
    assert!(TcpStream::connect(addr).await.is_err());
    broker.answer_after(Duration::ZERO);
    assert_eq!(broker.records().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_ends_even_if_the_broker_never_answers() {
    let broker = Broker::with_topic();
    let settings = settings(&broker.addresses());
    let publish = observed(&settings);
    let app = TestApp::start(settings, publish.clone()).await;
    app.until_ready().await;
    broker.down();
    let refused = submit_and_stop(&app, &publish).await;
    refused.assert_problem(503, "delivery_timeout");
    app.stop().await;
}

#[tokio::test]
async fn while_it_stops_it_is_not_ready() {
    let publish = FakePublish::new(|_| Do::Hold);
    let mut settings = settings(NO_BROKER);
    settings.api.request_timeout = Duration::from_secs(15);
    let producer = producer(settings, publish.clone()).await;
    let (addr, health) = (producer.addr(), producer.health());
    let stop = CancellationToken::new();
    let running = tokio::spawn(producer.run_until_stopped(stop.clone()));
    until("it is ready", async || health.readiness().ready).await;
    let request = reqwest::Client::new()
        .post(format!("http://{addr}/links/send-message-kafka"))
        .json(&json!({"links": LINK}))
        .send();
    let look = async {
        until("the request is in flight", async || publish.sent().len() == 1).await;
        stop.cancel();
        until("it is not ready", async || !health.readiness().ready).await;
        publish.release();
    };
    let (taken, ()) = tokio::join!(request, look);
    assert_eq!(taken.unwrap().status(), 201);
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_taken_port_is_an_error_that_names_the_setting() {
    let app = TestApp::with_acks().await;
    let mut settings = settings(NO_BROKER);
    settings.api.http_addr = app.addr;
    let error = Producer::build(settings, Arc::new(FaultyStore::default())).await.unwrap_err();
    assert!(matches!(error, StartError::Listen(_)), "{error:?}");
    let error = error.to_string();
    assert!(error.starts_with("HTTP_ADDR: cannot listen on 127.0.0.1:"), "{error}");
    assert!(error.ends_with("stop it, or set HTTP_ADDR to another address"), "{error}");
    app.stop().await;
}

#[tokio::test]
async fn a_setting_that_only_librdkafka_can_check_is_named() {
    let mut settings = settings(NO_BROKER);
    // Longer than the delivery time-out: valid alone, and refused when the client is made.
    settings.kafka.kafka_config = "linger.ms=60000".parse().unwrap();
    let error = Producer::build(settings, Arc::new(FaultyStore::default())).await.unwrap_err();
    assert!(error.to_string().starts_with("KAFKA_CONFIG: "), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_role_starts_without_a_broker() {
    let app = TestApp::with_settings(settings(NO_BROKER)).await;
    let readiness = app.get("/health/ready").await;
    assert_eq!(readiness.status, 503);
    assert_eq!(app.get("/health/live").await.status, 200);
    app.stop().await;
}

#[tokio::test]
async fn a_part_that_panics_ends_the_role_and_is_named() {
    let publish = FakePublish::new(|_| Do::Ack);
    publish.check_panics.store(true, Ordering::Relaxed);
    let producer = producer(settings(NO_BROKER), publish).await;
    let died = producer.run_until_stopped(CancellationToken::new()).await.unwrap_err();
    assert_eq!(died.to_string(), "the producer's broker watch ended unexpectedly");
}
