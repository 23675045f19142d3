//! Whatever can be made to fail, under one hand; follows its part of the schedule.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::time::{Instant, sleep_until};

use super::cluster::Cluster;
use super::role::Role;
use super::schedule::{Act, Step, Target};
use super::timeline::Timeline;
use crate::kafka::{CLUSTER_SIZE, KafkaBroker};
use crate::mongo::MongoServer;

/// How soon a process that ended by itself is noticed.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);

/// A server, or one of linkrelay's processes.
#[derive(Debug)]
pub(super) enum Server {
    Broker(Box<KafkaBroker>),
    Cluster(Cluster),
    Store(Box<MongoServer>),
    Role(Box<Role>),
}

/// A server that has gone through its steps.
#[derive(Debug)]
pub(super) struct Followed {
    pub(super) target: Target,
    pub(super) server: Server,
    /// What it did that it should not have.
    pub(super) complaints: Vec<String>,
}

/// Takes a server through its steps, each at its time or as soon as the one before is done.
///
/// # Errors
/// If a step could not be done, which is the fault of this program or of a test server.
pub(super) async fn follow(
    target: Target,
    mut server: Server,
    steps: Vec<Step>,
    timeline: Timeline,
) -> Result<Followed> {
    let mut complaints = Vec::new();
    for step in steps {
        server.watch_until(timeline.begin() + step.at, &timeline, &mut complaints).await?;
        timeline.note(format!("{target}: {:?}", step.act));
        let began = Instant::now();
        let complaint = server
            .perform(step.act)
            .await
            .with_context(|| format!("{:?} of {target}, planned for {:?}", step.act, step.at))?;
        if began.elapsed() > LOOK_INTERVAL {
            timeline.note(format!("{target}: {:?} is done", step.act));
        }
        complain(complaint, &timeline, &mut complaints);
    }
    Ok(Followed { target, server, complaints })
}

impl Server {
    /// The broker, or a node of the cluster, that can be asked about topics and groups.
    pub(super) fn broker(&self) -> Result<&KafkaBroker> {
        match self {
            Self::Broker(broker) => Ok(broker),
            Self::Cluster(cluster) => Ok(cluster.kafka.node(0)),
            Self::Store(_) | Self::Role(_) => bail!("it is not Kafka"),
        }
    }

    /// Keeps the logs of a server whose own folder goes with it; roles log there anyway.
    pub(super) fn keep_logs(&self, folder: &Path) -> Result<()> {
        let processes = match self {
            Self::Broker(broker) => vec![broker.process()],
            Self::Cluster(cluster) => {
                (0..CLUSTER_SIZE).map(|number| cluster.kafka.node(number).process()).collect()
            }
            Self::Store(store) => vec![store.process()?],
            Self::Role(_) => Vec::new(),
        };
        for log in processes.iter().flat_map(|ran| [ran.stdout_path(), ran.stderr_path()]) {
            let name = log.file_name().context("a log without a name")?;
            std::fs::copy(log, folder.join(name))
                .with_context(|| format!("keeping {}", log.display()))?;
        }
        Ok(())
    }

    /// A role that ended by itself is a complaint, and starts again.
    pub(super) fn revive(&mut self, timeline: &Timeline) -> Result<Option<String>> {
        let Self::Role(role) = self else { return Ok(None) };
        let complaint = role.revive()?;
        if complaint.is_some() {
            timeline.note(format!("{} ended by itself and was started again", role.name()));
        }
        Ok(complaint)
    }

    async fn watch_until(
        &mut self,
        at: Instant,
        timeline: &Timeline,
        complaints: &mut Vec<String>,
    ) -> Result<()> {
        while Instant::now() < at {
            complaints.extend(self.revive(timeline)?);
            sleep_until(at.min(Instant::now() + LOOK_INTERVAL)).await;
        }
        Ok(())
    }

    /// Gives a complaint if the server did not take it as it should.
    pub(super) async fn perform(&mut self, act: Act) -> Result<Option<String>> {
        match (self, act) {
            (Self::Broker(broker), Act::Kill) => broker.kill().map(drop)?,
            (Self::Broker(broker), Act::Start) => broker.restart().await?,
            (Self::Broker(broker), Act::Freeze) => broker.pause()?,
            (Self::Broker(broker), Act::Thaw) => broker.resume()?,
            (Self::Cluster(cluster), Act::KillPart(part)) => cluster.kill(part).await?,
            (Self::Cluster(cluster), Act::Start) => cluster.kafka.restart().await?,
            (Self::Cluster(cluster), Act::FreezePart(part)) => cluster.freeze(part).await?,
            (Self::Cluster(cluster), Act::Thaw) => cluster.kafka.thaw().await?,
            (Self::Store(store), Act::Kill) => store.kill().map(drop)?,
            (Self::Store(store), Act::Start) => store.restart().await?,
            (Self::Store(store), Act::Freeze) => store.pause()?,
            (Self::Store(store), Act::Thaw) => store.resume()?,
            (Self::Role(role), Act::Kill) => role.kill()?,
            (Self::Role(role), Act::Start) => role.start()?,
            (Self::Role(role), Act::Freeze) => role.freeze()?,
            (Self::Role(role), Act::Thaw) => role.thaw()?,
            (Self::Role(role), Act::Terminate) => return Ok(role.terminate().await),
            (_, act) => bail!("no schedule has {act:?} for it"),
        }
        Ok(None)
    }
}

fn complain(complaint: Option<String>, timeline: &Timeline, complaints: &mut Vec<String>) {
    if let Some(complaint) = complaint {
        timeline.note(complaint.lines().next().unwrap_or_default());
        complaints.push(complaint);
    }
}
