use std::io::Write;
use std::ops::{Deref, Range};
use std::path::Path as Folder;
use std::process::{Command, Stdio};
use std::time::Duration;

use linkrelay_fake_youtube::{FakeYouTube, FakeYouTubeSettings};
use linkrelay_testkit::kafka::{KafkaBroker, TopicRecord};
use linkrelay_testkit::mongo::MongoServer;
use linkrelay_testkit::site;
use linkrelay_testkit::wait::LONG;
use mongodb::bson::{Document, doc};
use rdkafka::message::OwnedHeaders;
use rdkafka::producer::{FutureProducer, FutureRecord};

use crate::helpers::{Said, VERY_LONG, binary, links, nowhere, run};
use crate::role::Role;

pub(crate) const PARTITIONS: i32 = 6;

/// The testkit's site, with helpers that panic on an error.
pub(crate) struct Site(site::Site);

impl Deref for Site {
    type Target = site::Site;

    fn deref(&self) -> &site::Site {
        &self.0
    }
}

impl Site {
    /// With both topics and a YouTube that answers immediately.
    pub(crate) async fn new() -> Self {
        Self::start(FakeYouTubeSettings::default()).await
    }

    /// With both topics and a YouTube that takes this long for each answer.
    pub(crate) async fn slow(latency: Duration) -> Self {
        Self::start(FakeYouTubeSettings { latency, ..FakeYouTubeSettings::default() }).await
    }

    pub(crate) async fn start(youtube: FakeYouTubeSettings) -> Self {
        let broker = KafkaBroker::shared().await.unwrap();
        Self::on(broker, youtube).await.with_partitions(PARTITIONS).await
    }

    pub(crate) async fn without_topics() -> Self {
        let broker = KafkaBroker::shared().await.unwrap();
        Self::on(broker, FakeYouTubeSettings::default()).await
    }

    pub(crate) async fn with_one_partition() -> Self {
        Self::without_topics().await.with_partitions(1).await
    }

    /// On a broker that a test brings along, without topics.
    pub(crate) async fn on(broker: &'static KafkaBroker, youtube: FakeYouTubeSettings) -> Self {
        let mongo = MongoServer::shared().await.unwrap();
        Self(site::Site::start(broker, mongo, youtube).await.unwrap())
    }

    pub(crate) async fn with_partitions(self, count: i32) -> Self {
        self.create_topics(count).await.unwrap();
        self
    }

    /// The environment of every role and command.
    pub(crate) fn env(&self) -> Vec<(&'static str, String)> {
        let mut env = self.0.env();
        // Short, so that the partitions of a killed member move soon.
        env.push(("KAFKA_CONFIG", "session.timeout.ms=6000".to_owned()));
        env.push(("RETRY_BACKOFF_MIN", "10ms".to_owned()));
        env.push(("RETRY_BACKOFF_MAX", "100ms".to_owned()));
        env
    }

    pub(crate) fn producer(&self, more: &[(&str, &str)]) -> Role {
        Role::start(site::Role::new("producer", binary("linkrelay-producer")), &self.env(), more)
    }

    pub(crate) fn consumer(&self, more: &[(&str, &str)]) -> Role {
        Role::start(site::Role::new("consumer", binary("linkrelay-consumer")), &self.env(), more)
    }

    pub(crate) async fn ready_producer(&self, more: &[(&str, &str)]) -> Role {
        self.producer(more).ready().await
    }

    pub(crate) async fn ready_consumer(&self, more: &[(&str, &str)]) -> Role {
        self.consumer(more).ready().await
    }

    /// A producer and a consumer, both of them ready.
    pub(crate) async fn roles(
        &self,
        producer: &[(&str, &str)],
        consumer: &[(&str, &str)],
    ) -> (Role, Role) {
        let (producer, consumer) = (self.producer(producer), self.consumer(consumer));
        (producer.ready().await, consumer.ready().await)
    }

    /// A producer that uses the extractor server of a consumer, both of them ready.
    pub(crate) async fn roles_of_both_paths(
        &self,
        producer: &[(&str, &str)],
        consumer: &[(&str, &str)],
    ) -> (Role, Role) {
        let consumer = self.consumer(consumer);
        let url = consumer.url();
        let producer = self.producer(&[producer, &[("EXTRACTOR_URL", url.as_str())]].concat());
        (producer.ready().await, consumer.ready().await)
    }

