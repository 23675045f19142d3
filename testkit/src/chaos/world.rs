//! What a run breaks: the servers and linkrelay's processes on them, each of which follows its part
//! of the schedule.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use futures::TryStreamExt as _;
use futures::future::try_join_all;
use mongodb::bson::doc;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::RDKafkaErrorCode;
use tokio::time::{Instant, sleep_until};

use super::check::{Found, FoundDocument, FoundRow};
use super::report::Log;
use super::schedule::{Act, CONSUMERS, Schedule, Target};
use super::settings::{Brokers, CONSUMER_ENV, ChaosSettings, PARTITIONS, PRODUCER_ENV};
use crate::kafka::{KafkaCluster, Part};
use crate::mongo::MongoServer;
use crate::process::workspace_binary;
use crate::site::{Role, Site};
use crate::wait::{SHORT, wait_for};

/// How soon a process that exited unexpectedly is noticed.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);
/// An election of the cluster may be in progress.
const FIND_LIMIT: Duration = Duration::from_secs(60);
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// The broker may be down when the topic is to grow.
const GROWTH_LIMIT: Duration = Duration::from_secs(180);

/// Everything that runs.
#[derive(Debug)]
pub(super) struct World {
    pub(super) site: Site<KafkaCluster, MongoServer>,
    pub(super) producer: Role,
    pub(super) consumers: Vec<Role>,
    /// The topic of results; an older release does not know them.
    results: Option<String>,
}

impl World {
    /// Starts the servers, the producer and one consumer.
    pub(super) async fn start(settings: &ChaosSettings, log_dir: &Path) -> Result<Self> {
        let kafka = async {
            match settings.brokers {
                Brokers::One => KafkaCluster::start_single().await,
                Brokers::Three => KafkaCluster::start().await,
            }
        };
        // A store that may lose what it acknowledged would be counted as linkrelay's loss.
        let (kafka, store) = tokio::try_join!(kafka, MongoServer::start_durable())?;
        let site = Site::start(kafka, store, settings.youtube()).await?;
        site.create_topics(PARTITIONS).await?;
        let results = settings.replacement.is_none().then(|| format!("{}.results", site.topic));
        if let Some(results) = &results {
            site.broker.node(0).create_topic(results, PARTITIONS).await?;
        }
        let role = |name: &str, program: &str| {
            let program = match &settings.replacement {
                Some(replacement) => replacement.before.join(program),
                None => workspace_binary(program)?,
            };
            anyhow::Ok(Role::new(name, program)?.envs(site.env()).log_dir(log_dir))
        };
        let producer = role("producer", "linkrelay-producer")?.envs(PRODUCER_ENV);
        let consumer = |number| {
            let role = role(&format!("consumer-{number}"), "linkrelay-consumer")?;
            let role = role.envs(CONSUMER_ENV).envs(settings.member_env(number));
            anyhow::Ok(role.envs(results.iter().map(|topic| ("KAFKA_RESULTS_TOPIC", topic))))
        };
        let consumers = (0..CONSUMERS).map(consumer).collect::<Result<_>>()?;
        let mut world = Self { site, producer, consumers, results };
        world.producer.start()?;
        world.consumers[0].start()?;
        Ok(world)
    }

    /// Takes everything through the schedule; ends when no fault is left.
    ///
    /// # Errors
    /// If a step could not be done, which is a failure of the suite or of a test server.
    pub(super) async fn follow(&mut self, schedule: &Schedule, log: &Log) -> Result<()> {
        let Self { site, producer, consumers, .. } = self;
        let kafka = site.broker.node(0).client_config();
        let mut servers = vec![
            (Target::Topic, Server::Topic(kafka.create()?, &site.topic)),
            (Target::Kafka(Part::All), Server::Kafka(&mut site.broker, &site.topic)),
            (Target::Store, Server::Store(&mut site.mongo)),
            (Target::Producer, Server::Role(producer)),
        ];
        let consumers = consumers.iter_mut().enumerate();
        servers
            .extend(consumers.map(|(number, role)| (Target::Consumer(number), Server::Role(role))));
        let following = servers.into_iter().map(|(target, server)| {
            let steps = schedule.steps(target);
            async move { server.follow(steps, log).await }
        });
        try_join_all(following).await.map(drop)
    }

    /// Starts every role again that has exited unexpectedly.
    pub(super) fn revive(&mut self, log: &Log) -> Result<()> {
        self.roles().try_for_each(|role| revive(role, log))
    }

    /// Stops linkrelay, the producer first.
    pub(super) async fn stop(&mut self, log: &Log) {
        for role in self.roles() {
            stop(role, log).await;
        }
    }

    /// Gathers what is there; linkrelay must have stopped.
    pub(super) async fn found(&self) -> Result<Found> {
        let (site, broker) = (&self.site, self.site.broker.node(0));
        let fields = doc! {
            "link": 1, "video_id": 1, "status": 1, "error.class": 1, "video.title": 1,
            "extracted_at": 1,
        };
        let documents = site.documents.clone_with_type::<FoundDocument>();
        let documents = documents.find(doc! {}).projection(fields).await;
        let documents = documents.context("reading the documents")?.try_collect().await;
        let rows = site.videos.clone_with_type::<FoundRow>();
        let rows = rows.find(doc! {}).projection(doc! { "newest.extracted_at": 1 }).await;
        let rows = rows.context("reading the rows of videos")?.try_collect().await;
        Ok(Found {
            rows: rows.context("reading the rows of videos")?,
            records: broker.topic_records(&site.topic).await?,
            documents: documents.context("reading the documents")?,
            dead_letters: site.dead_letters().await?,
            results: match &self.results {
                Some(topic) => Some(broker.topic_records(topic).await?),
                None => None,
            },
            committed: broker.committed(site.group(), &site.topic).await?,
            ends: broker.end_offsets(&site.topic).await?,
        })
    }

