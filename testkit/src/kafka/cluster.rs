//! Three Kafka nodes that are both brokers and controllers, with three copies of everything, of
//! which a write needs two; or a single node. Each node can be killed, paused and started again.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use futures::future::try_join_all;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use serde::Deserialize;

use super::inspect::ask;
use super::node::Node;
use super::{ANSWER_LIMIT, KafkaBroker, properties, with_free_ports};
use crate::process::Process;
use crate::tools::free_port;
use crate::wait::{SHORT, ok_if, wait_for};

/// How many nodes there are.
pub const CLUSTER_SIZE: usize = 3;
const COPIES: i32 = 3;
const NAMES: [&str; CLUSTER_SIZE] = ["kafka-0", "kafka-1", "kafka-2"];
/// Any 16 bytes in base64, by which the nodes know each other's storage.
const DIRECTORY_IDS: [&str; CLUSTER_SIZE] =
    ["linkrelay-testkit-0-dA", "linkrelay-testkit-1-dA", "linkrelay-testkit-2-dA"];
/// For three nodes that share a busy machine with everything else.
const SETTLE_LIMIT: Duration = Duration::from_secs(180);
const OFFSETS_TOPIC: &str = "__consumer_offsets";

/// The settings of a node of three, in addition to or instead of those of a single node.
const SETTINGS: &[(&str, &str)] = &[
    ("default.replication.factor", "3"),
    ("min.insync.replicas", "2"),
    ("offsets.topic.replication.factor", "3"),
    ("transaction.state.log.replication.factor", "3"),
    ("transaction.state.log.min.isr", "2"),
    ("share.coordinator.state.topic.replication.factor", "3"),
    ("share.coordinator.state.topic.min.isr", "2"),
    // Leaders that a kill has moved return soon after the node is back.
    ("leader.imbalance.check.interval.seconds", "5"),
    ("replica.lag.time.max.ms", "5000"),
    // A node that only waits for the CPU is not dead.
    ("broker.session.timeout.ms", "6000"),
    ("controller.quorum.fetch.timeout.ms", "4000"),
    ("controller.quorum.election.timeout.ms", "2000"),
];

/// Nodes under a test's control, numbered from 0. Dropping them kills them and removes their data.
#[derive(Debug)]
pub struct KafkaCluster {
    nodes: Vec<KafkaBroker>,
    running: BTreeSet<usize>,
}

/// A part of a cluster, named by its job at the time when it is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// Every node; in a schedule, the only one.
    All,
    /// The node that leads the most partitions of the topic.
    Leader,
    /// The node that leads the fewest.
    Follower,
    /// The node that leads the controllers.
    Controller,
    /// The node that coordinates the group.
    Coordinator,
    /// A leader and another node: one copy is left, which is too few to acknowledge a write.
    TwoOfThree,
}

/// The state of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
struct PartitionState {
    leader: Option<usize>,
    in_sync: usize,
}

impl KafkaCluster {
    /// Starts three nodes.
    ///
    /// # Errors
    /// If Kafka is missing (`make tools`), or a node does not start; then with the end of its log.
    pub async fn start() -> Result<Self> {
        with_free_ports(Self::try_start).await
    }

    /// Starts a single node, which has the only copy of everything.
    ///
    /// # Errors
    /// Like [`KafkaCluster::start`].
    pub async fn start_single() -> Result<Self> {
        Ok(Self { nodes: vec![KafkaBroker::start().await?], running: BTreeSet::from([0]) })
    }

    async fn try_start() -> Result<Self> {
        let (mut ports, mut controllers) = ([0; CLUSTER_SIZE], Vec::new());
        for port in &mut ports {
            *port = free_port()?;
            controllers.push(free_port()?);
        }
        let preparing =
            (0..CLUSTER_SIZE).map(|number| prepare(number, ports[number], &controllers));
        let nodes = try_join_all(preparing).await?;
        let bootstrap_servers: Vec<String> =
            nodes.iter().map(|node| node.addr().to_string()).collect();
        let mut brokers = Vec::new();
        for node in nodes {
            let (process, bootstrap_servers) = (node.spawn()?, bootstrap_servers.join(","));
            brokers.push(KafkaBroker { process, node, bootstrap_servers, replication: COPIES });
        }
        try_join_all(brokers.iter_mut().map(KafkaBroker::until_ready)).await?;
        Ok(Self { nodes: brokers, running: (0..CLUSTER_SIZE).collect() })
    }

