//! A topic full of links as the producer writes them, and clients with linkrelay's own settings.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use jiff::Timestamp;
use linkrelay_common::{LinkIdentity, LinkTarget, RequestId, VideoId};
use linkrelay_consumer::PipelineSettings;
use linkrelay_kafka::LinkRecord;
use linkrelay_kafka::{GroupSettings, KafkaSettings};
use linkrelay_testkit::kafka::KafkaBroker;
use linkrelay_testkit::wait::{SHORT, wait_for};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::sample;

/// The partitions of every topic, as in the targets.
pub(crate) const PARTITIONS: i32 = 6;
/// How long the broker has for anything.
const LIMIT: Duration = Duration::from_secs(60);

/// The settings of a consumer, as its binary has them.
#[derive(Debug, Clone, Parser)]
#[command(args_override_self = true)]
pub(crate) struct RelaySettings {
    #[command(flatten)]
    pub(crate) kafka: KafkaSettings,
    #[command(flatten)]
    pub(crate) group: GroupSettings,
    #[command(flatten)]
    pub(crate) pipeline: PipelineSettings,
}

impl RelaySettings {
    /// Returns the defaults with this broker and topic, its dead letters, and `over`.
    pub(crate) fn new(broker: &KafkaBroker, topic: &str, over: &[&str]) -> Result<Self> {
        let (brokers, dlq) = (broker.bootstrap_servers(), dlq(topic));
        let base = ["bench", "--kafka-brokers", &brokers];
        let topics = ["--kafka-topic", topic, "--kafka-dlq-topic", &dlq];
        Ok(Self::try_parse_from([&base[..], &topics, over].concat())?)
    }
}

/// Returns the name of the topic for the dead letters of a topic.
pub(crate) fn dlq(topic: &str) -> String {
    format!("{topic}.dlq")
}

/// Makes a new topic of six partitions, and one for its dead letters.
pub(crate) async fn fresh_topic(broker: &KafkaBroker) -> Result<String> {
    let topic = broker.fresh_topic("links", PARTITIONS).await?;
    broker.create_topic(&dlq(&topic), 1).await?;
    Ok(topic)
}

/// Makes a new topic with this number of links, one a record, keyed by video.
pub(crate) async fn preloaded_topic(broker: &KafkaBroker, links_count: usize) -> Result<String> {
    let topic = fresh_topic(broker).await?;
    write_links(broker, &topic, links_count).await?;
    Ok(topic)
}

/// Writes this number of links to an empty topic, one a record, keyed by video.
///
/// # Errors
/// If the topic has another number of links afterwards.
pub(crate) async fn write_links(
    broker: &KafkaBroker,
    topic: &str,
    links_count: usize,
) -> Result<()> {
    write_records(broker, topic, links_count, link_record).await
}

/// Like [`write_links`], with other records.
pub(crate) async fn write_records(
    broker: &KafkaBroker,
    topic: &str,
    links_count: usize,
    record: fn(usize) -> Result<LinkRecord>,
) -> Result<()> {
    eprintln!("writing {links_count} links to {topic}");
    // Large batches, so that filling takes seconds.
    let config = "linger.ms=20,queue.buffering.max.messages=500000";
    let settings = RelaySettings::new(broker, topic, &["--kafka-config", config])?;
    tokio::task::spawn_blocking(move || fill(&settings.kafka, links_count, record)).await??;
    let ends = broker.end_offsets(topic).await?;
    ensure!(ends.values().sum::<i64>() == i64::try_from(links_count)?, "not all arrived: {ends:?}");
    Ok(())
}

/// Returns a record as the producer writes it for a request of one link.
pub(crate) fn link_record(number: usize) -> Result<LinkRecord> {
    let video_id: VideoId = sample::video_id(number)?;
    Ok(LinkRecord {
        target: LinkTarget::Video(video_id),
        link: sample::link(number),
        force: false,
        identity: LinkIdentity::OfRequest { request_id: RequestId::new(1), index: 0 },
        submitted_at: Timestamp::now(),
        trace_parent: None,
        failed_in: None,
    })
}

fn fill(
    kafka: &KafkaSettings,
    links_count: usize,
    record: fn(usize) -> Result<LinkRecord>,
) -> Result<()> {
    let producer: BaseProducer = kafka.producer(LIMIT).create()?;
    for number in 0..links_count {
        let link = record(number)?;
        let (value, key) = (link.value(), link.target.key().into_owned());
        let mut record = BaseRecord::to(&kafka.kafka_topic)
            .key(&key)
            .payload(&value)
            .headers(link.headers().to_kafka());
        while let Err((error, refused)) = producer.send(record) {
            ensure!(error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull), error);
            producer.poll(Duration::from_millis(10));
            record = refused;
        }
        producer.poll(Duration::ZERO);
    }
    producer.flush(LIMIT).context("filling the topic")
}

/// Reads a topic with a bare `BaseConsumer` of linkrelay's own settings, and does nothing with the
/// records. Returns records a second, from the first one.
pub(crate) async fn bare_read(settings: &RelaySettings, records_count: usize) -> Result<f64> {
    let settings = settings.clone();
    tokio::task::spawn_blocking(move || {
        let consumer: BaseConsumer = settings.kafka.consumer(&settings.group).create()?;
        let mut list = TopicPartitionList::new();
        for partition in 0..PARTITIONS {
            let topic = &settings.kafka.kafka_topic;
            list.add_partition_offset(topic, partition, Offset::Beginning)?;
        }
        consumer.assign(&list)?;
        let mut begun = None;
        for _ in 0..records_count {
            let record = consumer.poll(LIMIT).context("no more records")??;
            begun.get_or_insert_with(Instant::now);
            drop(record);
        }
        let begun = begun.context("there are no records")?;
        Ok(records_count as f64 / begun.elapsed().as_secs_f64())
    })
    .await?
}

/// Waits until a group has committed all of a topic.
///
/// # Errors
/// If it has not after a minute.
pub(crate) async fn until_all_committed(
    broker: &KafkaBroker,
    settings: &RelaySettings,
) -> Result<()> {
    let (group, topic) = (&settings.group.kafka_group_id, &settings.kafka.kafka_topic);
    wait_for("the last commit", LIMIT, SHORT, async || match broker.lag(group, topic).await {
        Ok(0) => Ok(()),
        Ok(lag) => Err(format!("lag {lag}")),
        Err(error) => Err(format!("{error:#}")),
    })
    .await
}
