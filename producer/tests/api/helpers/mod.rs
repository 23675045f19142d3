//! The application under test.

pub(crate) mod document;
pub(crate) mod fake_publish;
pub(crate) mod kafka;
pub(crate) mod stub_extractor;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use linkrelay_common::health::Health;
use linkrelay_kafka::publish::{KafkaPublisher, Publish};
use linkrelay_kafka::{KafkaSettings, PassThrough};
use linkrelay_producer::{Accept, PartDied, Producer, ProducerSettings, TopicAccept};
use linkrelay_store::StoreSettings;
use linkrelay_store::testing::FaultyStore;
use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use fake_publish::{Do, FakePublish};
use kafka::Broker;

pub(crate) const TOPIC: &str = "LINKS-YOUTUBE";
pub(crate) const LINK: &str = "https://www.youtube.com/watch?v=5fR9AHlSDtc";
pub(crate) const OTHER_LINK: &str = "https://youtu.be/dQw4w9WgXcQ";

/// A running producer; [`TestApp::stop`] stops it, or the end of the runtime.
pub(crate) struct TestApp {
    pub(crate) addr: SocketAddr,
    pub(crate) store: Arc<FaultyStore>,
    pub(crate) stop: CancellationToken,
    client: reqwest::Client,
    running: JoinHandle<Result<(), PartDied>>,
}

/// A complete answer.
#[derive(Debug)]
pub(crate) struct TestAnswer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) retry_after: Option<String>,
    pub(crate) allow: Option<String>,
    pub(crate) json: Value,
}

/// Returns settings for a free port, with the shortest valid deadline.
pub(crate) fn settings(brokers: &str) -> ProducerSettings {
    linkrelay_telemetry::start_for_test();
    let kafka = KafkaSettings {
        kafka_brokers: Some(brokers.parse().unwrap()),
        kafka_topic: TOPIC.to_owned(),
        kafka_dlq_topic: format!("{TOPIC}.dlq"),
        kafka_results_topic: String::new(),
        kafka_config: PassThrough::default(),
        kafka_config_file: PassThrough::default(),
    };
    // Not used: the app is given a store.
    let store = StoreSettings {
        mongodb_uri: None,
        mongodb_database: None,
        mongodb_collection: "unused".to_owned(),
        mongodb_videos_collection: "unused".to_owned(),
        data_dir: "unused".into(),
        heartbeat_interval: Duration::from_secs(10),
    };
    let mut settings = ProducerSettings::new(kafka, store);
    settings.api.http_addr = SocketAddr::from(([127, 0, 0, 1], 0));
    settings.api.request_timeout = Duration::from_secs(2);
    // No test asks YouTube.
    settings.api.thumbnails = false;
    settings
}

/// The address for apps whose publisher is a fake; no request is made to it.
pub(crate) const NO_BROKER: &str = "127.0.0.1:1";

impl TestApp {
    /// Starts an app with this broker, and with deadlines that are long enough for a busy machine.
    pub(crate) async fn with_broker(broker: &Broker) -> Self {
        let mut settings = settings(&broker.addresses());
        settings.api.request_timeout = Duration::from_secs(30);
        settings.drain_timeout = Duration::from_secs(30);
        Self::with_settings(settings).await
    }

    pub(crate) async fn with_settings(settings: ProducerSettings) -> Self {
        let publish = KafkaPublisher::new(&settings.kafka, settings.delivery_timeout()).unwrap();
        Self::start(settings, Arc::new(publish)).await
    }

    /// Starts an app whose publisher acknowledges everything.
    pub(crate) async fn with_acks() -> Self {
        Self::with_publish(FakePublish::new(|_| Do::Ack)).await
    }

    pub(crate) async fn with_publish(publish: Arc<dyn Publish>) -> Self {
        Self::start(settings(NO_BROKER), publish).await
    }

    pub(crate) async fn start(settings: ProducerSettings, publish: Arc<dyn Publish>) -> Self {
        let health = Health::default();
        let accept = TopicAccept::new(publish, settings.api.request_timeout, &health);
        Self::start_with(settings, Box::new(accept), health).await
    }

