//! The partitions of this process: a lane for each, owned by value by the poll thread.
//!
//! It must not know the Kafka client: it says from which partitions to read and what to commit, and
//! the poll thread does both.

use std::collections::BTreeMap;
use std::ops::Range;

use linkrelay_common::{Offset, Partition};
use tokio::task::JoinHandle;

use crate::lane::{Lane, LaneEnd, LaneLimits};
use crate::record::{Completion, Epoch, Record};
use crate::tracker::{OffsetTracker, TrackerError};

/// The limits of each lane, and of all lanes together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AssignmentLimits {
    pub(crate) lane: LaneLimits,
    pub(crate) held_bytes: usize,
}

/// Starts the worker of a lane.
pub(crate) type StartWorker = Box<dyn Fn(LaneEnd) -> JoinHandle<()> + Send>;

/// All lanes of one consumer.
pub(crate) struct Assignment {
    lanes: BTreeMap<Partition, Lane>,
    epochs_count: u64,
    limits: AssignmentLimits,
    /// Bytes of the records in flight, of all lanes together.
    held_bytes: usize,
    start_worker: StartWorker,
}

impl Assignment {
    pub(crate) fn new(limits: AssignmentLimits, start_worker: StartWorker) -> Self {
        Self { lanes: BTreeMap::new(), epochs_count: 0, limits, held_bytes: 0, start_worker }
    }

    /// Opens a lane for each partition, which is read from this offset; `None` if only the broker
    /// knows it. A lane that is still there is fenced first.
    pub(crate) fn assign(&mut self, firsts: impl IntoIterator<Item = (Partition, Option<Offset>)>) {
        for (partition, first) in firsts {
            let epoch = self.next_epoch();
            let tracker = first.map(OffsetTracker::from).unwrap_or_default();
            let lane = Lane::new(epoch, self.limits.lane, tracker, &self.start_worker);
            let fenced = self.lanes.insert(partition, lane);
            self.held_bytes -= fenced.map_or(0, |lane| lane.held_bytes());
        }
    }

    fn next_epoch(&mut self) -> Epoch {
        self.epochs_count += 1;
        Epoch(self.epochs_count)
    }

    /// Begins to drain the lanes of these partitions.
    pub(crate) fn drain(&mut self, partitions: &[Partition]) {
        for partition in partitions {
            if let Some(lane) = self.lanes.get_mut(partition) {
                lane.drain();
            }
        }
    }

    /// Returns whether no record of these partitions is in flight.
    pub(crate) fn is_drained(&self, partitions: &[Partition]) -> bool {
        partitions.iter().filter_map(|partition| self.lanes.get(partition)).all(Lane::is_drained)
    }

    /// Fences the lanes of these partitions: completions of their records in flight are ignored.
    pub(crate) fn fence(&mut self, partitions: &[Partition]) {
        for partition in partitions {
            let fenced = self.lanes.remove(partition);
            self.held_bytes -= fenced.map_or(0, |lane| lane.held_bytes());
        }
    }

    /// Returns every lane, by partition.
    pub(crate) fn lanes(&self) -> impl Iterator<Item = (Partition, &Lane)> {
        self.lanes.iter().map(|(partition, lane)| (*partition, lane))
    }

    /// Returns every partition with a lane.
    pub(crate) fn partitions(&self) -> Vec<Partition> {
        self.lanes.keys().copied().collect()
    }

    /// Hands a record to its lane. A record of a partition without a lane is left to the
    /// partition's owner. An offset that was taken before means that the log was truncated, or its
    /// topic created again: the lane continues from there.
    pub(crate) fn take(&mut self, record: Record) {
        let (partition, offset) = (record.partition, record.offset);
        let goes_back =
            |lane: &&mut Lane| lane.tracker().newest().is_some_and(|newest| offset <= newest);
        if self.lanes.get_mut(&partition).as_ref().is_some_and(goes_back) {
            self.rewind(partition, offset);
        }
        let Some(lane) = self.lanes.get_mut(&partition) else { return };
        let held_before = lane.held_bytes();
        if let Err(error) = lane.take(record) {
            tracing::error!(partition = partition.0, offset = offset.0, %error, "a lane did not take a record");
        }
        self.held_bytes += lane.held_bytes() - held_before;
    }

    /// Returns the offsets between the newest record of the partition and this one, if records are
    /// missing there.
    pub(crate) fn gap_before(&self, record: &Record) -> Option<Range<Offset>> {
        let next = self.lanes.get(&record.partition)?.tracker().newest()?.next();
        (next < record.offset).then_some(next..record.offset)
    }

    /// Rewinds the lane of a partition whose log now continues from `offset`, as [`Lane::rewind`]
    /// does.
    pub(crate) fn rewind(&mut self, partition: Partition, offset: Offset) {
        let epoch = self.next_epoch();
        if let Some(lane) = self.lanes.get_mut(&partition) {
            let newest = lane.tracker().newest();
            tracing::warn!(
                partition = partition.0,
                offset = offset.0,
                newest = newest.map(|newest| newest.0),
                "the log goes back: it was truncated, or its topic was created again"
            );
            lane.rewind(offset, epoch);
        }
    }