    /// A node. Its clients know the addresses of all nodes, so it also answers for the cluster.
    pub fn node(&self, number: usize) -> &KafkaBroker {
        &self.nodes[number]
    }

    /// The process of each node, for its logs.
    pub fn processes(&self) -> Vec<&Process> {
        self.nodes.iter().map(KafkaBroker::process).collect()
    }

    /// Kills a node with SIGKILL.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn kill(&mut self, number: usize) -> Result<()> {
        self.running.remove(&number);
        self.nodes[number].kill().map(drop)
    }

    /// Stops a node with SIGSTOP, until [`KafkaCluster::thaw`].
    ///
    /// # Errors
    /// If it does not run.
    pub fn freeze(&mut self, number: usize) -> Result<()> {
        self.nodes[number].pause()
    }

    /// Sends SIGCONT to every node that runs; then waits until all copies are in sync again.
    ///
    /// # Errors
    /// If the copies do not get in sync.
    pub async fn thaw(&mut self) -> Result<()> {
        for number in &self.running {
            self.nodes[*number].resume()?;
        }
        self.until_in_sync().await
    }

    /// Starts every node that was killed, one after the other, and waits until all copies are in
    /// sync again: only then does a further kill leave the other copies complete.
    ///
    /// # Errors
    /// If a node does not start, with the end of its log, or the copies do not get in sync.
    pub async fn restart(&mut self) -> Result<()> {
        for number in 0..self.nodes.len() {
            if !self.running.contains(&number) {
                self.nodes[number].restart().await?;
                self.running.insert(number);
            }
        }
        self.until_in_sync().await
    }

    /// The node that leads each partition of a topic; partitions without a leader are left out.
    ///
    /// # Errors
    /// If no node answers, or there is no such topic.
    pub async fn leaders(&self, topic: &str) -> Result<BTreeMap<i32, usize>> {
        let topics = self.topics().await?;
        let partitions = topics.get(topic).context("there is no such topic")?.iter();
        Ok(partitions.filter_map(|(id, state)| state.leader.map(|node| (*id, node))).collect())
    }

    /// The numbers of the nodes that are now this part of the cluster, for a topic and a group.
    ///
    /// # Errors
    /// If no node answers, or an election is in progress.
    pub async fn find(&self, part: Part, topic: &str, group: &str) -> Result<Vec<usize>> {
        Ok(match part {
            Part::All => (0..self.nodes.len()).collect(),
            Part::Leader => vec![self.leader_and_follower(topic).await?.0],
            Part::Follower => vec![self.leader_and_follower(topic).await?.1],
            Part::Controller => vec![self.controller()?],
            Part::Coordinator => vec![self.coordinator(group).await?],
            Part::TwoOfThree => {
                let (_, follower) = self.leader_and_follower(topic).await?;
                (0..self.nodes.len()).filter(|node| *node != follower).collect()
            }
        })
    }

    /// The node that leads the most partitions of a topic, and the one that leads the fewest.
    ///
    /// # Errors
    /// Like [`KafkaCluster::leaders`].
    pub async fn leader_and_follower(&self, topic: &str) -> Result<(usize, usize)> {
        let leaders = self.leaders(topic).await?;
        let led = |node: &usize| leaders.values().filter(|leader| *leader == node).count();
        let leader = self.running.iter().copied().max_by_key(led).context("no node runs")?;
        let others = self.running.iter().copied().filter(|node| *node != leader);
        Ok((leader, others.min_by_key(led).context("only one node runs")?))
    }

    /// The node that coordinates a group: it leads the group's partition of the offsets topic.
    ///
    /// # Errors
    /// Like [`KafkaCluster::leaders`]; there is no offsets topic before the first group.
    pub async fn coordinator(&self, group: &str) -> Result<usize> {
        let count = self.topics().await?.get(OFFSETS_TOPIC).map_or(0, BTreeMap::len);
        let leaders = self.leaders(OFFSETS_TOPIC).await?;
        let partition = java_hash(group) & i32::MAX;
        let partition = partition.checked_rem(i32::try_from(count)?).context("no partitions")?;
        leaders.get(&partition).copied().context("the group has no coordinator now")
    }

    /// The node that leads the controllers, by the newest state that the nodes have on disk: the
    /// metadata for clients names any node instead.
    ///
    /// # Errors
    /// If no node knows one.
    pub fn controller(&self) -> Result<usize> {
        let states = self.running.iter().filter_map(|number| {
            let file = self.nodes[*number].node.folder.path().join(QUORUM_STATE);
            serde_json::from_slice::<QuorumState>(&std::fs::read(file).ok()?).ok()
        });
        let newest =
            states.filter(|state| state.leader_id >= 0).max_by_key(|state| state.leader_epoch);
        let leader = newest.context("no node knows the controller")?.leader_id;
        usize::try_from(leader).context("a node's number")
    }

    async fn until_in_sync(&self) -> Result<()> {
        wait_for("all copies to be in sync", SETTLE_LIMIT, SHORT * 10, async || {
            let topics = self.topics().await.map_err(|error| format!("{error:#}"))?;
            let partitions = topics.iter().flat_map(|(topic, partitions)| {
                partitions.iter().map(move |(id, state)| (topic, id, state))
            });
            let copies = self.nodes.len();
            let behind: Vec<String> = partitions
                .filter(|(_, _, state)| state.leader.is_none() || state.in_sync < copies)
                .map(|(topic, id, state)| format!("{topic}/{id}: {state:?}"))
                .collect();
            ok_if(behind.is_empty(), behind.join(", "))
        })
        .await
    }

    /// Every topic's partitions.
    async fn topics(&self) -> Result<BTreeMap<String, BTreeMap<i32, PartitionState>>> {
        ask(self.nodes[0].client_config(), "(all)", |consumer, _| topics(consumer)).await
    }
}

