//! A Kafka cluster that is made to fail in parts, which are found when their moment comes.

use std::time::Duration;

use anyhow::Result;

use super::schedule::Part;
use crate::kafka::{CLUSTER_SIZE, KafkaCluster};
use crate::wait::{SHORT, wait_for};

/// A part may be between two elections.
const FIND_LIMIT: Duration = Duration::from_secs(60);

/// The cluster, and whose leaders and coordinator are meant.
#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) kafka: Box<KafkaCluster>,
    topic: &'static str,
    group: &'static str,
}

impl Cluster {
    pub(super) fn new(kafka: KafkaCluster, topic: &'static str, group: &'static str) -> Self {
        Self { kafka: Box::new(kafka), topic, group }
    }

    /// SIGKILL.
    pub(super) async fn kill(&mut self, part: Part) -> Result<()> {
        for node in self.until_found(part).await? {
            self.kafka.kill(node)?;
        }
        Ok(())
    }

    /// SIGSTOP.
    pub(super) async fn freeze(&mut self, part: Part) -> Result<()> {
        for node in self.until_found(part).await? {
            self.kafka.freeze(node)?;
        }
        Ok(())
    }

    async fn until_found(&self, part: Part) -> Result<Vec<usize>> {
        wait_for("a part of the cluster", FIND_LIMIT, SHORT * 10, async || {
            self.find(part).await.map_err(|error| format!("{part:?}: {error:#}"))
        })
        .await
    }

    /// The numbers of the nodes that the part is made of now.
    async fn find(&self, part: Part) -> Result<Vec<usize>> {
        let (leader, follower) = self.kafka.leader_and_follower(self.topic).await?;
        Ok(match part {
            Part::Leader => vec![leader],
            Part::Follower => vec![follower],
            Part::Controller => vec![self.kafka.controller()?],
            Part::Coordinator => vec![self.kafka.coordinator(self.group).await?],
            Part::TwoOfThree => (0..CLUSTER_SIZE).filter(|node| *node != follower).collect(),
        })
    }
}
