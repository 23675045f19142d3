//! `linkrelay topics`: makes the topics, or describes them.

use std::io::Write;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, Subcommand};
use linkrelay_kafka::topic::settings::{self, TopicRole, TopicSettings};
use linkrelay_kafka::topic::{self, Created, TopicDescription, TopicError};
use linkrelay_kafka::{KafkaSettings, RelayContext, unknown_key};
use rdkafka::admin::AdminClient;
use rdkafka::consumer::{BaseConsumer, Consumer};

use crate::exit::Outcome;

const TIMEOUT: Duration = Duration::from_secs(15);
/// Dead letters are few, and one partition keeps them in order.
const DLQ_PARTITIONS: usize = 1;

/// What to do with the topics.
#[derive(Debug, Subcommand)]
pub(crate) enum TopicsCommand {
    /// Make the topics, or grow the topic of links; safe to run twice
    Create(CreateArguments),
    /// Show partitions, replicas and settings of the topics
    Describe(KafkaSettings),
}

/// The size of the topics.
#[derive(Debug, Args)]
pub(crate) struct CreateArguments {
    /// Partitions of the topic of links: as many consumers can share the work; a new topic of
    /// results gets as many
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u16).range(1..))]
    partitions: u16,

    /// Copies of each partition; from 3 on, a link is acknowledged only when two brokers have it
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    replication: u16,

    #[command(flatten)]
    kafka: KafkaSettings,
}

pub(crate) async fn run(command: TopicsCommand) -> anyhow::Result<Outcome> {
    match command {
        TopicsCommand::Create(arguments) => create(&arguments).await,
        TopicsCommand::Describe(kafka) => describe(&kafka).await,
    }
}

async fn create(arguments: &CreateArguments) -> anyhow::Result<Outcome> {
    let kafka = &arguments.kafka;
    kafka.validate_topics()?;
    // An admin client does not report why it has no answer.
    match Reader::new(kafka)?.describe(&kafka.kafka_topic) {
        Ok(_) | Err(TopicError::Missing(_)) => {}
        unreachable => drop(unreachable.with_context(|| asked(kafka))?),
    }
    let admin = admin(kafka)?;
    let partitions = usize::from(arguments.partitions);
    create_one(&admin, arguments, TopicRole::Links, partitions, None).await?;
    // A dead letter is a little larger than its record.
    let links = TopicSettings::read(&admin, &kafka.kafka_topic, TIMEOUT).await;
    let largest_link_bytes = links.ok().and_then(|settings| settings.max_message_bytes);
    // A dead-letter topic that an operator made larger keeps its size.
    let of_dlq = existing(&admin, &kafka.kafka_dlq_topic).unwrap_or(DLQ_PARTITIONS);
    create_one(&admin, arguments, TopicRole::DeadLetters, of_dlq, largest_link_bytes).await?;
    if let Some(results) = kafka.results_topic() {
        // One that is there is not grown: results of one document would be in two partitions.
        let of_results = existing(&admin, results).unwrap_or(partitions);
        create_one(&admin, arguments, TopicRole::Results, of_results, None).await?;
    }
    Ok(Outcome::Done)
}

async fn create_one(
    admin: &AdminClient<RelayContext>,
    arguments: &CreateArguments,
    role: TopicRole,
    partitions: usize,
    largest_link_bytes: Option<i64>,
) -> anyhow::Result<()> {
    let kafka = &arguments.kafka;
    let (name, replicas) = (topic_of(kafka, role), usize::from(arguments.replication));
    let settings = settings::of_new(role, replicas, largest_link_bytes);
    let created = topic::create(admin, name, partitions, replicas, &settings, TIMEOUT).await;
    let created = created.with_context(|| asked(kafka))?;
    let line = match created {
        Created::New => format!("{name}: created with {partitions} partitions"),
        Created::Grown { from } => format!("{name}: grown from {from} to {partitions} partitions"),
        Created::Already => format!("{name}: has {partitions} partitions already"),
    };
    writeln!(std::io::stdout(), "{line}")?;
    if created != Created::New {
        write_differences(admin, kafka, role, largest_link_bytes).await?;
    }
    Ok(())
}

/// Writes how a topic that existed before differs; its settings are the operator's, so they are not
/// changed.
async fn write_differences(
    admin: &AdminClient<RelayContext>,
    kafka: &KafkaSettings,
    role: TopicRole,
    largest_link_bytes: Option<i64>,
) -> anyhow::Result<()> {
    let name = topic_of(kafka, role);
    let mut out = std::io::stdout();
    let found = match TopicSettings::read(admin, name, TIMEOUT).await {
        Ok(found) => found,
        Err(error) => {
            writeln!(out, "{name}: its settings are unknown: {error}")?;
            return Ok(());
        }
    };
    let replicas = tokio::task::block_in_place(|| topic::describe(admin.inner(), name, TIMEOUT));
    let replicas = replicas.with_context(|| asked(kafka))?.replicas_count;
    let differences = found.differences(role, replicas, largest_link_bytes);
    for difference in &differences {
        writeln!(out, "{name}: {difference}")?;
    }
    if let Some(command) = settings::command(kafka.brokers(), name, &differences) {
        writeln!(out, "{name}: to change it: {command}")?;
    }
    Ok(())
}

fn existing(admin: &AdminClient<RelayContext>, name: &str) -> Option<usize> {
    let described = tokio::task::block_in_place(|| topic::describe(admin.inner(), name, TIMEOUT));
    described.ok().map(|described| described.partitions_count)
}

async fn describe(kafka: &KafkaSettings) -> anyhow::Result<Outcome> {
    let (reader, admin) = (Reader::new(kafka)?, admin(kafka)?);
    let names = [kafka.kafka_topic.as_str(), &kafka.kafka_dlq_topic];
    for name in names.into_iter().chain(kafka.results_topic()) {
        let described = reader.describe(name).with_context(|| asked(kafka))?;
        let (partitions, replicas) = (described.partitions_count, described.replicas_count);
        let settings = match TopicSettings::read(&admin, name, TIMEOUT).await {
            Ok(settings) => settings.to_string(),
            Err(error) => format!("settings unknown: {error}"),
        };
        let line = format!("{name}: {partitions} partitions, {replicas} replicas, {settings}");
        writeln!(std::io::stdout(), "{line}")?;
    }
    Ok(Outcome::Done)
}

fn topic_of(kafka: &KafkaSettings, role: TopicRole) -> &str {
    match role {
        TopicRole::Links => &kafka.kafka_topic,
        TopicRole::DeadLetters => &kafka.kafka_dlq_topic,
        TopicRole::Results => &kafka.kafka_results_topic,
    }
}

fn admin(kafka: &KafkaSettings) -> anyhow::Result<AdminClient<RelayContext>> {
    let admin = kafka.client().create_with_context(RelayContext::default());
    Ok(admin.map_err(|error| unknown_key(&error))?)
}

/// A client that reports why it has no answer.
struct Reader(BaseConsumer<RelayContext>);

impl Reader {
    fn new(kafka: &KafkaSettings) -> anyhow::Result<Self> {
        kafka.validate_clients()?;
        let consumer = kafka.reader().create_with_context(RelayContext::new(kafka));
        Ok(Self(consumer.map_err(|error| unknown_key(&error))?))
    }

    fn describe(&self, name: &str) -> Result<TopicDescription, TopicError> {
        tokio::task::block_in_place(|| {
            let described = topic::describe(self.0.client(), name, TIMEOUT);
            topic::explained_to(&self.0, described)
        })
    }
}

fn asked(kafka: &KafkaSettings) -> String {
    format!("asking {}", kafka.brokers())
}
