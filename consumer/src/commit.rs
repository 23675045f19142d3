//! Commits as the broker keeps them, and where a partition is read from: its commit, unless its log
//! no longer has that offset.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::{Duration, Instant};

use linkrelay_common::{Offset, Partition};
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::TopicPartitionListElem;

use crate::context::GroupContext;

/// How long the broker may take to answer one request of a lookup.
const READ_TIMEOUT: Duration = Duration::from_secs(3);
/// How long the leader of one partition may take, when the leader of another does not answer.
const ONE_LOG_TIMEOUT: Duration = Duration::from_millis(500);

/// Writes commits and blocks for the broker's answer.
///
/// # Errors
/// The error of librdkafka or the broker; then nothing is known to be committed.
pub(crate) fn write(
    consumer: &BaseConsumer<GroupContext>,
    topic: &str,
    points: &[(Partition, Offset)],
) -> Result<(), KafkaError> {
    // A new list each time, because librdkafka writes errors into it.
    let mut list = TopicPartitionList::with_capacity(points.len());
    for (partition, prefix) in points {
        list.add_partition_offset(topic, partition.0, rdkafka::Offset::Offset(prefix.0))?;
    }
    consumer.commit(&list, CommitMode::Sync)
}

/// What the broker said of partitions.
#[derive(Debug, Clone, Default)]
pub(crate) struct Found {
    /// The commit of each; `None` without one.
    pub(crate) committed: BTreeMap<Partition, Option<Offset>>,
    /// The first offset and the end of each log whose leader answered.
    pub(crate) logs: BTreeMap<Partition, Range<Offset>>,
}

/// Where a partition is to be read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) partition: Partition,
    /// The first offset to read; `None` if only librdkafka can find it.
    pub(crate) first: Option<Offset>,
    /// Offsets from the commit on that the log no longer has.
    pub(crate) missed: Range<Offset>,
}

impl Found {
    /// Returns where each partition is to be read from; without a commit, from `without_commit`.
    pub(crate) fn positions(&self, without_commit: rdkafka::Offset) -> Vec<Position> {
        let committed = self.committed.iter();
        committed
            .map(|(partition, committed)| {
                position(*partition, *committed, self.logs.get(partition), without_commit)
            })
            .collect()
    }
}

/// Looks up the commits and logs of these partitions. Blocks for some seconds at most.
///
/// # Errors
/// If the broker does not answer for each of them what is committed. A log whose leader does not
/// answer is left out.
pub(crate) fn look_up(
    consumer: &BaseConsumer<GroupContext>,
    partitions: TopicPartitionList,
) -> Result<Found, KafkaError> {
    let committed = consumer.committed_offsets(partitions.clone(), READ_TIMEOUT)?;
    let committed = committed.elements().into_iter().map(|element| {
        element.error()?;
        Ok((Partition(element.partition()), known_offset(&element)))
    });
    let committed = committed.collect::<Result<_, KafkaError>>()?;
    // After the commits: a commit beyond the end of its log then means that the log was cut.
    let led = with_leaders(consumer, partitions);
    let logs = logs(consumer, &led).unwrap_or_else(|| logs_one_by_one(consumer, &led));
    Ok(Found { committed, logs })
}

fn position(
    partition: Partition,
    committed: Option<Offset>,
    log: Option<&Range<Offset>>,
    without_commit: rdkafka::Offset,
) -> Position {
    let nothing = Offset(0)..Offset(0);
    let (first, missed) = match (committed, log) {
        (Some(prefix), Some(log)) if prefix < log.start => (Some(log.start), prefix..log.start),
        // The log was truncated, or its topic created again: all of it is read, and the documents
        // show what is complete.
        (Some(prefix), Some(log)) if prefix > log.end => (Some(log.start), nothing),
        (Some(prefix), _) => (Some(prefix), nothing),
        (None, log) => (log.and_then(|log| first_without_commit(log, without_commit)), nothing),
    };
    Position { partition, first, missed }
}

/// Returns the first offset of this log to be read without a commit; `None` if librdkafka is to
/// report that there is no commit.
pub(crate) fn first_without_commit(
    log: &Range<Offset>,
    without_commit: rdkafka::Offset,
) -> Option<Offset> {
    match without_commit {
        rdkafka::Offset::Beginning => Some(log.start),
        rdkafka::Offset::End => Some(log.end),
        _ => None,
    }
}

