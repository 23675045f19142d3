use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use linkrelay_fake_youtube::{FakeYouTube, FakeYouTubeSettings};
use linkrelay_testkit::kafka::{KafkaBroker, TopicRecord};
use linkrelay_testkit::mongo::MongoServer;
use linkrelay_testkit::process::{Process, ProcessBuilder, workspace_binary};
use linkrelay_testkit::tools::{free_port, fresh_name};
use linkrelay_testkit::wait::{LONG, SHORT, wait_for};
use mongodb::bson::{Document, doc};
use mongodb::options::IndexOptions;
use mongodb::{Client, Collection, IndexModel};
use reqwest::StatusCode;
use serde_json::{Value, json};

/// Longer than [`LONG`]: a whole load goes through.
pub(crate) const VERY_LONG: Duration = Duration::from_secs(180);
pub(crate) const PARTITIONS: i32 = 6;
const LOG_TAIL_BYTES: usize = 4_000;

/// A broker, a store and a YouTube, with topics, group and database of this test's own.
pub(crate) struct Site {
    pub(crate) broker: &'static KafkaBroker,
    pub(crate) fake: FakeYouTube,
    pub(crate) topic: String,
    pub(crate) dlq: String,
    pub(crate) mongo: &'static MongoServer,
    pub(crate) database: String,
    documents: Collection<Document>,
}

/// Which way links go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Path {
    /// `POST /links/send-message-kafka`.
    Kafka,
    /// `POST /links/send-message-http`.
    Waiting,
}

/// A process of linkrelay's, and where it answers.
pub(crate) struct Role {
    pub(crate) process: Process,
    pub(crate) url: String,
    http: reqwest::Client,
}

impl Site {
    pub(crate) async fn start(youtube: FakeYouTubeSettings) -> Self {
        let site = Self::without_topics(youtube).await;
        site.create_topics().await;
        site
    }

    pub(crate) async fn without_topics(youtube: FakeYouTubeSettings) -> Self {
        Self::on(KafkaBroker::shared().await.unwrap(), youtube).await
    }

    /// On a broker that a test brings along, without topics.
    pub(crate) async fn on(broker: &'static KafkaBroker, youtube: FakeYouTubeSettings) -> Self {
        let mongo = MongoServer::shared().await.unwrap();
        let topic = fresh_name("LINKS");
        let database = fresh_name("linkrelay");
        let documents = Client::with_uri_str(mongo.uri())
            .await
            .unwrap()
            .database(&database)
            .collection("youtube");
        Self {
            broker,
            fake: FakeYouTube::start(youtube).await.unwrap(),
            dlq: format!("{topic}.dlq"),
            topic,
            mongo,
            database,
            documents,
        }
    }

    pub(crate) async fn create_topics(&self) {
        self.broker.create_topic(&self.topic, PARTITIONS).await.unwrap();
        self.broker.create_topic(&self.dlq, 1).await.unwrap();
    }

    /// The environment of every role.
    pub(crate) fn env(&self) -> Vec<(&'static str, String)> {
        vec![
            ("KAFKA_BROKERS", self.broker.bootstrap_servers()),
            ("KAFKA_TOPIC", self.topic.clone()),
            ("KAFKA_DLQ_TOPIC", self.dlq.clone()),
            ("KAFKA_GROUP_ID", self.group().to_owned()),
            // A killed member's partitions are to move within a test's patience.
            ("KAFKA_CONFIG", "session.timeout.ms=6000".to_owned()),
            ("MONGODB_URI", self.mongo.uri().to_owned()),
            ("MONGODB_DATABASE", self.database.clone()),
            ("YOUTUBE_BASE_URL", self.fake.base_url()),
            ("YOUTUBE_CA_CERT", self.fake.ca_cert_path().display().to_string()),
            ("RETRY_BACKOFF_MIN", "10ms".to_owned()),
            ("RETRY_BACKOFF_MAX", "100ms".to_owned()),
        ]
    }

    /// Each test has its own topic, so its name also serves for the group.
    pub(crate) fn group(&self) -> &str {
        &self.topic
    }

    pub(crate) fn producer(&self, more: &[(&str, &str)]) -> Role {
        self.role("linkrelay-producer", more)
    }

    pub(crate) fn consumer(&self, more: &[(&str, &str)]) -> Role {
        self.role("linkrelay-consumer", more)
    }

    fn role(&self, binary: &str, more: &[(&str, &str)]) -> Role {
        Role::spawn(binary, &[], "HTTP_ADDR", self.env().into_iter().chain(own(more)))
    }