    pub(crate) async fn start_with(
        settings: ProducerSettings,
        accept: Box<dyn Accept>,
        health: Health,
    ) -> Self {
        let store = Arc::new(FaultyStore::default());
        let producer =
            Producer::build_with(settings, Arc::clone(&store) as _, accept, health).await.unwrap();
        let addr = producer.addr();
        let stop = CancellationToken::new();
        let running = tokio::spawn(producer.run_until_stopped(stop.clone()));
        Self { addr, store, stop, client: reqwest::Client::new(), running }
    }

    /// Stops the app and waits for its end.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.running.await.unwrap().unwrap();
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let method = method.parse().unwrap();
        self.client.request(method, format!("http://{}{path}", self.addr))
    }

    pub(crate) async fn get(&self, path: &str) -> TestAnswer {
        answer(self.request("GET", path)).await
    }

    pub(crate) fn submission(&self, body: &Value) -> RequestBuilder {
        self.request("POST", "/links/send-message-kafka").json(body)
    }

    pub(crate) async fn submit(&self, body: &Value) -> TestAnswer {
        answer(self.submission(body)).await
    }

    /// Waits until `/health/ready` answers 200.
    pub(crate) async fn until_ready(&self) {
        until("the app is ready", async || self.get("/health/ready").await.status == 200).await;
    }
}

/// Sends a request, and holds its answer against the OpenAPI document.
pub(crate) async fn answer(request: RequestBuilder) -> TestAnswer {
    let (client, request) = request.build_split();
    let request = request.unwrap();
    let (method, path) = (request.method().to_string(), request.url().path().to_owned());
    let answer = read(client.execute(request).await.unwrap()).await;
    document::check(&method, &path, &answer);
    answer
}

async fn read(response: Response) -> TestAnswer {
    let header = |name: &str| {
        let value = response.headers().get(name);
        value.map(|value| value.to_str().unwrap().to_owned())
    };
    TestAnswer {
        status: response.status().as_u16(),
        content_type: header("content-type").unwrap_or_default(),
        retry_after: header("retry-after"),
        allow: header("allow"),
        json: json_of(response).await,
    }
}

async fn json_of(response: Response) -> Value {
    let status: StatusCode = response.status();
    let text = response.text().await.unwrap();
    serde_json::from_str(&text).unwrap_or_else(|_| panic!("{status}, and no JSON: {text}"))
}

impl TestAnswer {
    /// Checks that the answer is a problem (RFC 9457) with this status and code.
    pub(crate) fn assert_problem(&self, status: u16, code: &str) {
        assert_eq!((self.status, self.json["code"].as_str()), (status, Some(code)), "{self:?}");
        assert_eq!(self.content_type, "application/problem+json");
        assert_eq!(self.json["status"], status);
        assert!(self.json["detail"].as_str().is_some_and(|detail| !detail.is_empty()));
    }

    pub(crate) fn id(&self) -> &str {
        self.json["id"].as_str().unwrap()
    }
}

/// Waits for a condition, with short pauses and for a long time.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !holds().await {
        assert!(started.elapsed() < Duration::from_secs(60), "waited too long until {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Wrong parameters of every route that selects videos.
pub(crate) const WRONG_SELECTIONS: [&str; 12] = [
    "after=x",
    "after=1.2",
    "after=01",
    "sort=views",
    "order=up",
    "status=pending",
    "availability=gone",
    "published_from=yesterday",
    "published_before=2026-02-30",
    "length_from=1.5",
    "length_below=99999999999999999999",
    "q=%20",
];

/// Checks that each of these queries is refused by the name of its first parameter.
pub(crate) async fn assert_each_is_named(app: &TestApp, path: &str, queries: &[&str]) {
    for query in queries {
        let answer = app.get(&format!("{path}?{query}")).await;
        answer.assert_problem(400, "bad_query");
        let name = query.split('=').next().unwrap();
        let detail = answer.json["detail"].as_str().unwrap();
        assert!(detail.starts_with(name), "{query}: {detail}");
    }
}
