use std::fmt::Debug;
use std::io::Write;
use std::ops::{Deref, DerefMut, Range};
use std::path::Path as Folder;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use linkrelay_fake_youtube::{FakeYouTube, FakeYouTubeSettings};
use linkrelay_testkit::kafka::{KafkaBroker, TopicRecord};
use linkrelay_testkit::mongo::MongoServer;
use linkrelay_testkit::process::workspace_binary;
use linkrelay_testkit::site;
use linkrelay_testkit::tools::free_port;
use linkrelay_testkit::wait::{LONG, SHORT, ok_if, wait_for};
use mongodb::bson::{Document, doc};
use rdkafka::message::OwnedHeaders;
use rdkafka::producer::{FutureProducer, FutureRecord};
use serde_json::{Value, json};

/// Longer than [`LONG`]: a whole load is processed.
pub(crate) const VERY_LONG: Duration = Duration::from_secs(180);
pub(crate) const PARTITIONS: i32 = 6;
const LOG_TAIL_BYTES: usize = 4_000;

/// The testkit's site, with helpers that panic on an error.
pub(crate) struct Site(site::Site);

/// The two paths of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Path {
    /// `POST /links/send-message-kafka`.
    Kafka,
    /// `POST /links/send-message-http`.
    Waiting,
}

/// The testkit's role, with helpers that panic on an error.
#[derive(Debug)]
pub(crate) struct Role(site::Role);

/// The output of a command that has ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

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

impl Deref for Role {
    type Target = site::Role;

    fn deref(&self) -> &site::Role {
        &self.0
    }
}

impl DerefMut for Role {
    fn deref_mut(&mut self) -> &mut site::Role {
        &mut self.0
    }
}

impl Role {
    /// Starts a role with settings, of which the last one of a name wins.
    pub(crate) fn start(
        role: anyhow::Result<site::Role>,
        env: &[(&str, String)],
        more: &[(&str, &str)],
    ) -> Self {
        let mut role = role.unwrap().envs(env.iter().cloned()).envs(more.iter().copied());
        role.start().unwrap();
        Self(role)
    }

    pub(crate) async fn ready(self) -> Self {
        self.until_ready().await;
        self
    }

    pub(crate) async fn until_ready(&self) {
        self.0.until_ready().await.unwrap();
    }

    /// Waits until `/health/ready` is negative, with these words in its answer.
    pub(crate) async fn until_not_ready(&self, words: &str) {
        let not_ready =
            wait_for("a role that names why it is not ready", LONG, SHORT, async || {
                match self.readiness().await {
                    Err(answer) => ok_if(answer.contains(words), answer),
                    Ok(answer) => Err(answer.to_string()),
                }
            });
        let not_ready = not_ready.await;
        assert!(not_ready.is_ok(), "{not_ready:?}\n{}", self.log_tail());
    }

    pub(crate) async fn metrics(&self) -> String {
        self.get("/metrics").await.1
    }

