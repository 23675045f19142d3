//! Reads the topic of dead letters from its beginning to the end that it has at the start, by
//! hand: no group is joined, nothing is committed.
//!
//! Everything here blocks: it is for a thread that may.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use linkrelay_common::kafka::{KafkaSettings, RelayContext, unknown_key};
use linkrelay_common::topic;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::topic_partition_list::Offset;
use tokio_util::sync::CancellationToken;

/// How long one question to the broker may take.
const ANSWER_LIMIT: Duration = Duration::from_secs(15);
/// A broker that sends nothing for this long, although there is more to read, is away.
const SILENCE_LIMIT: Duration = Duration::from_secs(30);
/// How soon a stop is noticed.
const POLL: Duration = Duration::from_millis(100);

/// The topic, up to a fixed end. May be read more than once.
pub(super) struct DlqReader {
    consumer: BaseConsumer<RelayContext>,
    topic: String,
    /// One past the last offset of each partition that has any record.
    ends: BTreeMap<i32, i64>,
}

impl DlqReader {
    /// Asks for the end of each partition.
    ///
    /// # Errors
    /// If there is no such topic, or the broker does not answer.
    pub(super) fn open(kafka: &KafkaSettings) -> anyhow::Result<Self> {
        let consumer: BaseConsumer<RelayContext> = kafka
            .reader()
            .create_with_context(RelayContext)
            .map_err(|error| unknown_key(&error))?;
        let topic = kafka.kafka_dlq_topic.clone();
        let asked = || format!("asking {} for dead letters", kafka.brokers());
        let described = topic::describe(consumer.client(), &topic, ANSWER_LIMIT);
        let partitions_count = described.with_context(asked)?.partitions_count;
        let mut ends = BTreeMap::new();
        for partition in 0..i32::try_from(partitions_count).unwrap_or(i32::MAX) {
            let (start, end) =
                consumer.fetch_watermarks(&topic, partition, ANSWER_LIMIT).with_context(asked)?;
            if start < end {
                ends.insert(partition, end);
            }
        }
        Ok(Self { consumer, topic, ends })
    }

    /// Reads all of it, in the order of each partition, until `stop` or until `take` breaks.
    ///
    /// # Errors
    /// If the broker refuses or falls silent, or what `take` says.
    pub(super) fn read(
        &self,
        stop: &CancellationToken,
        mut take: impl FnMut(&BorrowedMessage<'_>) -> anyhow::Result<ControlFlow<()>>,
    ) -> anyhow::Result<()> {
        self.begin()?;
        let mut unread = self.ends.clone();
        let mut silence = Silence::new();
        while !unread.is_empty() && !stop.is_cancelled() {
            match self.consumer.poll(POLL) {
                Some(Ok(message)) => {
                    if advance(&mut unread, &message) && take(&message)?.is_break() {
                        break;
                    }
                    silence = Silence::new();
                }
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    unread.remove(&partition);
                    silence = Silence::new();
                }
                Some(Err(error)) => silence.because(error).with_context(|| self.reading())?,
                None => {}
            }
            silence.check().with_context(|| self.reading())?;
        }
        self.consumer.unassign()?;
        Ok(())
    }

    fn begin(&self) -> anyhow::Result<()> {
        let mut list = TopicPartitionList::new();
        for partition in self.ends.keys() {
            list.add_partition_offset(&self.topic, *partition, Offset::Beginning)?;
        }
        Ok(self.consumer.assign(&list)?)
    }

    fn reading(&self) -> String {
        format!("reading {}", self.topic)
    }
}

/// Whether a message is before the end; one at the end, or beyond, finishes its partition.
fn advance(unread: &mut BTreeMap<i32, i64>, message: &BorrowedMessage<'_>) -> bool {
    let Some(end) = unread.get(&message.partition()).copied() else { return false };
    if message.offset() + 1 >= end {
        unread.remove(&message.partition());
    }
    message.offset() < end
}

/// How long nothing was heard, and of what trouble.
struct Silence {
    since: Instant,
    trouble: Option<KafkaError>,
}

impl Silence {
    fn new() -> Self {
        Self { since: Instant::now(), trouble: None }
    }

    /// librdkafka goes on by itself after most errors, but not when it may not read, or there is
    /// nothing to read.
    fn because(&mut self, error: KafkaError) -> Result<(), KafkaError> {
        use RDKafkaErrorCode::{
            Authentication, GroupAuthorizationFailed, TopicAuthorizationFailed, UnknownPartition,
            UnknownTopic, UnknownTopicOrPartition,
        };
        match error.rdkafka_error_code() {
            Some(
                Authentication
                | GroupAuthorizationFailed
                | TopicAuthorizationFailed
                | UnknownPartition
                | UnknownTopic
                | UnknownTopicOrPartition,
            ) => Err(error),
            _ => {
                self.trouble = Some(error);
                Ok(())
            }
        }
    }

    fn check(&self) -> anyhow::Result<()> {
        let trouble = self.trouble.as_ref().map(|error| format!(": {error}")).unwrap_or_default();
        ensure!(
            self.since.elapsed() < SILENCE_LIMIT,
            "the broker sent nothing for {SILENCE_LIMIT:?}{trouble}"
        );
        Ok(())
    }
}
