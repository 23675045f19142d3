//! Commits as the broker keeps them, and where a partition is taken up: at its commit, unless its
//! log no longer has that offset.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset, TopicPartitionListElem};

use crate::context::GroupContext;

/// How long the broker may take to say what is committed. Meanwhile nothing is polled, so it is
/// well below every time-out of the group.
const READ_TIMEOUT: Duration = Duration::from_secs(3);

/// Writes commits and waits for the broker's answer.
pub(crate) fn write(
    consumer: &BaseConsumer<GroupContext>,
    topic: &str,
    points: &[(i32, i64)],
) -> Result<(), KafkaError> {
    // A fresh list each time: librdkafka fills in errors.
    let mut list = TopicPartitionList::with_capacity(points.len());
    for (partition, prefix) in points {
        list.add_partition_offset(topic, *partition, Offset::Offset(*prefix))?;
    }
    consumer.commit(&list, CommitMode::Sync)
}

/// Where a partition is to be taken up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) partition: i32,
    /// Where to begin.
    pub(crate) offset: Offset,
    /// Offsets that were committed to come next and that the log has no more.
    pub(crate) missed: Range<i64>,
}

/// Reads the commits of these partitions, and compares them with their logs. One without a commit
/// begins at `without_commit`.
///
/// # Errors
/// If the broker does not say of each of them what is committed.
pub(crate) fn read(
    consumer: &BaseConsumer<GroupContext>,
    partitions: TopicPartitionList,
    without_commit: Offset,
) -> Result<Vec<Position>, KafkaError> {
    let logs = logs(consumer, &partitions);
    let committed = consumer.committed_offsets(partitions, READ_TIMEOUT)?;
    let position = |element: TopicPartitionListElem<'_>| {
        element.error()?;
        let log = logs.get(&element.partition());
        Ok(position(element.partition(), element.offset(), log, without_commit))
    };
    committed.elements().into_iter().map(position).collect()
}

fn position(
    partition: i32,
    committed: Offset,
    log: Option<&Range<i64>>,
    without_commit: Offset,
) -> Position {
    let (offset, missed) = match (committed, log) {
        (Offset::Offset(prefix), Some(log)) if prefix < log.start => {
            (Offset::Offset(log.start), prefix..log.start)
        }
        // The log was truncated, or its topic created again: it is read whole, and the documents
        // tell what is done.
        (Offset::Offset(prefix), Some(log)) if prefix > log.end => {
            (Offset::Offset(log.start), 0..0)
        }
        (Offset::Offset(prefix), _) => (Offset::Offset(prefix), 0..0),
        _ => (without_commit, 0..0),
    };
    Position { partition, offset, missed }
}

/// The first offset and the end of each log, of those whose leader says so. librdkafka finds out
/// by itself about the others, but does not tell what is missing.
fn logs(
    consumer: &BaseConsumer<GroupContext>,
    partitions: &TopicPartitionList,
) -> BTreeMap<i32, Range<i64>> {
    let ask = |which: Offset| {
        let mut list = partitions.clone();
        list.set_all_offsets(which)?;
        consumer.offsets_for_times(list, READ_TIMEOUT)
    };
    let (Ok(starts), Ok(ends)) = (ask(Offset::Beginning), ask(Offset::End)) else {
        return BTreeMap::new();
    };
    let known = |element: &TopicPartitionListElem<'_>| match (element.error(), element.offset()) {
        (Ok(()), Offset::Offset(offset)) => Some((element.partition(), offset)),
        _ => None,
    };
    let ends: BTreeMap<i32, i64> = ends.elements().iter().filter_map(known).collect();
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
    fn a_partition_is_taken_up_where_its_log_still_has_it() {
        let log = 10..20;
        for (committed, log, offset, missed) in [
            (Offset::Offset(15), Some(&log), Offset::Offset(15), 0..0),
            (Offset::Offset(10), Some(&log), Offset::Offset(10), 0..0),
            (Offset::Offset(20), Some(&log), Offset::Offset(20), 0..0),
            (Offset::Offset(4), Some(&log), Offset::Offset(10), 4..10),
            (Offset::Offset(21), Some(&log), Offset::Offset(10), 0..0),
            (Offset::Offset(4), None, Offset::Offset(4), 0..0),
            (Offset::Invalid, Some(&log), Offset::Beginning, 0..0),
        ] {
            let position = position(3, committed, log, Offset::Beginning);
            assert_eq!(position, Position { partition: 3, offset, missed }, "{committed:?}");
        }
    }
}
