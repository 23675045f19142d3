//! Records that Kafka deleted before this consumer read them: logged, counted and shown next to
//! readiness, because nothing else can be done about them.
//!
//! A gap between two offsets alone proves nothing (compaction and transactions leave some); a gap
//! below the first offset of the log was made by retention, or by an operator.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use linkrelay_common::health::Part;
use linkrelay_common::metrics as names;
use linkrelay_common::{Offset, Partition};
use metrics::counter;

use crate::context::LogBounds;

/// Counts missed records; owned by the poll thread.
pub(crate) struct Missed {
    topic: Arc<str>,
    group: Part,
    total: u64,
    /// By partition, the widest gap since the bounds were last evaluated, and how many statistics
    /// there were when it was noted.
    gaps: BTreeMap<Partition, (Range<Offset>, u64)>,
}

impl Missed {
    /// Makes a counter whose warnings are those of `group`.
    pub(crate) fn new(topic: Arc<str>, group: Part) -> Self {
        // Its series begins at 0, so that the first missed record is an increase.
        counter!(names::RECORDS_MISSED, "topic" => topic.to_string()).increment(0);
        Self { topic, group, total: 0, gaps: BTreeMap::new() }
    }

    /// Notes that no record was read at the offsets of `gap`.
    pub(crate) fn note_gap(
        &mut self,
        partition: Partition,
        gap: Range<Offset>,
        statistics_count: u64,
    ) {
        let widest = self.gaps.get(&partition).map_or(0, |(widest, _)| length(widest));
        if length(&gap) > widest {
            self.gaps.insert(partition, (gap, statistics_count));
        }
    }

    /// Evaluates the gaps by bounds that are newer than they are.
    pub(crate) fn evaluate(&mut self, logs: &LogBounds) {
        for (partition, (gap, noted_at)) in std::mem::take(&mut self.gaps) {
            if logs.statistics_count <= noted_at {
                self.gaps.insert(partition, (gap, noted_at));
            } else if let Some(log) = logs.partitions.get(&partition) {
                self.report(partition, gap.start..log.start.min(gap.end));
            }
        }
    }

    /// Reports that these offsets were deleted before they were read, unless the range is empty.
    pub(crate) fn report(&mut self, partition: Partition, offsets: Range<Offset>) {
        let count = length(&offsets);
        if count == 0 {
            return;
        }
        self.total += count;
        counter!(names::RECORDS_MISSED, "topic" => self.topic.to_string()).increment(count);
        tracing::error!(
            topic = %self.topic, partition = partition.0, first_offset = offsets.start.0, next_offset = offsets.end.0,
            "up to {count} records were deleted before they were read: their links are lost"
        );
        let topic = &self.topic;
        let warning = format!(
            "up to {} records of {topic} were deleted before they were read, and their links are \
             lost: the topic's retention is too short, or its records were deleted manually",
            self.total
        );
        self.group.warn("records_missed", warning);
    }
}

/// Returns how many offsets a range has; 0 for one that ends before it begins.
fn length(offsets: &Range<Offset>) -> u64 {
    u64::try_from(offsets.end.0 - offsets.start.0).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use linkrelay_common::health::Health;

    use super::*;

    fn missed() -> (Health, Missed) {
        let health = Health::default();
        let missed = Missed::new(Arc::from("T"), health.part("group"));
        (health, missed)
    }

    fn bounds(start: i64, statistics_count: u64) -> LogBounds {
        LogBounds {
            partitions: BTreeMap::from([(Partition(0), Offset(start)..Offset(100))]),
            statistics_count,
            ..LogBounds::default()
        }
    }

    #[test]
    fn only_a_gap_below_the_first_offset_of_the_log_is_missed() {
        for (log_start, total) in [(0, 0), (20, 0), (25, 5), (30, 10), (40, 10)] {
            let (health, mut missed) = missed();
            missed.note_gap(Partition(0), Offset(20)..Offset(30), 4);
            missed.note_gap(Partition(0), Offset(50)..Offset(52), 4);
            missed.evaluate(&bounds(log_start, 4));
            assert_eq!(missed.total, 0, "these bounds are older");
            missed.evaluate(&bounds(log_start, 5));
            assert_eq!(missed.total, total, "{log_start}");
            missed.evaluate(&bounds(99, 6));
            assert_eq!(missed.total, total, "evaluated once");
            assert_eq!(health.readiness().warnings.contains_key("records_missed"), total > 0);
        }
    }
}