fn known_offset(element: &TopicPartitionListElem<'_>) -> Option<Offset> {
    match element.offset() {
        rdkafka::Offset::Offset(offset) => Some(Offset(offset)),
        _ => None,
    }
}

/// Leaves out the partitions without a leader, for which librdkafka would only wait.
fn with_leaders(
    consumer: &BaseConsumer<GroupContext>,
    partitions: TopicPartitionList,
) -> TopicPartitionList {
    let topic = partitions.elements().first().map(|element| element.topic().to_owned());
    let Some(topic) = topic else { return partitions };
    let Ok(metadata) = consumer.fetch_metadata(Some(&topic), READ_TIMEOUT) else {
        return partitions;
    };
    let described = metadata.topics().iter().flat_map(|topic| topic.partitions());
    let led = described.filter(|described| described.leader() >= 0);
    let led: BTreeSet<i32> = led.map(|described| described.id()).collect();
    let mut list = TopicPartitionList::with_capacity(led.len());
    for element in partitions.elements() {
        if led.contains(&element.partition()) {
            list.add_partition(&topic, element.partition());
        }
    }
    list
}

/// Returns the bounds of the logs with two requests to each leader; `None` if one of the leaders
/// does not answer, because librdkafka then keeps the answers of the others to itself.
fn logs(
    consumer: &BaseConsumer<GroupContext>,
    partitions: &TopicPartitionList,
) -> Option<BTreeMap<Partition, Range<Offset>>> {
    let ask = |which: rdkafka::Offset| {
        let mut list = partitions.clone();
        list.set_all_offsets(which).ok()?;
        let answered = consumer.offsets_for_times(list, READ_TIMEOUT).ok()?;
        let elements = answered.elements();
        let answered = elements.iter().filter(|element| element.error().is_ok());
        let known = |element| {
            Some((Partition(TopicPartitionListElem::partition(element)), known_offset(element)?))
        };
        Some(answered.filter_map(known).collect::<BTreeMap<_, _>>())
    };
    let (starts, ends) = (ask(rdkafka::Offset::Beginning)?, ask(rdkafka::Offset::End)?);
    let bounds = |(partition, start)| Some((partition, start..*ends.get(&partition)?));
    Some(starts.into_iter().filter_map(bounds).collect())
}

/// Returns the bounds of each log whose leader answers.
fn logs_one_by_one(
    consumer: &BaseConsumer<GroupContext>,
    partitions: &TopicPartitionList,
) -> BTreeMap<Partition, Range<Offset>> {
    let deadline = Instant::now() + READ_TIMEOUT;
    let elements = partitions.elements();
    let in_time = elements.iter().take_while(|_| Instant::now() < deadline);
    in_time
        .filter_map(|element| {
            let asked =
                consumer.fetch_watermarks(element.topic(), element.partition(), ONE_LOG_TIMEOUT);
            let (start, end) = asked.ok()?;
            Some((Partition(element.partition()), Offset(start)..Offset(end)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_is_read_from_its_commit_if_its_log_still_has_it() {
        use rdkafka::Offset::{Beginning, End, Stored};
        let range = |from, to| Offset(from)..Offset(to);
        let log = range(10, 20);
        for (committed, log, without_commit, first, missed) in [
            (Some(15), Some(&log), Beginning, Some(15), range(0, 0)),
            (Some(10), Some(&log), Beginning, Some(10), range(0, 0)),
            (Some(20), Some(&log), End, Some(20), range(0, 0)),
            (Some(4), Some(&log), Beginning, Some(10), range(4, 10)),
            (Some(21), Some(&log), Beginning, Some(10), range(0, 0)),
            (Some(4), None, Beginning, Some(4), range(0, 0)),
            (None, Some(&log), Beginning, Some(10), range(0, 0)),
            (None, Some(&log), End, Some(20), range(0, 0)),
            (None, Some(&log), Stored, None, range(0, 0)),
            (None, None, Beginning, None, range(0, 0)),
        ] {
            let (partition, first) = (Partition(3), first.map(Offset));
            let position = position(partition, committed.map(Offset), log, without_commit);
            assert_eq!(position, Position { partition, first, missed }, "{committed:?}");
        }
    }
}
