//! What the load goes through: a real broker, a store, a YouTube that takes its time, and
//! linkrelay's own processes, as anybody would start them.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use linkrelay_fake_youtube::{FakeYouTube, FakeYouTubeSettings};
use linkrelay_testkit::kafka::KafkaBroker;
use linkrelay_testkit::mongo::MongoServer;
use linkrelay_testkit::process::{Process, ProcessBuilder, workspace_binary};
use linkrelay_testkit::tools::free_port;
use linkrelay_testkit::wait::{LONG, SHORT, wait_for};

use super::documents::Documents;
use crate::kafka::{dlq, fresh_topic};

/// How many share the work through Kafka.
pub const CONSUMERS: usize = 2;
/// A consumer drains before it ends.
const STOP_LIMIT: Duration = Duration::from_secs(60);
const ANSWER_LIMIT: Duration = Duration::from_secs(2);
/// In the consumers' /metrics: links done for good, by outcome.
const LINKS_METRIC: &str = "linkrelay_links_total{";

/// The servers, for both ways.
#[derive(Debug)]
pub struct Servers {
    broker: KafkaBroker,
    mongo: &'static MongoServer,
    youtube: FakeYouTube,
}

/// linkrelay's processes, for one way. Dropping them kills them.
#[derive(Debug)]
pub struct Relay {
    producer: Role,
    consumers: Vec<Role>,
    documents: Documents,
    http: reqwest::Client,
}

#[derive(Debug)]
struct Role {
    process: Process,
    addr: SocketAddr,
}

impl Servers {
    /// Starts them. A link takes YouTube so long.
    ///
    /// # Errors
    /// If a tool is missing, or a server does not start.
    pub async fn start(latency: Duration) -> Result<Self> {
        let settings = FakeYouTubeSettings { latency, ..FakeYouTubeSettings::default() };
        let (broker, mongo, youtube) = tokio::try_join!(
            KafkaBroker::start(),
            MongoServer::shared(),
            FakeYouTube::start(settings)
        )?;
        Ok(Self { broker, mongo, youtube })
    }

    /// Starts linkrelay on a topic and a database of its own, and waits until all of it says
    /// that it is ready.
    ///
    /// # Errors
    /// If a binary is missing, or a process does not become ready.
    pub async fn relay(&self) -> Result<Relay> {
        let topic = fresh_topic(&self.broker).await?;
        let documents = Documents::fresh(self.mongo.uri()).await?;
        let shared = [
            ("KAFKA_BROKERS", self.broker.bootstrap_servers()),
            ("KAFKA_TOPIC", topic.clone()),
            ("KAFKA_DLQ_TOPIC", dlq(&topic)),
            ("KAFKA_GROUP_ID", topic),
            ("MONGODB_URI", self.mongo.uri().to_owned()),
            ("MONGODB_DATABASE", documents.database().to_owned()),
            ("YOUTUBE_BASE_URL", self.youtube.base_url()),
            ("YOUTUBE_CA_CERT", self.youtube.ca_cert_path().display().to_string()),
        ];
        let consumer = |_| Role::start("linkrelay-consumer", &shared);
        let consumers: Vec<Role> = (0..CONSUMERS).map(consumer).collect::<Result<_>>()?;
        let extractor = consumers.first().context("no consumer")?.url();
        let with_extractor = [&shared[..], &[("EXTRACTOR_URL", extractor)]].concat();
        let producer = Role::start("linkrelay-producer", &with_extractor)?;
        let http = reqwest::Client::builder().timeout(ANSWER_LIMIT).no_proxy().build()?;
        let mut relay = Relay { producer, consumers, documents, http };
        relay.until_ready().await?;
        Ok(relay)
    }
}

impl Relay {
    /// Where links are submitted.
    pub fn addr(&self) -> SocketAddr {
        self.producer.addr
    }

    /// Where they end up.
    pub fn documents(&self) -> &Documents {
        &self.documents
    }

    /// How many links the consumers have done so far, by their own count.
    pub async fn links_done(&self) -> u64 {
        let mut total = 0;
        for consumer in &self.consumers {
            // Only for those who watch: a count that is not to be had is not counted.
            total += self.metrics(consumer).await.map_or(0, |text| links_done(&text));
        }
        total
    }

    /// Stops it, the producer first; what is under way is finished. Gives the documents back.
    ///
    /// # Errors
    /// If a process does not end well.
    pub async fn stop(mut self) -> Result<Documents> {
        for role in std::iter::once(&mut self.producer).chain(&mut self.consumers) {
            let status = role.process.terminate(STOP_LIMIT).await?;
            ensure!(status.success(), "ended with {status}\n{}", role.process.log_tail());
        }
        Ok(self.documents)
    }

    async fn until_ready(&mut self) -> Result<()> {
        for role in std::iter::once(&mut self.producer).chain(&mut self.consumers) {
            let url = format!("{}/health/ready", role.url());
            let ready = wait_for("linkrelay to be ready", LONG, SHORT, async || {
                if let Err(ended) = role.process.ensure_running() {
                    return Ok(Err(ended));
                }
                let answer = self.http.get(&url).send().await.map_err(|error| error.to_string())?;
                let is_ready = answer.status().is_success();
                if is_ready { Ok(Ok(())) } else { Err(answer.text().await.unwrap_or_default()) }
            });
            ready.await.with_context(|| role.process.log_tail())??;
        }
        Ok(())
    }

    async fn metrics(&self, role: &Role) -> reqwest::Result<String> {
        let url = format!("{}/metrics", role.url());
        self.http.get(url).send().await?.error_for_status()?.text().await
    }
}

impl Role {
    fn start(binary: &str, env: &[(&str, String)]) -> Result<Self> {
        let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        let builder = ProcessBuilder::new(binary, workspace_binary(binary)?)
            .env("HTTP_ADDR", addr.to_string())
            .env("NO_COLOR", "1");
        let builder = env.iter().fold(builder, |builder, (name, value)| builder.env(name, value));
        Ok(Self { process: builder.spawn()?, addr })
    }

    fn url(&self) -> String {
        format!("http://{}", self.addr)
    }
}

/// The sum of the metric's lines.
fn links_done(metrics: &str) -> u64 {
    let lines = metrics.lines().filter(|line| line.starts_with(LINKS_METRIC));
    lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_of_every_outcome_are_done() {
        let text = "# HELP linkrelay_links_total Links done for good.\n\
            linkrelay_links_total{outcome=\"stored\",class=\"none\"} 12\n\
            linkrelay_links_total{outcome=\"failed\",class=\"permanent\"} 3\n\
            linkrelay_links_in_flight 4\n";
        assert_eq!(links_done(text), 15);
    }
}