    /// Sends a GET request; returns the status and the text.
    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        self.0.get(path).await.unwrap()
    }

    /// Posts links on the Kafka path; returns the status and the answer.
    pub(crate) async fn post(&self, links: &Value) -> (u16, Value) {
        self.post_to(Path::Kafka, links).await
    }

    /// Posts links on one of the two paths; returns the status and the answer.
    pub(crate) async fn post_to(&self, path: Path, links: &Value) -> (u16, Value) {
        self.send(path, &json!({ "links": links })).await
    }

    async fn send(&self, path: Path, body: &Value) -> (u16, Value) {
        let route = match path {
            Path::Kafka => "/links/send-message-kafka",
            Path::Waiting => "/links/send-message-http",
        };
        self.post_json(route, body).await.unwrap()
    }

    /// Posts links that are all valid; returns the request's id.
    pub(crate) async fn post_valid(&self, links: &Value) -> String {
        self.post_body(&json!({ "links": links })).await
    }

    /// Posts a body whose links are all valid; returns the request's id.
    pub(crate) async fn post_body(&self, body: &Value) -> String {
        let (status, answer) = self.send(Path::Kafka, body).await;
        assert_eq!(status, 201, "{answer}");
        answer["id"].as_str().unwrap().to_owned()
    }

    /// Posts links again until they are accepted; returns the request's id.
    pub(crate) async fn until_accepted(&self, links: &Value) -> String {
        wait_for("links to be accepted", VERY_LONG, SHORT * 5, async || {
            match self.post(links).await {
                (201, answer) => Ok(answer["id"].as_str().unwrap().to_owned()),
                (status, answer) => Err(format!("{status} {answer}")),
            }
        })
        .await
        .unwrap()
    }

    /// The status of a request, asked for again while the store is slower than the producer waits.
    pub(crate) async fn status(&self, id: &str) -> Value {
        until("a status", async || match self.get(&format!("/links/{id}")).await {
            (503, body) => Err(body),
            (_, body) => Ok(serde_json::from_str(&body).unwrap()),
        })
        .await
    }

    pub(crate) async fn until_nothing_is_pending(&self, id: &str) -> Value {
        wait_for("nothing to be pending", VERY_LONG, SHORT, async || {
            let status = self.status(id).await;
            ok_if(status["pending"] == 0, &status).map(|()| status)
        })
        .await
        .unwrap()
    }

    /// Waits until a request has this number of stored links.
    pub(crate) async fn until_stored(&self, id: &str, count: u64) {
        let stored = wait_for("the links to be stored", VERY_LONG, SHORT, async || {
            let status = self.status(id).await;
            ok_if(status["stored"] == count, status)
        });
        let stored = stored.await;
        assert!(stored.is_ok(), "{stored:?}\n{}", self.log_tail());
    }

    /// Stops it with SIGTERM; it must exit with 0.
    pub(crate) async fn stop(mut self) {
        self.0.stop().await.unwrap();
    }

    /// The end of what it has logged.
    pub(crate) fn log(&self) -> String {
        let log = self.process().unwrap().stderr().unwrap();
        let start = log.len().saturating_sub(LOG_TAIL_BYTES);
        String::from_utf8_lossy(&log.as_bytes()[start..]).into_owned()
    }
}

pub(crate) async fn stop(roles: impl IntoIterator<Item = Role>) {
    for role in roles {
        role.stop().await;
    }
}

impl Said {
    /// Both outputs.
    pub(crate) fn all(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    /// Both outputs of a command that must have exited with 0.
    #[track_caller]
    pub(crate) fn done(self) -> String {
        assert_eq!(self.code, Some(0), "{}", self.all());
        self.all()
    }
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Said {
    said(&tokio::task::block_in_place(|| command.output().unwrap()))
}

pub(crate) fn said(output: &Output) -> Said {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Said { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
}

pub(crate) fn binary(name: &str) -> std::path::PathBuf {
    workspace_binary(name).unwrap()
}

/// Waits until a check succeeds; fails with its last error after a minute.
pub(crate) async fn until<T>(what: &str, check: impl AsyncFnMut() -> Result<T, String>) -> T {
    wait_for(what, LONG, SHORT, check).await.unwrap()
}

/// Waits until a value is as expected; fails with the last one after a minute.
pub(crate) async fn until_is<T: PartialEq + Debug>(
    what: &str,
    expected: T,
    mut value: impl AsyncFnMut() -> T,
) {
    until(what, async || {
        let value = value().await;
        ok_if(value == expected, format!("{value:?}"))
    })
    .await;
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

/// The embedded mode, with its data in this folder.
pub(crate) fn up(data: &Folder, arguments: &[&str], env: &[(&str, String)]) -> Role {
    let role = site::Role::new("linkrelay", binary("linkrelay"));
    start_up(role.map(|role| role.args(["up"]).args(arguments)), data, env)
}

/// The embedded mode that is started in another way.
pub(crate) fn start_up(
    role: anyhow::Result<site::Role>,
    data: &Folder,
    env: &[(&str, String)],
) -> Role {
    let data = data.display().to_string();
    Role::start(role, env, &[("DATA_DIR", &data), ("EXTRACTOR_ADDR", &nowhere())])
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

/// An address that no server listens on.
pub(crate) fn nowhere() -> String {
    format!("127.0.0.1:{}", free_port().unwrap())
}

/// A link to a video of its own for each number.
pub(crate) fn link(number: usize) -> String {
    format!("https://www.youtube.com/watch?v={}", video_id(number))
}

pub(crate) fn links(numbers: Range<usize>) -> Vec<String> {
    numbers.map(link).collect()
}

pub(crate) fn video_id(number: usize) -> String {
    format!("t{number:010}")
}
