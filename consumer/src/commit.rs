//! Commits as the broker keeps them: an offset, and in its metadata what is complete beyond it.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset, TopicPartitionListElem};

use crate::context::GroupContext;
use crate::metadata;
use crate::tracker::CommitPoint;

/// How long the broker may take to say what is committed. Meanwhile nothing is polled, so it is
/// well below every time-out of the group.
const READ_TIMEOUT: Duration = Duration::from_secs(3);

/// Writes commits and waits for the broker's answer.
pub(crate) fn write(
    consumer: &BaseConsumer<GroupContext>,
    topic: &str,
    points: &[(i32, CommitPoint)],
) -> Result<(), KafkaError> {
    // A fresh list each time: librdkafka fills in errors.
    let mut list = TopicPartitionList::with_capacity(points.len());
    for (partition, point) in points {
        let mut element = list.add_partition(topic, *partition);
        element.set_offset(Offset::Offset(point.prefix))?;
        element.set_metadata(metadata::encode(point.prefix, &point.complete_beyond));
    }
    consumer.commit(&list, CommitMode::Sync)
}

/// Where a partition is to be taken up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) partition: i32,
    /// The committed offset, or where to begin without one.
    pub(crate) offset: Offset,
    /// What is complete beyond it.
    pub(crate) complete_beyond: Vec<Range<i64>>,
}

/// Reads the commits of these partitions. One without a commit begins at `without_commit`.
///
/// # Errors
/// If the broker does not say of each of them what is committed.
pub(crate) fn read(
    consumer: &BaseConsumer<GroupContext>,
    partitions: TopicPartitionList,
    without_commit: Offset,
) -> Result<Vec<Position>, KafkaError> {
    let committed = consumer.committed_offsets(partitions, READ_TIMEOUT)?;
    let position = |element: TopicPartitionListElem<'_>| {
        element.error()?;
        let (offset, complete_beyond) = match element.offset() {
            Offset::Offset(prefix) => {
                (Offset::Offset(prefix), metadata::decode(prefix, &text(&element)))
            }
            _ => (without_commit, Vec::new()),
        };
        Ok(Position { partition: element.partition(), offset, complete_beyond })
    };
    committed.elements().into_iter().map(position).collect()
}

/// rust-rdkafka panics on metadata that is not UTF-8, which only another program can have
/// written: it says nothing to us.
fn text(element: &TopicPartitionListElem<'_>) -> String {
    catch_unwind(AssertUnwindSafe(|| element.metadata().to_owned())).unwrap_or_default()
}
