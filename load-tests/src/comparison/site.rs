//! What the load goes through: a real broker, a store, a fake YouTube with a latency, and
//! linkrelay's own processes, as an operator would start them.

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

/// Consumers that share the work through Kafka.
pub(crate) const CONSUMERS: usize = 2;
/// A consumer drains before it ends.
const STOP_LIMIT: Duration = Duration::from_secs(60);
const ANSWER_LIMIT: Duration = Duration::from_secs(2);

/// The servers, for both paths.
#[derive(Debug)]
pub(crate) struct Servers {
    broker: KafkaBroker,
    mongo: &'static MongoServer,
    youtube: FakeYouTube,
}

/// linkrelay's processes, for one path. Dropping them kills them.
#[derive(Debug)]
pub(crate) struct Relay {
    pub(crate) addr: SocketAddr,
    pub(crate) documents: Documents,
    /// The producer first.
    roles: Vec<Role>,
}

#[derive(Debug)]
struct Role {
    process: Process,
    addr: SocketAddr,
}

impl Servers {
    /// Starts the servers. The fake YouTube takes `latency` for each link.
    pub(crate) async fn start(latency: Duration) -> Result<Self> {
        let settings = FakeYouTubeSettings { latency, ..FakeYouTubeSettings::default() };
        let (broker, mongo, youtube) = tokio::try_join!(
            KafkaBroker::start(),
            MongoServer::shared(),
            FakeYouTube::start(settings)
        )?;
        Ok(Self { broker, mongo, youtube })
    }

    /// Starts linkrelay on a topic and a database of its own, and waits until every process is
    /// ready.
    pub(crate) async fn relay(&self) -> Result<Relay> {
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
        let consumer = |_| start_role("linkrelay-consumer", &shared);
        let mut roles: Vec<Role> = (0..CONSUMERS).map(consumer).collect::<Result<_>>()?;
        let extractor = [("EXTRACTOR_URL", format!("http://{}", roles[0].addr))];
        let producer = start_role("linkrelay-producer", &[&shared[..], &extractor].concat())?;
        let addr = producer.addr;
        roles.insert(0, producer);
        until_ready(&mut roles).await?;
        Ok(Relay { addr, documents, roles })
    }
}

impl Relay {
    /// Stops linkrelay, the producer first; what is in flight is finished. Returns the documents.
    ///
    /// # Errors
    /// If a process does not exit with 0.
    pub(crate) async fn stop(mut self) -> Result<Documents> {
        for Role { process, .. } in &mut self.roles {
            let status = process.terminate(STOP_LIMIT).await?;
            ensure!(status.success(), "ended with {status}\n{}", process.log_tail());
        }
        Ok(self.documents)
    }
}

fn start_role(binary: &str, env: &[(&str, String)]) -> Result<Role> {
    let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
    let builder = ProcessBuilder::new(binary, workspace_binary(binary)?)
        .env("HTTP_ADDR", addr.to_string())
        .env("NO_COLOR", "1");
    let builder = env.iter().fold(builder, |builder, (name, value)| builder.env(name, value));
    Ok(Role { process: builder.spawn()?, addr })
}

async fn until_ready(roles: &mut [Role]) -> Result<()> {
    let http = reqwest::Client::builder().timeout(ANSWER_LIMIT).no_proxy().build()?;
    for Role { process, addr } in roles {
        let ready = wait_for("a ready process of linkrelay", LONG, SHORT, async || {
            if let Err(ended) = process.ensure_running() {
                return Ok(Err(ended));
            }
            let answer = http.get(format!("http://{addr}/health/ready")).send().await;
            let answer = answer.map_err(|error| error.to_string())?;
            let is_ready = answer.status().is_success();
            if is_ready { Ok(Ok(())) } else { Err(answer.text().await.unwrap_or_default()) }
        });
        ready.await.with_context(|| process.log_tail())??;
    }
    Ok(())
}
