//! The gauges of the consumer, which the poll thread publishes periodically.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use linkrelay_common::metrics as names;
use linkrelay_common::{Offset, Partition};
use linkrelay_extractor::Extract;
use linkrelay_store::processes::ProcessFigures;
use metrics::gauge;

use crate::assignment::Assignment;
use crate::attempt::Permits;
use crate::beats::{self, Noted};
use crate::commit::first_without_commit;
use crate::liveness::Activity;

/// Publishes the gauges of permits, extractor, commits and lanes, and notes what the heartbeat says.
pub(crate) struct Gauges {
    pub(crate) topic: Arc<str>,
    pub(crate) permits: Arc<Permits>,
    pub(crate) extractor: Arc<dyn Extract>,
    pub(crate) committed: Activity,
    pub(crate) noted: Noted,
}

impl Gauges {
    /// Publishes all gauges. `logs` has the first offset and the end of each log that is known; a
    /// partition without a commit is read from `without_commit`.
    pub(crate) fn publish(
        &self,
        assignment: &Assignment,
        logs: &BTreeMap<Partition, Range<Offset>>,
        without_commit: rdkafka::Offset,
    ) {
        self.permits.publish_gauges();
        self.extractor.publish_gauges();
        gauge!(names::COMMIT_AGE).set(self.committed.age().as_secs_f64());
        let (mut partitions, mut in_flight, mut lag_total) = (Vec::new(), 0, 0);
        for (partition, lane) in assignment.lanes() {
            partitions.push(partition.0);
            in_flight += lane.tracker().in_flight_count() as u64;
            let labels = [("topic", self.topic.to_string()), ("partition", partition.to_string())];
            gauge!(names::PARTITION_IN_WORK, &labels).set(lane.tracker().in_flight_count() as f64);
            gauge!(names::PARTITION_PREFIX_GAP, &labels).set(lane.tracker().gap() as f64);
            gauge!(names::PARTITION_FULL, &labels)
                .set(f64::from(u8::from(!assignment.has_room(partition))));
            if let Some(log) = logs.get(&partition) {
                let lag = lag(log, lane.committed(), without_commit);
                lag_total += lag.unsigned_abs();
                gauge!(names::PARTITION_LAG, &labels).set(lag as f64);
            }
        }
        self.noted.note(ProcessFigures {
            partitions: Some(partitions),
            in_flight: Some(in_flight),
            lag: Some(lag_total),
            breaker: Some(self.permits.breaker_state().to_owned()),
            cool_down_until: beats::until(self.permits.cool_down_rest()),
            ..ProcessFigures::default()
        });
    }
}

/// Returns how many offsets of a log are not committed.
fn lag(log: &Range<Offset>, committed: Option<Offset>, without_commit: rdkafka::Offset) -> i64 {
    let first = committed.or_else(|| first_without_commit(log, without_commit));
    (log.end.0 - first.unwrap_or(log.start).0).max(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lag_begins_at_the_commit_or_where_a_partition_without_one_is_read_from() {
        use rdkafka::Offset::{Beginning, End, Stored};
        let log = Offset(10)..Offset(15);
        for (log, committed, without_commit, expected) in [
            (&log, Some(12), Beginning, 3),
            (&log, Some(15), Beginning, 0),
            (&log, Some(16), Beginning, 0),
            (&log, None, Beginning, 5),
            (&log, None, End, 0),
            (&log, None, Stored, 5),
            (&(Offset(0)..Offset(0)), None, Beginning, 0),
        ] {
            let committed = committed.map(Offset);
            assert_eq!(lag(log, committed, without_commit), expected, "{log:?} {committed:?}");
        }
    }
}
