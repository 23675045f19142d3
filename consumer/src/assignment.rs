//! The partitions this process has: a lane each, owned by value by the poll thread.
//!
//! It must not know the Kafka client: it says from which partitions to read and what to commit,
//! and the poll thread does it.

use std::collections::BTreeMap;
use std::ops::Range;

use tokio::task::JoinHandle;

use crate::lane::{Lane, LaneEnd, LaneLimits};
use crate::record::{Completion, Epoch, Record};
use crate::tracker::{CommitPoint, TrackerError};

/// Bounds on what all lanes hold together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AssignmentLimits {
    pub(crate) lane: LaneLimits,
    pub(crate) held_bytes: usize,
}

/// What earlier assignments completed beyond the committed offset, by partition.
pub(crate) type Remembered = BTreeMap<i32, Vec<Range<i64>>>;

/// Starts the worker of a lane.
pub(crate) type StartWorker = Box<dyn Fn(LaneEnd) -> JoinHandle<()> + Send>;

/// All lanes of one consumer.
pub(crate) struct Assignment {
    lanes: BTreeMap<i32, Lane>,
    epochs_count: u64,
    limits: AssignmentLimits,
    /// Of the records in work, all lanes together.
    held_bytes: usize,
    start_worker: StartWorker,
}

impl Assignment {
    pub(crate) fn new(limits: AssignmentLimits, start_worker: StartWorker) -> Self {
        Self { lanes: BTreeMap::new(), epochs_count: 0, limits, held_bytes: 0, start_worker }
    }

    /// Opens a lane for each partition; `remembered` says what earlier assignments completed
    /// beyond the committed offsets. A lane that is still there is fenced first.
    pub(crate) fn assign(&mut self, partitions: &[i32], mut remembered: Remembered) {
        for partition in partitions {
            self.epochs_count += 1;
            let remembered = remembered.remove(partition).unwrap_or_default();
            let lane = Lane::new(
                Epoch(self.epochs_count),
                self.limits.lane,
                remembered,
                &self.start_worker,
            );
            let fenced = self.lanes.insert(*partition, lane);
            self.held_bytes -= fenced.map_or(0, |lane| lane.held_bytes());
        }
    }

    /// Begins to drain these lanes.
    pub(crate) fn drain(&mut self, partitions: &[i32]) {
        for partition in partitions {
            if let Some(lane) = self.lanes.get_mut(partition) {
                lane.drain();
            }
        }
    }

    /// Whether nothing of these partitions is in work any more.
    pub(crate) fn is_drained(&self, partitions: &[i32]) -> bool {
        partitions.iter().filter_map(|partition| self.lanes.get(partition)).all(Lane::is_drained)
    }

    /// Fences these lanes: whatever of them is still in work changes nothing any more.
    pub(crate) fn fence(&mut self, partitions: &[i32]) {
        for partition in partitions {
            let fenced = self.lanes.remove(partition);
            self.held_bytes -= fenced.map_or(0, |lane| lane.held_bytes());
        }
    }

    /// Every lane, by partition.
    pub(crate) fn lanes(&self) -> impl Iterator<Item = (i32, &Lane)> {
        self.lanes.iter().map(|(partition, lane)| (*partition, lane))
    }

    /// Every partition with a lane.
    pub(crate) fn partitions(&self) -> Vec<i32> {
        self.lanes.keys().copied().collect()
    }

    /// Hands a record to its lane. A record of a partition that is not ours (any more) is left
    /// to whoever has it.
    pub(crate) fn take(&mut self, record: Record) {
        let (partition, offset) = (record.partition, record.offset);
        let begun = self.lanes.get_mut(&partition).map(|lane| lane.begin(offset));
        let begun = match begun {
            Some(Err(error @ TrackerError::Backwards { .. })) => {
                // The topic was truncated or made anew; its offsets begin again, and so does the lane.
                tracing::warn!(partition, %error, "offsets went backwards: the partition begins anew");
                self.assign(&[partition], Remembered::new());
                self.lanes.get_mut(&partition).map(|lane| lane.begin(offset))
            }
            begun => begun,
        };
        match begun {
            Some(Ok(true)) => {
                if let Some(lane) = self.lanes.get_mut(&partition) {
                    let held_before = lane.held_bytes();
                    lane.push(record);
                    self.held_bytes += lane.held_bytes() - held_before;
                }
            }
            Some(Ok(false)) | None => {}
            Some(Err(error)) => {
                tracing::error!(partition, offset, %error, "a record was not taken")
            }
        }
    }