    /// Notes that a record is complete. A completion of an older epoch is ignored.
    pub(crate) fn complete(&mut self, completion: &Completion) {
        let Completion { partition, offset, .. } = *completion;
        let Some(lane) = self.lanes.get_mut(&partition) else { return };
        let held_before = lane.held_bytes();
        match lane.complete(completion) {
            Ok(()) => {}
            Err(error @ TrackerError::AlreadyComplete(_)) => {
                tracing::error!(partition = partition.0, %error, "a second completion of a record was not counted");
            }
            Err(_) => tracing::debug!(
                partition = partition.0,
                offset = offset.0,
                "a late completion of a record is fenced"
            ),
        }
        self.held_bytes -= held_before - lane.held_bytes();
    }

    /// Returns whether a record of this partition can be taken now.
    pub(crate) fn has_room(&self, partition: Partition) -> bool {
        self.held_bytes < self.limits.held_bytes
            && self.lanes.get(&partition).is_some_and(Lane::has_room)
    }

    /// Returns a partition whose worker ended although its lane does not drain.
    pub(crate) fn dead_partition(&self) -> Option<Partition> {
        self.lanes.iter().find(|(_, lane)| lane.is_dead()).map(|(partition, _)| *partition)
    }

    /// Returns whether the poll thread needs completions: a lane is full or drains.
    pub(crate) fn is_held(&self) -> bool {
        self.held_bytes >= self.limits.held_bytes || !self.lanes.values().all(Lane::has_room)
    }

    /// Returns the prefixes of those of `partitions` whose prefix has moved.
    pub(crate) fn commit_points(&self, partitions: &[Partition]) -> Vec<(Partition, Offset)> {
        let lanes = partitions
            .iter()
            .filter_map(|partition| Some((*partition, self.lanes.get(partition)?)));
        lanes
            .filter_map(|(partition, lane)| Some((partition, lane.tracker().commit_point()?)))
            .collect()
    }

    /// Returns whether the partition has a lane and every record below this offset is complete.
    pub(crate) fn is_complete_below(&self, partition: Partition, offset: Offset) -> bool {
        self.lanes
            .get(&partition)
            .and_then(|lane| lane.tracker().prefix())
            .is_some_and(|prefix| prefix >= offset)
    }