    /// Runs the command `linkrelay` to its end.
    pub(crate) fn linkrelay(&self, arguments: &[&str], more: &[(&str, &str)]) -> Said {
        let mut command = Command::new(binary("linkrelay"));
        command.args(arguments).envs(self.env());
        // No role serves there, unless the test names one.
        command.env("HTTP_ADDR", nowhere()).env("EXTRACTOR_ADDR", nowhere());
        run(command.envs(more.iter().copied()))
    }

    pub(crate) async fn documents(&self) -> Vec<Document> {
        let mut found = self.documents.find(doc! {}).sort(doc! { "_id": 1 }).await.unwrap();
        let mut documents = Vec::new();
        while found.advance().await.unwrap() {
            documents.push(found.deserialize_current().unwrap());
        }
        documents
    }

    /// A text field of all documents, sorted.
    pub(crate) async fn texts(&self, field: &str) -> Vec<String> {
        let documents = self.documents().await;
        let texts = documents.iter().map(|document| document.get_str(field).unwrap().to_owned());
        let mut texts: Vec<String> = texts.collect();
        texts.sort();
        texts
    }

    pub(crate) async fn index_names(&self) -> Vec<String> {
        // The collection may not exist yet.
        self.documents.list_index_names().await.unwrap_or_default()
    }

    pub(crate) async fn documents_count(&self) -> u64 {
        self.documents.count_documents(doc! {}).await.unwrap()
    }

    pub(crate) async fn lag(&self) -> i64 {
        self.0.lag().await.unwrap()
    }

    pub(crate) async fn until_lag_is_zero(&self) {
        self.0.until_lag_is_zero(VERY_LONG).await.unwrap();
    }

    pub(crate) async fn dead_letters(&self) -> Vec<TopicRecord> {
        self.0.dead_letters().await.unwrap()
    }

    /// Publishes a record without a key, like another program.
    pub(crate) async fn publish(&self, topic: &str, value: &[u8], headers: OwnedHeaders) {
        publish(self.broker, topic, value, headers).await;
    }

    /// Types lines into the real kafka-console-producer.
    pub(crate) fn type_in(&self, lines: impl AsRef<[u8]>) {
        let type_in = || {
            let mut console =
                Command::new(self.broker.home().join("bin/kafka-console-producer.sh"))
                    .args(["--bootstrap-server", &self.broker.bootstrap_servers()])
                    .args(["--topic", &self.topic])
                    .stdin(Stdio::piped())
                    .stdout(Stdio::null())
                    .spawn()
                    .unwrap();
            console.stdin.take().unwrap().write_all(lines.as_ref()).unwrap();
            assert!(console.wait().unwrap().success());
        };
        tokio::task::block_in_place(type_in);
    }

    /// Types links into the console producer, one a record.
    pub(crate) fn type_links(&self, numbers: Range<usize>) {
        self.type_in(links(numbers).join("\n") + "\n");
    }
}

/// Publishes a record without a key.
pub(crate) async fn publish(
    broker: &KafkaBroker,
    topic: &str,
    value: &[u8],
    headers: OwnedHeaders,
) {
    let producer: FutureProducer = broker.client_config().create().unwrap();
    let record = FutureRecord::<[u8], [u8]>::to(topic).payload(value).headers(headers);
    producer.send(record, LONG).await.unwrap();
}

/// The number of rows in a table of the embedded mode's file.
pub(crate) fn count(data: &Folder, table: &str) -> i64 {
    let file = rusqlite::Connection::open(data.join("linkrelay.sqlite")).unwrap();
    file.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

/// A YouTube that outlives linkrelay's process, and the settings that lead to it.
pub(crate) async fn youtube(latency: Duration) -> (FakeYouTube, [(&'static str, String); 3]) {
    let settings = FakeYouTubeSettings { latency, ..FakeYouTubeSettings::default() };
    let fake = FakeYouTube::start(settings).await.unwrap();
    let env = [
        ("YOUTUBE_BASE_URL", fake.base_url()),
        ("YOUTUBE_CA_CERT", fake.ca_cert_path().display().to_string()),
        ("YOUTUBE_API_KEY", "a-key".to_owned()),
    ];
    (fake, env)
}