    /// Copies the logs of the servers, whose own folders are removed with them; the roles log
    /// there already.
    pub(super) fn keep_logs(&self, folder: &Path) -> Result<()> {
        let mut processes = self.site.broker.processes();
        processes.push(self.site.mongo.process()?);
        for log in processes.iter().flat_map(|ran| [ran.stdout_path(), ran.stderr_path()]) {
            let name = log.file_name().context("a log without a name")?;
            std::fs::copy(log, folder.join(name))
                .with_context(|| format!("keeping {}", log.display()))?;
        }
        Ok(())
    }

    fn roles(&mut self) -> impl Iterator<Item = &mut Role> {
        std::iter::once(&mut self.producer).chain(&mut self.consumers)
    }
}

fn revive(role: &mut Role, log: &Log) -> Result<()> {
    role.revive()?.into_iter().for_each(|report| log.misbehaved(report));
    Ok(())
}

pub(super) async fn stop(role: &mut Role, log: &Log) {
    if let Err(error) = role.stop().await {
        log.misbehaved(format!("{error:#}"));
    }
}

/// Something that can be broken. Kafka comes with the topic whose leaders are meant.
enum Server<'a> {
    Topic(AdminClient<DefaultClientContext>, &'a str),
    Kafka(&'a mut KafkaCluster, &'a str),
    Store(&'a mut MongoServer),
    Role(&'a mut Role),
}

impl Server<'_> {
    /// Takes each step at its time, or as soon as the step before is done.
    async fn follow(mut self, steps: Vec<(Duration, Act, Target)>, log: &Log) -> Result<()> {
        for (at, act, target) in steps {
            let due = log.begin + at;
            while Instant::now() < due {
                if let Self::Role(role) = &mut self {
                    revive(role, log)?;
                }
                sleep_until(due.min(Instant::now() + LOOK_INTERVAL)).await;
            }
            log.note(&format!("{act} {target}"));
            let began = Instant::now();
            let done = self.perform(act, target, log).await;
            done.with_context(|| format!("{act} {target}, planned for {at:?}"))?;
            if began.elapsed() > LOOK_INTERVAL {
                log.note(&format!("{act} {target}: done"));
            }
        }
        // A Kafka client waits for its threads when it is dropped.
        match self {
            Self::Topic(admin, _) => Ok(tokio::task::spawn_blocking(move || drop(admin)).await?),
            _ => Ok(()),
        }
    }

    async fn perform(&mut self, act: Act, target: Target, log: &Log) -> Result<()> {
        match (self, act, target) {
            (Self::Topic(admin, topic), Act::Grow(count), _) => grow(admin, topic, count).await,
            (Self::Kafka(kafka, topic), Act::Kill | Act::Freeze, Target::Kafka(part)) => {
                let is_kill = act == Act::Kill;
                find(kafka, part, topic).await?.into_iter().try_for_each(|node| {
                    if is_kill { kafka.kill(node) } else { kafka.freeze(node) }
                })
            }
            (Self::Kafka(kafka, _), Act::Start, _) => kafka.restart().await,
            (Self::Kafka(kafka, _), Act::Thaw, _) => kafka.thaw().await,
            (Self::Store(store), Act::Kill, _) => store.kill().map(drop),
            (Self::Store(store), Act::Start, _) => store.restart().await,
            (Self::Store(store), Act::Freeze, _) => store.pause(),
            (Self::Store(store), Act::Thaw, _) => store.resume(),
            (Self::Role(role), Act::Kill, _) => role.kill(),
            (Self::Role(role), Act::Start, _) => role.start(),
            (Self::Role(role), Act::Freeze, _) => role.process_mut()?.pause(),
            (Self::Role(role), Act::Thaw, _) => role.process_mut()?.resume(),
            (Self::Role(role), Act::Stop, _) => {
                stop(role, log).await;
                Ok(())
            }
            (_, act, target) => bail!("no schedule has {act} for {target}"),
        }
    }
}

/// The nodes that are now this part of the cluster. The group has the topic's name.
async fn find(kafka: &KafkaCluster, part: Part, topic: &str) -> Result<Vec<usize>> {
    wait_for("a part of the cluster", FIND_LIMIT, SHORT * 10, async || {
        let found = kafka.find(part, topic, topic).await;
        found.map_err(|error| format!("{part:?}: {error:#}"))
    })
    .await
}

/// Lets a topic grow as soon as the broker does it.
async fn grow(admin: &AdminClient<DefaultClientContext>, topic: &str, count: i32) -> Result<()> {
    let options = AdminOptions::new()
        .operation_timeout(Some(ANSWER_LIMIT))
        .request_timeout(Some(ANSWER_LIMIT));
    let wanted = [NewPartitions::new(topic, usize::try_from(count)?)];
    wait_for("the topic's growth", GROWTH_LIMIT, SHORT * 10, async || {
        let grown = admin.create_partitions(&wanted, &options).await;
        let grown = grown.map_err(|error| error.to_string())?;
        grown.into_iter().try_for_each(|grown| match grown {
            // The broker did it before, and its answer was lost.
            Ok(_) | Err((_, RDKafkaErrorCode::InvalidPartitions)) => Ok(()),
            Err((_, code)) => Err(code.to_string()),
        })
    })
    .await
}