    /// Notes that the broker has these commit points.
    pub(crate) fn mark_committed(&mut self, points: &[(Partition, Offset)]) {
        for (partition, prefix) in points {
            if let Some(lane) = self.lanes.get_mut(partition) {
                lane.mark_committed(*prefix);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::mpsc;

    use super::*;
    use crate::record::Ticket;

    const ZERO: Partition = Partition(0);
    const ONE: Partition = Partition(1);
    const LIMITS: AssignmentLimits =
        AssignmentLimits { lane: LaneLimits { queued: 4, prefix_gap: 100 }, held_bytes: 1_000_000 };

    /// Makes an assignment whose workers pass their end of the lane to the test until drained.
    fn assignment(limits: AssignmentLimits) -> (Assignment, mpsc::Receiver<LaneEnd>) {
        let (sender, receiver) = mpsc::channel(16);
        let start = Box::new(move |end: LaneEnd| {
            let signals = end.signals.clone();
            sender.try_send(end).unwrap();
            tokio::spawn(async move { signals.drain.cancelled().await })
        });
        (Assignment::new(limits, start), receiver)
    }

    fn record(partition: Partition, offset: i64, value_bytes: usize) -> Record {
        let value = vec![b'x'; value_bytes];
        Record {
            topic: Arc::from("T"),
            partition,
            offset: Offset(offset),
            key: None,
            value,
            headers: None,
            timestamp: 7,
        }
    }

    fn ticket(end: &LaneEnd, epoch: u64, record: Record) -> Ticket {
        Ticket::new(record, Epoch(epoch), Arc::clone(&end.records_in_flight), 1)
    }

    #[tokio::test]
    async fn a_full_lane_has_no_room_until_its_worker_takes_something() {
        let (mut assignment, mut ends) = assignment(LIMITS);
        assignment.assign([(ZERO, None), (ONE, None)]);
        let mut end = ends.try_recv().unwrap();
        for offset in 0..4 {
            assert!(assignment.has_room(ZERO));
            assignment.take(record(ZERO, offset, 1));
        }
        assert!(!assignment.has_room(ZERO) && assignment.has_room(ONE));
        assert!(assignment.is_held());
        assert_eq!(end.records.try_recv().unwrap().1.offset, Offset(0));
        assert!(assignment.has_room(ZERO) && !assignment.is_held());
        assert!(!assignment.has_room(Partition(2)), "it has no lane");
    }

    #[tokio::test]
    async fn a_lane_too_far_beyond_its_prefix_has_no_room_until_the_prefix_moves() {
        let lane = LaneLimits { queued: 4, prefix_gap: 2 };
        let (mut assignment, mut ends) = assignment(AssignmentLimits { lane, ..LIMITS });
        assignment.assign([(ZERO, None)]);
        let mut end = ends.try_recv().unwrap();
        for offset in 0..2 {
            assignment.take(record(ZERO, offset, 1));
            end.records.try_recv().unwrap();
        }
        assignment.complete(&ticket(&end, 1, record(ZERO, 1, 1)).finish_link().unwrap());
        assert!(!assignment.has_room(ZERO));
        assignment.complete(&ticket(&end, 1, record(ZERO, 0, 1)).finish_link().unwrap());
        assert!(assignment.has_room(ZERO));
    }

    #[tokio::test]
    async fn too_many_bytes_leave_no_lane_room() {
        let (mut assignment, mut ends) =
            assignment(AssignmentLimits { held_bytes: 2_000, ..LIMITS });
        assignment.assign([(ZERO, None), (ONE, None)]);
        let end = ends.try_recv().unwrap();
        assignment.take(record(ZERO, 0, 1_000));
        assert!(assignment.has_room(ZERO) && assignment.has_room(ONE));
        assignment.take(record(ZERO, 1, 1_000));
        assert!(!assignment.has_room(ZERO) && !assignment.has_room(ONE));
        let completion = ticket(&end, 1, record(ZERO, 0, 1_000)).finish_link().unwrap();
        assignment.complete(&completion);
        assert!(assignment.has_room(ZERO) && assignment.has_room(ONE));
        assignment.take(record(ONE, 0, 1_000));
        assert!(!assignment.has_room(ZERO));
        assignment.fence(&[ONE]);
        assert!(assignment.has_room(ZERO), "what is fenced no longer counts");
        assignment.assign([(ZERO, None)]);
        assert_eq!(assignment.held_bytes, 0);
    }

    #[tokio::test]
    async fn a_late_completion_is_fenced() {
        let (mut assignment, mut ends) = assignment(LIMITS);
        assignment.assign([(ZERO, None)]);
        let old = ends.try_recv().unwrap();
        assignment.take(record(ZERO, 7, 1));
        let late = ticket(&old, 1, record(ZERO, 7, 1)).finish_link().unwrap();
        assignment.fence(&[ZERO]);
        assert!(old.signals.fence.is_cancelled());
        assignment.assign([(ZERO, None)]);
        assignment.take(record(ZERO, 7, 1));
        assignment.complete(&late);
        assert_eq!(assignment.commit_points(&[ZERO]), []);
    }

    #[tokio::test]
    async fn only_a_prefix_that_has_moved_is_committed() {
        let (mut assignment, mut ends) = assignment(LIMITS);
        assignment.assign([(ZERO, None)]);
        let end = ends.try_recv().unwrap();
        assert_eq!(assignment.commit_points(&[ZERO]), []);
        assignment.take(record(ZERO, 7, 1));
        assignment.complete(&ticket(&end, 1, record(ZERO, 7, 1)).finish_link().unwrap());
        assert_eq!(assignment.commit_points(&[ZERO]), [(ZERO, Offset(8))]);
        assignment.mark_committed(&[(ZERO, Offset(8))]);
        assert_eq!(assignment.commit_points(&[ZERO]), []);
    }

    #[tokio::test]
    async fn a_lane_is_drained_when_nothing_of_it_is_in_flight() {
        let (mut assignment, mut ends) = assignment(LIMITS);
        assignment.assign([(ZERO, None)]);
        let end = ends.try_recv().unwrap();
        assignment.take(record(ZERO, 7, 1));
        let ticket = ticket(&end, 1, record(ZERO, 7, 1));
        assignment.drain(&[ZERO]);
        assert!(end.signals.drain.is_cancelled());
        drop(end);
        tokio::task::yield_now().await;
        assert!(!assignment.is_drained(&[ZERO]));
        drop(ticket);
        assert!(assignment.is_drained(&[ZERO]));
    }

    #[tokio::test]
    async fn a_log_that_goes_back_finishes_what_is_in_flight_below() {
        let (mut assignment, mut ends) = assignment(LIMITS);
        assignment.assign([(ZERO, None)]);
        let mut end = ends.try_recv().unwrap();
        for offset in [6, 7, 8] {
            assignment.take(record(ZERO, offset, 1));
            end.records.try_recv().unwrap();
        }
        assignment.take(record(ZERO, 7, 1));
        let (epoch, again) = end.records.try_recv().unwrap();
        assert_eq!((epoch, again.offset), (Epoch(2), Offset(7)));
        assert!(!end.signals.fence.is_cancelled() && ends.try_recv().is_err(), "the same lane");
        for (epoch, offset, committed) in [(1, 7, 6), (1, 6, 7), (1, 8, 7), (2, 7, 8)] {
            let completion = ticket(&end, epoch, record(ZERO, offset, 1)).finish_link().unwrap();
            assignment.complete(&completion);
            assert_eq!(
                assignment.commit_points(&[ZERO]),
                [(ZERO, Offset(committed))],
                "{offset} of epoch {epoch}"
            );
        }
        assert_eq!(assignment.held_bytes, 0, "what was dropped counts until it is complete");
    }
}
