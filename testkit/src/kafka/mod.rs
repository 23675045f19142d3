//! A real Kafka broker for tests: KRaft, one node, on free ports, its data in a temporary folder.
//!
//! [`KafkaBroker::shared`] for tests that only use topics of their own, [`KafkaBroker::start`]
//! for those that kill it; [`KafkaCluster`] is three of them.

mod cluster;
mod inspect;
mod node;
mod properties;
mod secured;

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::sync::OnceCell;

use crate::process::Process;
use crate::tools::{free_port, fresh_name};

pub use cluster::{CLUSTER_SIZE, KafkaCluster, Part};
pub use inspect::TopicRecord;
use node::Node;
pub use secured::{ODD_PASSWORD, ODD_USER, PASSWORD, SecuredBroker, USER};

/// A cold start takes 4 s on an idle machine; the limit is for a busy one.
const START_LIMIT: Duration = Duration::from_secs(120);
/// The limit of one request to the broker.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);
/// Another process may take a free port before the broker does.
const START_TRIES: u32 = 3;

/// A broker under a test's control. Dropping it kills it and removes its data.
#[derive(Debug)]
pub struct KafkaBroker {
    process: Process,
    /// Dropped after the process, so that no process writes the data when it is removed.
    node: Node,
    /// The addresses for clients: its own, or those of every node of its cluster.
    bootstrap_servers: String,
    /// How many copies a new topic has.
    replication: i32,
}

impl KafkaBroker {
    /// Starts a broker.
    ///
    /// # Errors
    /// If Kafka is missing (`make tools`), or does not start; then with the end of its log.
    pub async fn start() -> Result<Self> {
        Self::start_with(&[]).await
    }

    /// Starts a broker with settings of `server.properties` that win over those of the testkit.
    ///
    /// # Errors
    /// Like [`KafkaBroker::start`].
    pub async fn start_with(settings: &[(&str, &str)]) -> Result<Self> {
        with_free_ports(async || Self::try_start(settings).await).await
    }