    pub(crate) async fn documents(&self) -> Vec<Document> {
        let mut found = self.documents.find(doc! {}).sort(doc! { "_id": 1 }).await.unwrap();
        let mut documents = Vec::new();
        while found.advance().await.unwrap() {
            documents.push(found.deserialize_current().unwrap());
        }
        documents
    }

    /// An index that an operator made: no two documents may have the same there.
    pub(crate) async fn make_unique(&self, field: &str) {
        let unique = IndexOptions::builder().unique(true).build();
        let index = IndexModel::builder().keys(doc! { field: 1 }).options(unique).build();
        self.documents.create_index(index).await.unwrap();
    }

    pub(crate) async fn index_names(&self) -> Vec<String> {
        // There is no collection yet, maybe.
        self.documents.list_index_names().await.unwrap_or_default()
    }

    pub(crate) async fn documents_count(&self) -> u64 {
        self.documents.count_documents(doc! {}).await.unwrap()
    }

    pub(crate) async fn document(&self, id: &str) -> Option<Document> {
        self.documents.find_one(doc! { "_id": id }).await.unwrap()
    }

    /// Writes documents as if a consumer had.
    pub(crate) async fn insert(&self, documents: Vec<Document>) {
        self.documents.insert_many(documents).await.unwrap();
    }

    pub(crate) async fn lag(&self) -> i64 {
        self.broker.lag(self.group(), &self.topic).await.unwrap()
    }

    pub(crate) async fn until_lag_is_zero(&self) {
        wait_for("the lag to be 0", VERY_LONG, SHORT * 10, async || {
            let lag = self
                .broker
                .lag(self.group(), &self.topic)
                .await
                .map_err(|error| error.to_string())?;
            if lag == 0 { Ok(()) } else { Err(format!("lag {lag}")) }
        })
        .await
        .unwrap();
    }

    /// Types lines into the real kafka-console-producer.
    pub(crate) fn type_in(&self, lines: &[u8]) {
        let type_in = || {
            let mut console =
                Command::new(self.broker.home().join("bin/kafka-console-producer.sh"))
                    .args(["--bootstrap-server", &self.broker.bootstrap_servers()])
                    .args(["--topic", &self.topic])
                    .stdin(Stdio::piped())
                    .stdout(Stdio::null())
                    .spawn()
                    .unwrap();
            console.stdin.take().unwrap().write_all(lines).unwrap();
            assert!(console.wait().unwrap().success());
        };
        tokio::task::block_in_place(type_in);
    }

    pub(crate) async fn dead_letters(&self) -> Vec<TopicRecord> {
        self.broker.topic_records(&self.dlq).await.unwrap()
    }
}

/// The environment as a process takes it.
fn own<'a>(env: &'a [(&'a str, &'a str)]) -> impl Iterator<Item = (&'a str, String)> {
    env.iter().map(|(name, value)| (*name, (*value).to_owned()))
}

impl Role {
    /// Starts a binary of the workspace on a free port, which `port_setting` names.
    pub(crate) fn spawn<'a>(
        binary: &str,
        arguments: &[&str],
        port_setting: &str,
        env: impl IntoIterator<Item = (&'a str, String)>,
    ) -> Self {
        let builder = ProcessBuilder::new(binary, workspace_binary(binary).unwrap());
        Self::start(builder.args(arguments), port_setting, env)
    }

    /// The same for a process that begins in another way.
    pub(crate) fn start<'a>(
        mut builder: ProcessBuilder,
        port_setting: &str,
        env: impl IntoIterator<Item = (&'a str, String)>,
    ) -> Self {
        let port = free_port().unwrap();
        builder = builder.env(port_setting, format!("127.0.0.1:{port}"));
        for (name, value) in env {
            builder = builder.env(name, value);
        }
        let process = builder.spawn().unwrap();
        // A role closes what is idle for HEADER_READ_TIMEOUT; a client that keeps it longer may
        // send into the closing.
        let http = reqwest::Client::builder().pool_idle_timeout(Duration::from_secs(5));
        let url = format!("http://127.0.0.1:{port}");
        Self { process, url, http: http.build().unwrap() }
    }

    pub(crate) async fn readiness(&self) -> Result<Value, String> {
        let response = self.http.get(format!("{}/health/ready", self.url)).send().await;
        let response = response.map_err(|error| error.to_string())?;
        let is_ready = response.status().is_success();
        let answer: Value = response.json().await.map_err(|error| error.to_string())?;
        if is_ready { Ok(answer) } else { Err(answer.to_string()) }
    }

