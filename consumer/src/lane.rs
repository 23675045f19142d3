//! The poll thread's end of one partition: what was handed to its worker, and what came back.

use std::sync::Arc;

use linkrelay_common::Offset;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::liveness::Activity;
use crate::record::{Completion, Epoch, InFlight, Record};
use crate::tracker::{OffsetTracker, TrackerError};

/// How the poll thread tells a worker to come to an end.
#[derive(Debug, Clone, Default)]
pub(crate) struct LaneSignals {
    /// Begin nothing new; finish what is in flight.
    pub(crate) drain: CancellationToken,
    /// Drop everything.
    pub(crate) fence: CancellationToken,
}

/// What a lane's worker is made of, on its side of the channel.
#[derive(Debug)]
pub(crate) struct LaneEnd {
    pub(crate) records: mpsc::Receiver<HandedOver>,
    pub(crate) signals: LaneSignals,
    pub(crate) records_in_flight: Arc<InFlight>,
    pub(crate) activity: Activity,
}

/// A record on its way to the worker. One of a new epoch says that the log has gone back.
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
    /// Of the assignment; completions of older ones change nothing.
    first_epoch: Epoch,
    /// Of the records that are handed over now.
    epoch: Epoch,
    limits: LaneLimits,
    tracker: OffsetTracker,
    /// `None` once the lane drains: nothing more is handed over.
    records: Option<mpsc::Sender<HandedOver>>,
    held_bytes: usize,
    signals: LaneSignals,
    records_in_flight: Arc<InFlight>,
    committed: Option<Offset>,
    activity: Activity,
    worker: JoinHandle<()>,
}

impl Lane {
    /// Makes both ends; `start_worker` is given the other one.
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

    /// Counts a record as taken and hands it to the worker. For a lane that has room. A draining
    /// lane takes none: the next owner of the partition gets it again.
    ///
    /// # Errors
    /// [`TrackerError::Backwards`]: [`rewind`](Self::rewind) first.
    pub(crate) fn take(&mut self, record: Record) -> Result<(), TrackerError> {
        let Some(sender) = &self.records else { return Ok(()) };
        let (offset, size_bytes) = (record.offset, record.size_bytes());
        self.tracker.take(offset, self.epoch)?;
        match sender.try_send((self.epoch, record)) {
            Ok(()) => self.held_bytes += size_bytes,
            // A worker that is gone drains or is fenced; its records will be delivered again.
            Err(TrySendError::Closed(_)) => {}
            // Its offset stays incomplete, so nothing is lost: it will be delivered again.
            Err(TrySendError::Full(_)) => {
                tracing::error!(offset = offset.0, "a lane took more than it has room for")
            }
        }
        Ok(())
    }

    /// The log now goes on from `offset`: what is in work below it is finished, and what was
    /// taken at or above it changes nothing any more.
    pub(crate) fn rewind(&mut self, offset: Offset, epoch: Epoch) {
        self.tracker.rewind(offset);
        self.epoch = epoch;
    }

    /// A record of this partition is done for good.
    ///
    /// # Errors
    /// If it is of an older assignment, or the log has no longer this record at its offset.
    pub(crate) fn complete(&mut self, completion: &Completion) -> Result<(), TrackerError> {
        if completion.epoch >= self.first_epoch {
            self.held_bytes = self.held_bytes.saturating_sub(completion.size_bytes);
        }
        self.tracker.complete(completion.offset, completion.epoch)
    }

    /// Whether it can take another record. A draining lane takes none.
    pub(crate) fn has_room(&self) -> bool {
        let fits = self.records.as_ref().is_some_and(|records| records.capacity() > 0);
        fits && self.tracker.gap() < self.limits.prefix_gap
    }

    /// Bytes of the records that are taken and not complete.
    pub(crate) fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    /// The prefix to commit, if it has moved since the last commit.
    pub(crate) fn commit_point(&self) -> Option<Offset> {
        self.tracker.commit_point()
    }

    /// See [`OffsetTracker::prefix`].
    pub(crate) fn prefix(&self) -> Option<Offset> {
        self.tracker.prefix()
    }

    /// The broker has this commit point.
    pub(crate) fn mark_committed(&mut self, prefix: Offset) {
        self.committed = Some(prefix);
        self.tracker.mark_committed(prefix);
    }

    /// The offset of the last commit of this assignment; before it, the first one delivered.
    pub(crate) fn committed(&self) -> Option<Offset> {
        self.committed.or_else(|| self.tracker.prefix())
    }

    /// The newest offset taken.
    pub(crate) fn newest(&self) -> Option<Offset> {
        self.tracker.newest()
    }

    /// Records taken and not complete.
    pub(crate) fn in_flight_count(&self) -> usize {
        self.tracker.in_flight_count()
    }

    /// Records between the prefix and the newest taken.
    pub(crate) fn prefix_gap(&self) -> usize {
        self.tracker.gap()
    }

    /// When something of it last moved.
    pub(crate) fn activity(&self) -> &Activity {
        &self.activity
    }

    /// Begin nothing new; what is in flight is finished.
    pub(crate) fn drain(&mut self) {
        self.records = None;
        self.signals.drain.cancel();
    }

    /// Whether it was told to drain.
    pub(crate) fn is_draining(&self) -> bool {
        self.records.is_none()
    }

    /// Whether its worker ended although nobody told it to: a bug, and the end of this consumer.
    pub(crate) fn is_dead(&self) -> bool {
        !self.is_draining() && self.worker.is_finished()
    }

    /// Whether nothing of it is in work any more: all its completions have been sent.
    pub(crate) fn is_drained(&self) -> bool {
        self.is_draining()
            && self.worker.is_finished()
            && Arc::strong_count(&self.records_in_flight) == 1
    }
}

impl Drop for Lane {
    /// A lane that is gone is fenced: its worker drops everything, its late completions carry
    /// an epoch that no lane has.
    fn drop(&mut self) {
        self.signals.fence.cancel();
    }
}