    /// A record is done for good; one of an older epoch changes nothing.
    pub(crate) fn complete(&mut self, completion: &Completion) {
        let lane =
            self.lanes.get_mut(&completion.partition).filter(|lane| lane.epoch == completion.epoch);
        let Some(lane) = lane else {
            tracing::debug!(
                partition = completion.partition,
                offset = completion.offset,
                "a late completion is fenced"
            );
            return;
        };
        let held_before = lane.held_bytes();
        if let Err(error) = lane.complete(completion) {
            tracing::error!(partition = completion.partition, %error, "a completion was not counted");
        }
        self.held_bytes -= held_before - lane.held_bytes();
    }

    /// Whether a record of this partition could be taken now.
    pub(crate) fn has_room(&self, partition: i32) -> bool {
        self.held_bytes < self.limits.held_bytes
            && self.lanes.get(&partition).is_some_and(Lane::has_room)
    }

    /// A partition whose worker ended although nobody told it to.
    pub(crate) fn dead_partition(&self) -> Option<i32> {
        self.lanes.iter().find(|(_, lane)| lane.is_dead()).map(|(partition, _)| *partition)
    }

    /// Whether completions are waited for: a lane is full or drains.
    pub(crate) fn is_held(&self) -> bool {
        self.held_bytes >= self.limits.held_bytes || !self.lanes.values().all(Lane::has_room)
    }

    /// What to commit of those of `partitions` that have news.
    pub(crate) fn commit_points(&self, partitions: &[i32]) -> Vec<(i32, CommitPoint)> {
        let lanes = partitions
            .iter()
            .filter_map(|partition| Some((*partition, self.lanes.get(partition)?)));
        lanes.filter_map(|(partition, lane)| Some((partition, lane.commit_point()?))).collect()
    }

