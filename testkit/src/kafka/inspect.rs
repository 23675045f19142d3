//! Reads what is in the broker with the testkit's own clients.
//!
//! librdkafka's requests block, so each runs on a blocking thread.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use rdkafka::TopicPartitionList;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};
use rdkafka::topic_partition_list::Offset;

use super::properties::DATA;
use super::{ANSWER_LIMIT, KafkaBroker, START_LIMIT};
use crate::wait::{LONG, SHORT, wait_for};

/// A record as the broker has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicRecord {
    /// Its partition.
    pub partition: i32,
    /// Its offset there.
    pub offset: i64,
    /// Its timestamp in milliseconds; 0 if it has none.
    pub timestamp: i64,
    /// Its key, if it has one.
    pub key: Option<Vec<u8>>,
    /// Its value, if it has one.
    pub value: Option<Vec<u8>>,
    /// Its headers, in order.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

impl TopicRecord {
    /// Its origin, as linkrelay names it: `topic:partition:offset:timestamp`.
    pub fn origin(&self, topic: &str) -> String {
        format!("{topic}:{}:{}:{}", self.partition, self.offset, self.timestamp)
    }

    /// The key as text; what is not UTF-8 is replaced.
    pub fn key_text(&self) -> Option<String> {
        self.key.as_deref().map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    /// The value as text; what is not UTF-8 is replaced.
    pub fn value_text(&self) -> Option<String> {
        self.value.as_deref().map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    /// The first header of that name, if it has a value that is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(found, _)| found == name)?;
        std::str::from_utf8(value.as_deref()?).ok()
    }
}

impl From<&BorrowedMessage<'_>> for TopicRecord {
    fn from(message: &BorrowedMessage<'_>) -> Self {
        let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
        Self {
            partition: message.partition(),
            offset: message.offset(),
            timestamp: message.timestamp().to_millis().unwrap_or(0),
            key: message.key().map(<[u8]>::to_vec),
            value: message.payload().map(<[u8]>::to_vec),
            headers: headers
                .map(|header| (header.key.to_owned(), header.value.map(<[u8]>::to_vec)))
                .collect(),
        }
    }
}

impl KafkaBroker {
    /// Every record of a topic up to its end now, by partition and offset.
    ///
    /// # Errors
    /// If there is no such topic, or the broker does not answer.
    pub async fn topic_records(&self, topic: &str) -> Result<Vec<TopicRecord>> {
        let mut config = self.client_config();
        // The group is only a name here: the reader assigns itself, and commits nothing.
        config.set("group.id", "testkit-reader").set("enable.auto.commit", "false");
        config.set("enable.partition.eof", "true").set("auto.offset.reset", "earliest");
        ask(config, topic, read_all).await
    }

