//! Commits as the broker keeps them, and where a partition is read from: its commit, unless its log
//! no longer has that offset.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use linkrelay_common::{Offset, Partition};
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::TopicPartitionListElem;

use crate::context::GroupContext;

/// How long the broker may take to answer what is committed. Nothing is polled while it is asked,
/// so this is far below every time-out of the group.
const READ_TIMEOUT: Duration = Duration::from_secs(3);

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

/// Where a partition is to be read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) partition: Partition,
    /// The first offset to read; `None` without a commit.
    pub(crate) first: Option<Offset>,
    /// Offsets from the commit on that the log no longer has.
    pub(crate) missed: Range<Offset>,
}

/// Reads the commits of these partitions, and compares them with their logs.
///
/// # Errors
/// If the broker does not answer for each of them what is committed.
pub(crate) fn read(
    consumer: &BaseConsumer<GroupContext>,
    partitions: TopicPartitionList,
) -> Result<Vec<Position>, KafkaError> {
    let logs = logs(consumer, &partitions);
    let committed = consumer.committed_offsets(partitions, READ_TIMEOUT)?;
    let position = |element: TopicPartitionListElem<'_>| {
        element.error()?;
        let partition = Partition(element.partition());
        Ok(position(partition, element.offset(), logs.get(&partition)))
    };
    committed.elements().into_iter().map(position).collect()
}

fn position(
    partition: Partition,
    committed: rdkafka::Offset,
    log: Option<&Range<Offset>>,
) -> Position {
    let nothing = Offset(0)..Offset(0);
    let committed = match committed {
        rdkafka::Offset::Offset(prefix) => Some(Offset(prefix)),
        _ => None,
    };
    let (first, missed) = match (committed, log) {
        (Some(prefix), Some(log)) if prefix < log.start => (Some(log.start), prefix..log.start),
        // The log was truncated, or its topic created again: all of it is read, and the documents
        // show what is complete.
        (Some(prefix), Some(log)) if prefix > log.end => (Some(log.start), nothing),
        (committed, _) => (committed, nothing),
    };
    Position { partition, first, missed }
}

/// Returns the first offset and the end of each log whose leader answers. For the others,
/// librdkafka finds a valid offset on its own, but does not report which records are missing.
fn logs(
    consumer: &BaseConsumer<GroupContext>,
    partitions: &TopicPartitionList,
) -> BTreeMap<Partition, Range<Offset>> {
    let ask = |which: rdkafka::Offset| {
        let mut list = partitions.clone();
        list.set_all_offsets(which)?;
        consumer.offsets_for_times(list, READ_TIMEOUT)
    };
    let (Ok(starts), Ok(ends)) = (ask(rdkafka::Offset::Beginning), ask(rdkafka::Offset::End))
    else {
        return BTreeMap::new();
    };
    let known = |element: &TopicPartitionListElem<'_>| match (element.error(), element.offset()) {
        (Ok(()), rdkafka::Offset::Offset(offset)) => {
            Some((Partition(element.partition()), Offset(offset)))
        }
        _ => None,
    };
    let ends: BTreeMap<Partition, Offset> = ends.elements().iter().filter_map(known).collect();
    let starts = starts.elements();
    let starts = starts.iter().filter_map(known);
    starts
        .filter_map(|(partition, start)| Some((partition, start..*ends.get(&partition)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_is_read_from_its_commit_if_its_log_still_has_it() {
        use rdkafka::Offset::{Invalid, Offset as At};
        let range = |from, to| Offset(from)..Offset(to);
        let log = range(10, 20);
        for (committed, log, first, missed) in [
            (At(15), Some(&log), Some(15), range(0, 0)),
            (At(10), Some(&log), Some(10), range(0, 0)),
            (At(20), Some(&log), Some(20), range(0, 0)),
            (At(4), Some(&log), Some(10), range(4, 10)),
            (At(21), Some(&log), Some(10), range(0, 0)),
            (At(4), None, Some(4), range(0, 0)),
            (Invalid, Some(&log), None, range(0, 0)),
        ] {
            let (partition, first) = (Partition(3), first.map(Offset));
            let position = position(partition, committed, log);
            assert_eq!(position, Position { partition, first, missed }, "{committed:?}");
        }
    }
}