    /// The broker of this test process, started by its first caller and killed with the process.
    ///
    /// # Errors
    /// Like [`KafkaBroker::start`].
    pub async fn shared() -> Result<&'static Self> {
        static SHARED: OnceCell<KafkaBroker> = OnceCell::const_new();
        SHARED.get_or_try_init(Self::start).await
    }

    /// The value of `bootstrap.servers` for clients.
    pub fn bootstrap_servers(&self) -> String {
        self.bootstrap_servers.clone()
    }

    /// The address that this node listens on.
    pub fn addr(&self) -> SocketAddr {
        self.node.addr()
    }

    /// The `KAFKA_HOME`, which has the command line tools.
    pub fn home(&self) -> &Path {
        &self.node.home
    }

    /// Kills it with SIGKILL. Acknowledged records are still there after a [restart](Self::restart).
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn kill(&mut self) -> Result<ExitStatus> {
        self.process.kill()
    }

    /// Stops it with SIGSTOP: connections stay, and nothing is answered.
    ///
    /// # Errors
    /// If it does not run.
    pub fn pause(&mut self) -> Result<()> {
        self.process.pause()
    }

    /// Lets it continue with SIGCONT.
    ///
    /// # Errors
    /// If it does not run.
    pub fn resume(&mut self) -> Result<()> {
        self.process.resume()
    }

    /// Starts it again on the same port and data; kills it first if it runs.
    ///
    /// # Errors
    /// If it does not start, with the end of its log.
    pub async fn restart(&mut self) -> Result<()> {
        self.kill()?;
        self.process = self.node.spawn()?;
        self.until_ready().await
    }

    /// The process, for its pid and logs.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// A client's configuration with nothing but the address and a low log level.
    pub fn client_config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.bootstrap_servers());
        // Tests kill brokers on purpose, which needs no log.
        config.set_log_level(RDKafkaLogLevel::Emerg);
        config
    }

    /// Creates a topic, and waits until every partition has a leader.
    ///
    /// # Errors
    /// If there is one of that name, or the broker does not answer.
    pub async fn create_topic(&self, name: &str, partitions_count: i32) -> Result<()> {
        let topic =
            NewTopic::new(name, partitions_count, TopicReplication::Fixed(self.replication));
        for made in self.admin()?.create_topics(&[topic], &admin_options()).await? {
            made.map_err(|(topic, code)| anyhow::anyhow!("creating topic {topic}: {code}"))?;
        }
        let wanted = usize::try_from(partitions_count).context("a count of partitions")?;
        self.until_led(name, wanted).await
    }

    /// Creates a topic with a unique name that begins with `prefix`.
    ///
    /// # Errors
    /// If the broker does not answer.
    pub async fn fresh_topic(&self, prefix: &str, partitions_count: i32) -> Result<String> {
        let name = fresh_name(prefix);
        self.create_topic(&name, partitions_count).await?;
        Ok(name)
    }

    /// Deletes a topic with its records, and waits until the broker no longer lists it.
    ///
    /// # Errors
    /// If the topic does not exist, or the broker does not answer.
    pub async fn delete_topic(&self, name: &str) -> Result<()> {
        for deleted in self.admin()?.delete_topics(&[name], &admin_options()).await? {
            deleted.map_err(|(topic, code)| anyhow::anyhow!("deleting topic {topic}: {code}"))?;
        }
        let is_gone = |_: &[u16], led: &[usize]| led.iter().all(|led| *led == 0);
        self.until_metadata("the end of a topic", Some(name), is_gone).await
    }

    /// Deletes the records below these offsets, as retention does.
    ///
    /// # Errors
    /// If the broker refuses or does not answer.
    pub async fn delete_records_before(&self, topic: &str, offsets: &[(i32, i64)]) -> Result<()> {
        let mut list = TopicPartitionList::new();
        for (partition, offset) in offsets {
            list.add_partition_offset(topic, *partition, Offset::Offset(*offset))?;
        }
        let deleted = self.admin()?.delete_records(&list, &admin_options()).await?;
        for element in deleted.elements() {
            element.error().with_context(|| format!("deleting records of {topic}"))?;
        }
        Ok(())
    }

    fn admin(&self) -> Result<AdminClient<DefaultClientContext>> {
        Ok(self.client_config().create()?)
    }

    async fn try_start(settings: &[(&str, &str)]) -> Result<Self> {
        let (port, controller_port) = (free_port()?, free_port()?);
        let text = |folder: &Path| properties::text(folder, port, controller_port, settings);
        let node = Node::prepare("kafka", port, text, &["--standalone"]).await?;
        let bootstrap_servers = node.addr().to_string();
        let process = node.spawn()?;
        let mut broker = Self { process, node, bootstrap_servers, replication: 1 };
        broker.until_ready().await?;
        Ok(broker)
    }

    /// Waits until it accepts connections and is in the metadata.
    async fn until_ready(&mut self) -> Result<()> {
        self.process.until_accepts(self.addr(), START_LIMIT).await?;
        let is_registered = |ports: &[u16], _: &[usize]| ports.contains(&self.node.port);
        self.until_metadata("the broker's registration", None, is_registered).await
    }

    async fn until_led(&self, topic: &str, partitions_count: usize) -> Result<()> {
        let is_led = |_: &[u16], led: &[usize]| led == [partitions_count];
        self.until_metadata("a leader for every partition", Some(topic), is_led).await
    }
}

fn admin_options() -> AdminOptions {
    AdminOptions::new().operation_timeout(Some(ANSWER_LIMIT)).request_timeout(Some(ANSWER_LIMIT))
}

/// Tries a start again while another process took a port that was free a moment ago.
async fn with_free_ports<T>(mut start: impl AsyncFnMut() -> Result<T>) -> Result<T> {
    for _ in 1..START_TRIES {
        match start().await {
            Err(error) if format!("{error:#}").contains("Address already in use") => {}
            started => return started,
        }
    }
    start().await
}
