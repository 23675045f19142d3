//! `linkrelay topics`: makes the topics, or says how they are.

use std::io::Write;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, Subcommand};
use linkrelay_common::kafka::{KafkaSettings, RelayContext, unknown_key};
use linkrelay_common::topic::{self, Created};
use rdkafka::admin::AdminClient;

use crate::exit::Outcome;

const TIMEOUT: Duration = Duration::from_secs(15);
/// Dead letters are few, and kept in one order.
const DLQ_PARTITIONS: usize = 1;

/// What to do with the topics.
#[derive(Debug, Subcommand)]
pub(crate) enum TopicsCommand {
    /// Make both topics, or grow the topic of links; safe to run twice
    Create(CreateArguments),
    /// Show partitions and replicas of both topics
    Describe(DescribeArguments),
}

/// How large.
#[derive(Debug, Args)]
pub(crate) struct CreateArguments {
    /// Partitions of the topic of links: as many consumers can share the work
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u16).range(1..))]
    partitions: u16,

    /// Copies of each partition
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    replication: u16,

    #[command(flatten)]
    kafka: KafkaSettings,
}

/// Which topics.
#[derive(Debug, Args)]
pub(crate) struct DescribeArguments {
    #[command(flatten)]
    kafka: KafkaSettings,
}

pub(crate) async fn run(command: TopicsCommand) -> anyhow::Result<Outcome> {
    match command {
        TopicsCommand::Create(arguments) => create(arguments).await,
        TopicsCommand::Describe(arguments) => describe(&arguments.kafka),
    }
}

async fn create(arguments: CreateArguments) -> anyhow::Result<Outcome> {
    let kafka = &arguments.kafka;
    let admin = admin(kafka)?;
    let partitions = usize::from(arguments.partitions);
    for (name, partitions, grows) in
        [(&kafka.kafka_topic, partitions, true), (&kafka.kafka_dlq_topic, DLQ_PARTITIONS, false)]
    {
        let wanted = if grows { partitions } else { existing(&admin, name).unwrap_or(partitions) };
        let created =
            topic::create(&admin, name, wanted, usize::from(arguments.replication), TIMEOUT).await;
        let line = match created.with_context(|| asked(kafka))? {
            Created::New => format!("{name}: created with {wanted} partitions"),
            Created::Grown { from } => format!("{name}: grown from {from} to {wanted} partitions"),
            Created::Already => format!("{name}: has {wanted} partitions already"),
        };
        writeln!(std::io::stdout(), "{line}")?;
    }
    Ok(Outcome::Done)
}

/// A dead-letter topic that somebody made larger stays so.
fn existing(admin: &AdminClient<RelayContext>, name: &str) -> Option<usize> {
    let described = tokio::task::block_in_place(|| topic::describe(admin.inner(), name, TIMEOUT));
    described.ok().map(|described| described.partitions_count)
}

fn describe(kafka: &KafkaSettings) -> anyhow::Result<Outcome> {
    let admin = admin(kafka)?;
    for name in [&kafka.kafka_topic, &kafka.kafka_dlq_topic] {
        let described =
            tokio::task::block_in_place(|| topic::describe(admin.inner(), name, TIMEOUT));
        let described = described.with_context(|| asked(kafka))?;
        let (partitions, replicas) = (described.partitions_count, described.replicas_count);
        writeln!(std::io::stdout(), "{name}: {partitions} partitions, {replicas} replicas")?;
    }
    Ok(Outcome::Done)
}

fn admin(kafka: &KafkaSettings) -> anyhow::Result<AdminClient<RelayContext>> {
    Ok(kafka.client().create_with_context(RelayContext).map_err(|error| unknown_key(&error))?)
}

fn asked(kafka: &KafkaSettings) -> String {
    format!("asking {}", kafka.brokers())
}