/// Relative to a node's folder.
const QUORUM_STATE: &str = "data/__cluster_metadata-0/quorum-state";

/// A node's file about the election of the controllers.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct QuorumState {
    leader_id: i32,
    leader_epoch: i64,
}

async fn prepare(number: usize, port: u16, controllers: &[u16]) -> Result<Node> {
    let addresses: Vec<String> =
        controllers.iter().map(|port| format!("127.0.0.1:{port}")).collect();
    let voters = addresses.iter().zip(DIRECTORY_IDS).enumerate();
    let voters: Vec<String> =
        voters.map(|(id, (address, directory))| format!("{id}@{address}:{directory}")).collect();
    let (id, quorum) = (number.to_string(), addresses.join(","));
    let mut settings = SETTINGS.to_vec();
    settings.extend([("node.id", id.as_str()), ("controller.quorum.bootstrap.servers", &quorum)]);
    let text = |folder: &Path| properties::text(folder, port, controllers[number], &settings);
    Node::prepare(NAMES[number], port, text, &["--initial-controllers", &voters.join(",")]).await
}

impl Borrow<KafkaBroker> for KafkaCluster {
    fn borrow(&self) -> &KafkaBroker {
        self.node(0)
    }
}

fn topics(consumer: &BaseConsumer) -> Result<BTreeMap<String, BTreeMap<i32, PartitionState>>> {
    let metadata = consumer.fetch_metadata(None, ANSWER_LIMIT)?;
    let of_topic = |topic: &rdkafka::metadata::MetadataTopic| {
        let partitions = topic.partitions().iter().map(|partition| {
            let leader = usize::try_from(partition.leader()).ok();
            (partition.id(), PartitionState { leader, in_sync: partition.isr().len() })
        });
        (topic.name().to_owned(), partitions.collect())
    };
    Ok(metadata.topics().iter().map(of_topic).collect())
}

/// `String.hashCode`, by which Kafka finds a group's partition.
fn java_hash(text: &str) -> i32 {
    text.encode_utf16()
        .fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_that_of_java() {
        assert_eq!(java_hash(""), 0);
        assert_eq!(java_hash("linkrelay"), java_hash("linkrela").wrapping_mul(31) + 121);
        // As jshell prints them.
        assert_eq!(java_hash("hello"), 99_162_322);
        assert_eq!(java_hash("polygenelubricants"), i32::MIN);
    }
}
