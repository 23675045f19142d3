//! A topic full of links, as the producer writes them, and clients with linkrelay's own settings.

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
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::sample;

/// As in the targets.
pub const PARTITIONS: i32 = 6;
/// How long the broker may take for anything.
const LIMIT: Duration = Duration::from_secs(60);

/// The settings of a consumer, as its binary has them.
#[derive(Debug, Clone, Parser)]
#[command(args_override_self = true)]
pub struct RelaySettings {
    /// The broker.
    #[command(flatten)]
    pub kafka: KafkaSettings,
    /// The group.
    #[command(flatten)]
    pub group: GroupSettings,
    /// How much at once.
    #[command(flatten)]
    pub pipeline: PipelineSettings,
}

impl RelaySettings {
    /// Defaults, but for the broker and the topic (its dead letters go beside it), and what is
    /// given on top.
    ///
    /// # Errors
    /// If a setting cannot be read.
    pub fn new(broker: &KafkaBroker, topic: &str, over: &[&str]) -> Result<Self> {
        let (brokers, dlq) = (broker.bootstrap_servers(), dlq(topic));
        let base = ["bench", "--kafka-brokers", &brokers];
        let topics = ["--kafka-topic", topic, "--kafka-dlq-topic", &dlq];
        Ok(Self::try_parse_from([&base[..], &topics, over].concat())?)
    }
}

/// The dead letters of a topic.
pub fn dlq(topic: &str) -> String {
    format!("{topic}.dlq")
}

/// Makes a fresh topic of six partitions, and one for its dead letters.
///
/// # Errors
/// If the broker does not answer.
pub async fn fresh_topic(broker: &KafkaBroker) -> Result<String> {
    let topic = broker.fresh_topic("links", PARTITIONS).await?;
    broker.create_topic(&dlq(&topic), 1).await?;
    Ok(topic)
}

/// Makes a fresh topic with so many links, one a record, keyed by video.
///
/// # Errors
/// If the broker does not take them all.
pub async fn preloaded_topic(broker: &KafkaBroker, links_count: usize) -> Result<String> {
    let topic = fresh_topic(broker).await?;
    eprintln!("writing {links_count} links to {topic}");
    // Large batches, so that filling takes seconds.
    let config = "linger.ms=20,queue.buffering.max.messages=500000";
    let settings = RelaySettings::new(broker, &topic, &["--kafka-config", config])?;
    tokio::task::spawn_blocking(move || fill(&settings.kafka, links_count)).await??;
    let ends = broker.end_offsets(&topic).await?;
    ensure!(ends.values().sum::<i64>() == i64::try_from(links_count)?, "not all arrived: {ends:?}");
    Ok(topic)
}

/// A record as the producer writes it for a request of one link.
///
/// # Errors
/// If the number is too large for a video's id.
pub fn link_record(number: usize) -> Result<LinkRecord> {
    let video_id: VideoId = sample::video_id(number)?;
    Ok(LinkRecord {
        target: LinkTarget::Video(video_id),
        link: sample::link(number),
        force: false,
        identity: LinkIdentity::OfRequest { request_id: RequestId::new(1), index: 0 },
        submitted_at: Timestamp::now(),
        trace_parent: None,
    })
}

fn fill(kafka: &KafkaSettings, links_count: usize) -> Result<()> {
    let producer: BaseProducer = kafka.producer(LIMIT).create()?;
    for number in 0..links_count {
        let link = link_record(number)?;
        let (value, key) = (link.value(), link.target.key().into_owned());
        let mut record = BaseRecord::to(&kafka.kafka_topic)
            .key(&key)
            .payload(&value)
            .headers(link.headers().to_kafka());
        while let Err((error, refused)) = producer.send(record) {
            ensure!(is_queue_full(&error), error);
            producer.poll(Duration::from_millis(10));
            record = refused;
        }
        producer.poll(Duration::ZERO);
    }
    producer.flush(LIMIT).context("filling the topic")
}

fn is_queue_full(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull)
}

/// Reads a whole topic with a bare `BaseConsumer` of linkrelay's own settings, and does nothing
/// with it. Gives records a second, from the first one on.
///
/// # Errors
/// If the broker does not answer.
pub async fn bare_read(settings: &RelaySettings, records_count: usize) -> Result<f64> {
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
pub async fn until_all_committed(broker: &KafkaBroker, settings: &RelaySettings) -> Result<()> {
    let (group, topic) = (&settings.group.kafka_group_id, &settings.kafka.kafka_topic);
    wait_for("the last commit", LIMIT, SHORT, async || match broker.lag(group, topic).await {
        Ok(0) => Ok(()),
        Ok(lag) => Err(format!("lag {lag}")),
        Err(error) => Err(format!("{error:#}")),
    })
    .await
}
