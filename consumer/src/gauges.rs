//! The gauges of the consumer, which the poll thread publishes periodically.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use linkrelay_common::metrics as names;
use linkrelay_common::{Offset, Partition};
use linkrelay_extractor::Extract;
use metrics::gauge;

use crate::assignment::Assignment;
use crate::attempt::Permits;
use crate::liveness::Activity;

/// Publishes the gauges of permits, extractor, commits and lanes.
pub(crate) struct Gauges {
    pub(crate) topic: Arc<str>,
    pub(crate) permits: Arc<Permits>,
    pub(crate) extractor: Arc<dyn Extract>,
    pub(crate) committed: Activity,
}

impl Gauges {
    /// Publishes all gauges. `logs` has the first offset and the end of each log that librdkafka
    /// knows.
    pub(crate) fn publish(
        &self,
        assignment: &Assignment,
        logs: &BTreeMap<Partition, Range<Offset>>,
    ) {
        self.permits.publish_gauges();
        self.extractor.publish_gauges();
        gauge!(names::COMMIT_AGE).set(self.committed.age().as_secs_f64());
        for (partition, lane) in assignment.lanes() {
            let labels = [("topic", self.topic.to_string()), ("partition", partition.to_string())];
            gauge!(names::PARTITION_IN_WORK, &labels).set(lane.tracker().in_flight_count() as f64);
            gauge!(names::PARTITION_PREFIX_GAP, &labels).set(lane.tracker().gap() as f64);
            gauge!(names::PARTITION_FULL, &labels)
                .set(f64::from(u8::from(!assignment.has_room(partition))));
            if let Some((log, committed)) = logs.get(&partition).zip(lane.committed()) {
                gauge!(names::PARTITION_LAG, &labels).set((log.end.0 - committed.0).max(0) as f64);
            }
        }
    }
}