    /// What it counts.
    pub(crate) async fn metrics(&self) -> String {
        let response = self.http.get(format!("{}/metrics", self.url)).send().await.unwrap();
        response.text().await.unwrap()
    }

    pub(crate) async fn until_ready(&self) {
        let ready =
            wait_for("a role to be ready", LONG, SHORT, async || self.readiness().await).await;
        assert!(ready.is_ok(), "{ready:?}\n{}", self.process.log_tail());
    }

    /// Waits until `/health/ready` says no, with this word in its answer.
    pub(crate) async fn until_not_ready(&self, word: &str) {
        let not_ready = wait_for("a role to say why it is not ready", LONG, SHORT, async || {
            match self.readiness().await {
                Err(answer) if answer.contains(word) => Ok(()),
                Ok(answer) => Err(answer.to_string()),
                Err(answer) => Err(answer),
            }
        });
        let not_ready = not_ready.await;
        assert!(not_ready.is_ok(), "{not_ready:?}\n{}", self.process.log_tail());
    }

    /// Posts links; gives the status and the answer.
    pub(crate) async fn post(&self, links: &Value) -> (u16, Value) {
        self.post_to(Path::Kafka, links).await
    }

    /// Posts links by one of the two ways; gives the status and the answer.
    pub(crate) async fn post_to(&self, path: Path, links: &Value) -> (u16, Value) {
        self.send(path, &json!({ "links": links })).await
    }

    async fn send(&self, path: Path, body: &Value) -> (u16, Value) {
        let route = match path {
            Path::Kafka => "send-message-kafka",
            Path::Waiting => "send-message-http",
        };
        let url = format!("{}/links/{route}", self.url);
        let response = self.http.post(url).json(body).send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    /// Posts links that are all good; gives the request's id.
    pub(crate) async fn post_good(&self, links: &Value) -> String {
        self.post_body(&json!({ "links": links })).await
    }

    /// Posts a body whose links are all good; gives the request's id.
    pub(crate) async fn post_body(&self, body: &Value) -> String {
        let (status, answer) = self.send(Path::Kafka, body).await;
        assert_eq!(status, 201, "{answer}");
        answer["id"].as_str().unwrap().to_owned()
    }

    /// The status of a request, asked for again while the store is slower than the producer waits.
    pub(crate) async fn status(&self, id: &str) -> Value {
        wait_for("a status", LONG, SHORT, async || {
            let url = format!("{}/links/{id}", self.url);
            let answer = self.http.get(url).send().await.map_err(|error| error.to_string())?;
            let slow = answer.status() == StatusCode::SERVICE_UNAVAILABLE;
            let body: Value = answer.json().await.unwrap();
            if slow { Err(body.to_string()) } else { Ok(body) }
        })
        .await
        .unwrap()
    }

    pub(crate) async fn until_nothing_is_pending(&self, id: &str) -> Value {
        wait_for("nothing to be pending", VERY_LONG, SHORT, async || {
            let status = self.status(id).await;
            if status["pending"] == 0 { Ok(status) } else { Err(status.to_string()) }
        })
        .await
        .unwrap()
    }

    /// The status and the text of an address.
    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        let response = self.http.get(format!("{}{path}", self.url)).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    /// Where it listens.
    pub(crate) fn addr(&self) -> &str {
        self.url.strip_prefix("http://").unwrap()
    }

    /// What it holds in memory.
    pub(crate) fn resident_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.pid()));
        let status = status.unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        let kibibytes: u64 = line.trim().strip_suffix(" kB").unwrap().parse().unwrap();
        kibibytes * 1_024
    }

    /// SIGTERM; it must end well.
    pub(crate) async fn stop(mut self) {
        let ended = self.process.terminate(LONG).await.unwrap();
        assert!(ended.success(), "{ended}\n{}", self.process.log_tail());
    }

    /// What it has logged, its end.
    pub(crate) fn log(&self) -> String {
        let log = self.process.stderr().unwrap();
        let mut start = log.len().saturating_sub(LOG_TAIL_BYTES);
        while !log.is_char_boundary(start) {
            start += 1;
        }
        log[start..].to_owned()
    }
}

/// A link to a video of its own for each number.
pub(crate) fn link(number: usize) -> String {
    format!("https://www.youtube.com/watch?v={}", video_id(number))
}

pub(crate) fn video_id(number: usize) -> String {
    format!("t{number:010}")
}

/// The folder of captured pages, if this machine has it.
pub(crate) fn corpus_folder() -> Option<PathBuf> {
    std::env::var_os("LINKRELAY_CORPUS").map(PathBuf::from).filter(|folder| folder.is_dir())
}
