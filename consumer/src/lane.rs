//! The poll thread's end of one partition: what was handed to its worker, and what is complete.

use std::sync::Arc;

use linkrelay_common::Offset;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::liveness::Activity;
use crate::record::{Completion, Epoch, InFlight, Record};
use crate::tracker::{OffsetTracker, TrackerError};

/// How the poll thread tells a worker to end.
#[derive(Debug, Clone, Default)]
pub(crate) struct LaneSignals {
    /// The worker begins nothing new, and finishes what is in flight.
    pub(crate) drain: CancellationToken,
    /// The worker drops everything.
    pub(crate) fence: CancellationToken,
}

/// The worker's end of a lane.
#[derive(Debug)]
pub(crate) struct LaneEnd {
    pub(crate) records: mpsc::Receiver<HandedOver>,
    pub(crate) signals: LaneSignals,
    pub(crate) records_in_flight: Arc<InFlight>,
    pub(crate) activity: Activity,
}

/// A record for the worker. A new epoch means that the log has gone back.
pub(crate) type HandedOver = (Epoch, Record);

/// How much one lane may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LaneLimits {
    /// Records handed over and not yet begun.
    pub(crate) queued: usize,
    /// Records between the prefix and the newest taken.
    pub(crate) prefix_gap: usize,
}

/// One partition of the assignment. Owned by the poll thread by value.
#[derive(Debug)]
pub(crate) struct Lane {
    /// The epoch in which the lane began; completions of older ones are ignored.
    first_epoch: Epoch,
    /// The epoch of the records that are handed over now.
    epoch: Epoch,
    limits: LaneLimits,
    tracker: OffsetTracker,
    /// `None` once the lane drains: no further record is handed over.
    records: Option<mpsc::Sender<HandedOver>>,
    held_bytes: usize,
    signals: LaneSignals,
    records_in_flight: Arc<InFlight>,
    committed: Option<Offset>,
    activity: Activity,
    worker: JoinHandle<()>,
}

impl Lane {
    /// Makes both ends, and gives the other one to `start_worker`.
    pub(crate) fn new(
        epoch: Epoch,
        limits: LaneLimits,
        tracker: OffsetTracker,
        start_worker: impl FnOnce(LaneEnd) -> JoinHandle<()>,
    ) -> Self {
        let (sender, receiver) = mpsc::channel(limits.queued);
        let signals = LaneSignals::default();
        let records_in_flight = Arc::new(InFlight);
        let activity = Activity::new();
        let end = LaneEnd {
            records: receiver,
            signals: signals.clone(),
            records_in_flight: Arc::clone(&records_in_flight),
            activity: activity.clone(),
        };
        Self {
            first_epoch: epoch,
            epoch,
            limits,
            tracker,
            records: Some(sender),
            held_bytes: 0,
            signals,
            records_in_flight,
            committed: None,
            activity,
            worker: start_worker(end),
        }
    }

    /// Counts a record as taken and hands it to the worker. The lane must have room. A draining
    /// lane takes no record: the next owner of the partition gets it again.
    ///
    /// # Errors
    /// [`TrackerError::Backwards`] if the lane has to be [rewound](Self::rewind) first.
    pub(crate) fn take(&mut self, record: Record) -> Result<(), TrackerError> {
        let Some(sender) = &self.records else { return Ok(()) };
        let (offset, size_bytes) = (record.offset, record.size_bytes());
        self.tracker.take(offset, self.epoch)?;
        match sender.try_send((self.epoch, record)) {
            Ok(()) => self.held_bytes += size_bytes,
            // A worker that has ended drains or is fenced; its records will be delivered again.
            Err(TrySendError::Closed(_)) => {}
            // Its offset stays incomplete, so it will be delivered again, and nothing is lost.
            Err(TrySendError::Full(_)) => {
                tracing::error!(offset = offset.0, "a full lane was given a record")
            }
        }
        Ok(())
    }

    /// Continues from `offset` in a new epoch, because the log now does. What is in flight below it
    /// is finished; completions of what was taken at or above it are ignored.
    pub(crate) fn rewind(&mut self, offset: Offset, epoch: Epoch) {
        self.tracker.rewind(offset);
        self.epoch = epoch;
    }

    /// Notes that a record of this partition is complete.
    ///
    /// # Errors
    /// [`TrackerError`] if the record is of an older assignment, or the log no longer has it at its
    /// offset.
    pub(crate) fn complete(&mut self, completion: &Completion) -> Result<(), TrackerError> {
        if completion.epoch >= self.first_epoch {
            self.held_bytes = self.held_bytes.saturating_sub(completion.size_bytes);
        }
        self.tracker.complete(completion.offset, completion.epoch)
    }

    /// Returns whether the lane can take another record. A draining lane takes none.
    pub(crate) fn has_room(&self) -> bool {
        let fits = self.records.as_ref().is_some_and(|records| records.capacity() > 0);
        fits && self.tracker.gap() < self.limits.prefix_gap
    }

    /// Returns the bytes of the records that are taken and not complete.
    pub(crate) fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    /// Returns which offsets of the partition are taken and complete.
    pub(crate) fn tracker(&self) -> &OffsetTracker {
        &self.tracker
    }

    /// Notes that the broker has this commit point.
    pub(crate) fn mark_committed(&mut self, prefix: Offset) {
        self.committed = Some(prefix);
        self.tracker.mark_committed(prefix);
    }

    /// Returns the last commit of this assignment; before it, the first offset delivered.
    pub(crate) fn committed(&self) -> Option<Offset> {
        self.committed.or_else(|| self.tracker.prefix())
    }

    /// Returns when the lane last made progress.
    pub(crate) fn activity(&self) -> &Activity {
        &self.activity
    }

    /// Begins to drain: the worker begins nothing new, and finishes what is in flight.
    pub(crate) fn drain(&mut self) {
        self.records = None;
        self.signals.drain.cancel();
    }

    /// Returns whether the lane drains or is drained.
    pub(crate) fn is_draining(&self) -> bool {
        self.records.is_none()
    }

    /// Returns whether the worker ended although the lane does not drain: a bug, which ends this
    /// consumer.
    pub(crate) fn is_dead(&self) -> bool {
        !self.is_draining() && self.worker.is_finished()
    }

    /// Returns whether no record of the lane is in flight: all its completions have been sent.
    pub(crate) fn is_drained(&self) -> bool {
        self.is_draining()
            && self.worker.is_finished()
            && Arc::strong_count(&self.records_in_flight) == 1
    }
}

impl Drop for Lane {
    /// Fences the lane: its worker drops everything, and its late completions have an epoch that no
    /// lane has.
    fn drop(&mut self) {
        self.signals.fence.cancel();
    }
}
