//! Reads a topic without a group, up to the end that it has at the start; nothing is committed.
//!
//! Everything here blocks, so it needs a thread for blocking work.

use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};
use std::time::{Duration, Instant};

use linkrelay_common::SettingsError;
use linkrelay_kafka::topic;
use linkrelay_kafka::{GroupSettings, KafkaSettings, RelayContext, unknown_key};
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::topic_partition_list::Offset;
use tokio_util::sync::CancellationToken;

use super::asking::Asking;
use super::error::DlqError;

/// A broker that sends nothing for this long, although there is more to read, is unreachable.
const SILENCE_LIMIT: Duration = Duration::from_secs(30);
/// A stop takes effect within this time.
const POLL: Duration = Duration::from_millis(100);

/// A topic up to a fixed end, which can be read more than once.
pub(super) struct TopicReader {
    consumer: BaseConsumer<RelayContext>,
    topic: String,
    /// The offsets to read, by partition.
    pub(super) ranges: BTreeMap<i32, Range<i64>>,
}

impl TopicReader {
    /// Returns a reader of a complete topic; asks for the end of each partition.
    ///
    /// # Errors
    /// If the topic does not exist, or the broker does not answer while it is asked.
    pub(super) fn open(
        kafka: &KafkaSettings,
        topic: &str,
        asking: Asking<'_>,
    ) -> Result<Self, DlqError> {
        kafka.validate_clients()?;
        let limit = asking.answer_limit()?;
        let consumer = client(kafka, &kafka.reader())?;
        let asked = |source| {
            let asked = format!("asking {} about topic {topic}", kafka.brokers());
            DlqError::Asking { asked, source }
        };
        let described = topic::describe(consumer.client(), topic, limit);
        let described = topic::explained_to(&consumer, described).map_err(asked)?;
        let partitions_count = described.partitions_count;
        let mut ranges = BTreeMap::new();
        for partition in 0..i32::try_from(partitions_count).unwrap_or(i32::MAX) {
            let marks = consumer.fetch_watermarks(topic, partition, asking.answer_limit()?);
            let (start, end) = topic::explained_to(&consumer, marks).map_err(asked)?;
            if start < end {
                ranges.insert(partition, start..end);
            }
        }
        Ok(Self { consumer, topic: topic.to_owned(), ranges })
    }

    /// Returns a reader of the records that the group has not committed.
    ///
    /// # Errors
    /// If the group's coordinator does not answer while it is asked.
    pub(super) fn uncommitted(
        mut self,
        kafka: &KafkaSettings,
        group: &GroupSettings,
        asking: Asking<'_>,
    ) -> Result<Self, DlqError> {
        let limit = asking.answer_limit()?;
        let mut list = TopicPartitionList::new();
        for partition in self.ranges.keys() {
            list.add_partition(&self.topic, *partition);
        }
        let consumer = client(kafka, &kafka.consumer(group))?;
        let committed = consumer.committed_offsets(list, limit);
        let committed = topic::explained_to(&consumer, committed).map_err(|source| {
            let asked = format!("asking what group {} has done", group.kafka_group_id);
            DlqError::Asking { asked, source }
        })?;
        for element in committed.elements() {
            if let Some(range) = self.ranges.get_mut(&element.partition()) {
                // A group without a commit begins at the start.
                let done = element.offset().to_raw().unwrap_or(0);
                range.start = range.start.max(done);
            }
        }
        self.ranges.retain(|_, range| range.start < range.end);
        Ok(self)
    }

    /// Returns the number of offsets to read.
    pub(super) fn offsets_count(&self) -> i64 {
        self.ranges.values().map(|range| range.end - range.start).sum()
    }

    /// Reads all records in the order of each partition, until `stop` is cancelled or `take`
    /// breaks.
    ///
    /// # Errors
    /// If the broker refuses or sends nothing, or `take` fails.
    pub(super) fn read<E: From<DlqError>>(
        &self,
        stop: &CancellationToken,
        mut take: impl FnMut(&BorrowedMessage<'_>) -> Result<ControlFlow<()>, E>,
    ) -> Result<(), E> {
        self.begin().map_err(|source| self.unreadable(source))?;
        let mut unread: BTreeMap<i32, i64> =
            self.ranges.iter().map(|(partition, range)| (*partition, range.end)).collect();
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
                Some(Err(error)) => {
                    silence.because(error).map_err(|source| self.unreadable(source))?;
                }
                None => {}
            }
            silence = silence.checked(&self.topic)?;
        }
        self.consumer.unassign().map_err(|source| self.unreadable(source))?;
        Ok(())
    }

    fn begin(&self) -> Result<(), KafkaError> {
        let mut list = TopicPartitionList::new();
        for (partition, range) in &self.ranges {
            list.add_partition_offset(&self.topic, *partition, Offset::Offset(range.start))?;
        }
        self.consumer.assign(&list)
    }

    fn unreadable(&self, source: KafkaError) -> DlqError {
        DlqError::Reading { topic: self.topic.clone(), source }
    }
}

fn client(
    kafka: &KafkaSettings,
    config: &rdkafka::ClientConfig,
) -> Result<BaseConsumer<RelayContext>, SettingsError> {
    let consumer = config.create_with_context(RelayContext::new(kafka));
    consumer.map_err(|error| unknown_key(&error))
}

/// Whether a message is before the end; one at or beyond the end completes its partition.
fn advance(unread: &mut BTreeMap<i32, i64>, message: &BorrowedMessage<'_>) -> bool {
    let Some(end) = unread.get(&message.partition()).copied() else { return false };
    if message.offset() + 1 >= end {
        unread.remove(&message.partition());
    }
    message.offset() < end
}

/// Since when the broker has sent nothing, and its last error.
struct Silence {
    since: Instant,
    last_error: Option<KafkaError>,
}

impl Silence {
    fn new() -> Self {
        Self { since: Instant::now(), last_error: None }
    }

    /// librdkafka retries after most errors, but not if the user may not read, or there is nothing
    /// to read.
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
                self.last_error = Some(error);
                Ok(())
            }
        }
    }

    fn checked(self, topic: &str) -> Result<Self, DlqError> {
        if self.since.elapsed() < SILENCE_LIMIT {
            return Ok(self);
        }
        let (topic, last_error) = (topic.to_owned(), self.last_error);
        Err(DlqError::Silent { topic, silence: SILENCE_LIMIT, last_error })
    }
}