    /// The next offset that a group has committed, by partition; `None` where it has none.
    ///
    /// # Errors
    /// If there is no such topic, or the broker does not answer.
    pub async fn committed(&self, group: &str, topic: &str) -> Result<BTreeMap<i32, Option<i64>>> {
        let mut config = self.client_config();
        config.set("group.id", group);
        ask(config, topic, |consumer, topic| {
            let mut list = TopicPartitionList::new();
            for partition in partitions(consumer, topic)? {
                list.add_partition(topic, partition);
            }
            let committed = consumer.committed_offsets(list, ANSWER_LIMIT)?;
            let of_partition =
                |found: rdkafka::topic_partition_list::TopicPartitionListElem<'_>| {
                    let offset = match found.offset() {
                        Offset::Offset(offset) => Some(offset),
                        _ => None,
                    };
                    (found.partition(), offset)
                };
            Ok(committed.elements().into_iter().map(of_partition).collect())
        })
        .await
    }

    /// One past the newest offset, by partition.
    ///
    /// # Errors
    /// If there is no such topic, or the broker does not answer.
    pub async fn end_offsets(&self, topic: &str) -> Result<BTreeMap<i32, i64>> {
        let ends = self.watermarks(topic).await?.into_iter();
        Ok(ends.map(|(partition, (_, end))| (partition, end)).collect())
    }

    /// The bytes of a topic's records in the broker's segments.
    ///
    /// # Errors
    /// If the broker's folder cannot be read, or has no partition of this topic.
    pub fn topic_bytes(&self, topic: &str) -> Result<u64> {
        let (mut bytes, mut partitions_count) = (0, 0);
        for folder in std::fs::read_dir(self.node.folder.path().join(DATA))? {
            let folder = folder?;
            let name = folder.file_name().to_string_lossy().into_owned();
            let number = name.strip_prefix(topic).and_then(|rest| rest.strip_prefix('-'));
            if number.is_none_or(|number| number.parse::<u32>().is_err()) {
                continue;
            }
            partitions_count += 1;
            for file in std::fs::read_dir(folder.path())? {
                let file = file?;
                if file.path().extension().is_some_and(|extension| extension == "log") {
                    bytes += file.metadata()?.len();
                }
            }
        }
        ensure!(partitions_count > 0, "the broker has no partition of {topic}");
        Ok(bytes)
    }

    /// How many records of a topic a group has not committed yet.
    ///
    /// # Errors
    /// If there is no such topic, or the broker does not answer.
    pub async fn lag(&self, group: &str, topic: &str) -> Result<i64> {
        let committed = self.committed(group, topic).await?;
        let lag_of = |(partition, (start, end)): (i32, (i64, i64))| {
            end - committed.get(&partition).copied().flatten().unwrap_or(start)
        };
        Ok(self.watermarks(topic).await?.into_iter().map(lag_of).sum())
    }

    async fn watermarks(&self, topic: &str) -> Result<BTreeMap<i32, (i64, i64)>> {
        ask(self.client_config(), topic, |consumer, topic| {
            let watermarks = |partition| {
                Ok((partition, consumer.fetch_watermarks(topic, partition, ANSWER_LIMIT)?))
            };
            partitions(consumer, topic)?.into_iter().map(watermarks).collect()
        })
        .await
    }

    /// Waits for metadata that `is_wanted` accepts: the ports of the brokers, and the number of
    /// partitions with a leader of each requested topic.
    pub(super) async fn until_metadata(
        &self,
        what: &str,
        topic: Option<&str>,
        is_wanted: impl Fn(&[u16], &[usize]) -> bool,
    ) -> Result<()> {
        let consumer: BaseConsumer = self.client_config().create()?;
        let consumer = std::sync::Arc::new(consumer);
        let awaited = wait_for(what, START_LIMIT, SHORT, async || {
            let (consumer, topic) = (consumer.clone(), topic.map(str::to_owned));
            let asked = tokio::task::spawn_blocking(move || led(&consumer, topic.as_deref()));
            match asked.await {
                Ok(Ok((ports, led))) if is_wanted(&ports, &led) => Ok(()),
                Ok(Ok((ports, led))) => {
                    Err(format!("brokers at {ports:?}, partitions with a leader: {led:?}"))
                }
                Ok(Err(error)) => Err(error.to_string()),
                Err(error) => Err(error.to_string()),
            }
        });
        let awaited = awaited.await;
        // The client waits for its threads when it is dropped.
        tokio::task::spawn_blocking(move || drop(consumer)).await?;
        awaited
    }
}

/// Runs `request` with a consumer on a blocking thread, which also drops the consumer.
pub(super) async fn ask<T: Send + 'static>(
    config: ClientConfig,
    topic: &str,
    request: impl FnOnce(&BaseConsumer, &str) -> Result<T> + Send + 'static,
) -> Result<T> {
    let topic = topic.to_owned();
    let asked = tokio::task::spawn_blocking(move || {
        let consumer: BaseConsumer = config.create()?;
        request(&consumer, &topic).with_context(|| format!("asking about topic {topic}"))
    });
    asked.await?
}

fn led(consumer: &BaseConsumer, topic: Option<&str>) -> Result<(Vec<u16>, Vec<usize>), KafkaError> {
    let metadata = consumer.fetch_metadata(topic, ANSWER_LIMIT)?;
    let of_topic = |topic: &rdkafka::metadata::MetadataTopic| {
        topic.partitions().iter().filter(|partition| partition.leader() >= 0).count()
    };
    // Without a topic only the brokers matter.
    let topics = if topic.is_some() { metadata.topics() } else { &[] };
    let ports = metadata.brokers().iter().filter_map(|broker| u16::try_from(broker.port()).ok());
    Ok((ports.collect(), topics.iter().map(of_topic).collect()))
}

fn partitions(consumer: &BaseConsumer, topic: &str) -> Result<Vec<i32>> {
    let metadata = consumer.fetch_metadata(Some(topic), ANSWER_LIMIT)?;
    let found = metadata.topics().first().context("no answer about it")?;
    ensure!(found.error().is_none() && !found.partitions().is_empty(), "there is no such topic");
    Ok(found.partitions().iter().map(rdkafka::metadata::MetadataPartition::id).collect())
}

fn read_all(consumer: &BaseConsumer, topic: &str) -> Result<Vec<TopicRecord>> {
    let mut unread: BTreeSet<i32> = partitions(consumer, topic)?.into_iter().collect();
    let mut list = TopicPartitionList::new();
    for partition in &unread {
        list.add_partition_offset(topic, *partition, Offset::Beginning)?;
    }
    consumer.assign(&list)?;
    let deadline = Instant::now() + LONG;
    let mut records = Vec::new();
    while !unread.is_empty() {
        match consumer.poll(SHORT) {
            Some(Ok(message)) => records.push(TopicRecord::from(&message)),
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                unread.remove(&partition);
            }
            Some(Err(error)) => return Err(error.into()),
            None if Instant::now() > deadline => bail!("no end of partitions {unread:?}"),
            None => {}
        }
    }
    records.sort_by_key(|record| (record.partition, record.offset));
    Ok(records)
}