    /// The broker has the newest commit points of these.
    pub(crate) fn mark_committed(&mut self, points: &[(i32, CommitPoint)]) {
        for (partition, point) in points {
            if let Some(lane) = self.lanes.get_mut(partition) {
                lane.mark_committed(point.prefix);
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

    const LIMITS: AssignmentLimits =
        AssignmentLimits { lane: LaneLimits { queued: 4, prefix_gap: 100 }, held_bytes: 1_000_000 };

    /// An assignment whose workers pass their end of the lane to the test, and end when drained.
    fn assignment(limits: AssignmentLimits) -> (Assignment, mpsc::Receiver<LaneEnd>) {
        let (sender, receiver) = mpsc::channel(16);
        let start = Box::new(move |end: LaneEnd| {
            let signals = end.signals.clone();
            sender.try_send(end).unwrap();
            tokio::spawn(async move { signals.drain.cancelled().await })
        });
        (Assignment::new(limits, start), receiver)
    }

    fn record(partition: i32, offset: i64, value_bytes: usize) -> Record {
        let value = vec![b'x'; value_bytes];
        Record {
            topic: Arc::from("T"),
            partition,
            offset,
            key: None,
            value,
            headers: None,
            timestamp: 7,
        }
    }

    fn at(prefix: i64) -> CommitPoint {
        CommitPoint { prefix, complete_beyond: vec![] }
    }

    fn ticket(end: &LaneEnd, record: Record) -> Ticket {
        Ticket::new(record, end.epoch, Arc::clone(&end.in_work), 1)
    }

    #[tokio::test]
    async fn a_full_lane_has_no_room_until_its_worker_takes_something() {
        let (mut assignment, mut ends) = assignment(LIMITS);
        assignment.assign(&[0, 1], Remembered::new());
        let mut end = ends.try_recv().unwrap();
        for offset in 0..4 {
            assert!(assignment.has_room(0));
            assignment.take(record(0, offset, 1));
        }
        assert!(!assignment.has_room(0) && assignment.has_room(1));
        assert!(assignment.is_held());
        assert_eq!(end.records.try_recv().unwrap().offset, 0);
        assert!(assignment.has_room(0) && !assignment.is_held());
        assert!(!assignment.has_room(2), "not ours");
    }

    #[tokio::test]
    async fn a_lane_too_far_beyond_its_prefix_has_no_room_until_the_prefix_moves() {
        let lane = LaneLimits { queued: 4, prefix_gap: 2 };
        let (mut assignment, mut ends) = assignment(AssignmentLimits { lane, ..LIMITS });
        assignment.assign(&[0], Remembered::new());
        let mut end = ends.try_recv().unwrap();
        for offset in 0..2 {
            assignment.take(record(0, offset, 1));
            end.records.try_recv().unwrap();
        }
        assignment.complete(&ticket(&end, record(0, 1, 1)).finish_link().unwrap());
        assert!(!assignment.has_room(0));
        assignment.complete(&ticket(&end, record(0, 0, 1)).finish_link().unwrap());
        assert!(assignment.has_room(0));
    }

    #[tokio::test]
    async fn too_many_bytes_leave_no_lane_room() {
        let (mut assignment, mut ends) =
            assignment(AssignmentLimits { held_bytes: 2_000, ..LIMITS });
        assignment.assign(&[0, 1], Remembered::new());
        let end = ends.try_recv().unwrap();
        assignment.take(record(0, 0, 1_000));
        assert!(assignment.has_room(0) && assignment.has_room(1));
        assignment.take(record(0, 1, 1_000));
        assert!(!assignment.has_room(0) && !assignment.has_room(1));
        let completion = ticket(&end, record(0, 0, 1_000)).finish_link().unwrap();
        assignment.complete(&completion);
        assert!(assignment.has_room(0) && assignment.has_room(1));
        assignment.take(record(1, 0, 1_000));
        assert!(!assignment.has_room(0));
        assignment.fence(&[1]);
        assert!(assignment.has_room(0), "what is fenced is not held");
        assignment.assign(&[0], Remembered::new());
        assert_eq!(assignment.held_bytes, 0);
    }

    #[tokio::test]
    async fn a_late_completion_is_fenced() {
        let (mut assignment, mut ends) = assignment(LIMITS);
        assignment.assign(&[0], Remembered::new());
        let old = ends.try_recv().unwrap();
        assignment.take(record(0, 7, 1));
        let late = ticket(&old, record(0, 7, 1)).finish_link().unwrap();
        assignment.fence(&[0]);
        assert!(old.signals.fence.is_cancelled());
        assignment.assign(&[0], Remembered::new());
        assignment.take(record(0, 7, 1));
        assignment.complete(&late);
        assert_eq!(assignment.commit_points(&[0]), []);
    }

    #[tokio::test]
    async fn only_news_is_committed() {
        let (mut assignment, mut ends) = assignment(LIMITS);
        assignment.assign(&[0], Remembered::new());
        let end = ends.try_recv().unwrap();
        assert_eq!(assignment.commit_points(&[0]), []);
        assignment.take(record(0, 7, 1));
        assignment.complete(&ticket(&end, record(0, 7, 1)).finish_link().unwrap());
        assert_eq!(assignment.commit_points(&[0]), [(0, at(8))]);
        assignment.mark_committed(&[(0, at(8))]);
        assert_eq!(assignment.commit_points(&[0]), []);
    }

    #[tokio::test]
    async fn a_lane_is_drained_when_nothing_of_it_is_in_work() {
        let (mut assignment, mut ends) = assignment(LIMITS);
        assignment.assign(&[0], Remembered::new());
        let end = ends.try_recv().unwrap();
        assignment.take(record(0, 7, 1));
        let ticket = ticket(&end, record(0, 7, 1));
        assignment.drain(&[0]);
        assert!(end.signals.drain.is_cancelled());
        drop(end);
        tokio::task::yield_now().await;
        assert!(!assignment.is_drained(&[0]));
        drop(ticket);
        assert!(assignment.is_drained(&[0]));
    }

    #[tokio::test]
    async fn a_topic_made_anew_begins_anew() {
        let (mut assignment, mut ends) = assignment(LIMITS);
        assignment.assign(&[0], Remembered::new());
        assignment.take(record(0, 7, 1));
        assignment.take(record(0, 0, 1));
        let (old, mut new) = (ends.try_recv().unwrap(), ends.try_recv().unwrap());
        assert!(old.signals.fence.is_cancelled());
        assert_eq!(new.records.try_recv().unwrap().offset, 0);
    }

    #[tokio::test]
    async fn what_was_complete_before_is_not_handed_over_again() {
        let (mut assignment, mut ends) = assignment(LIMITS);
        assignment.assign(&[0], Remembered::from([(0, vec![8..9])]));
        let mut end = ends.try_recv().unwrap();
        (7..10).for_each(|offset| assignment.take(record(0, offset, 1)));
        assert_eq!(end.records.try_recv().unwrap().offset, 7);
        assert_eq!(end.records.try_recv().unwrap().offset, 9);
        assignment.complete(&ticket(&end, record(0, 7, 1)).finish_link().unwrap());
        assert_eq!(assignment.commit_points(&[0]), [(0, at(9))]);
    }
}
