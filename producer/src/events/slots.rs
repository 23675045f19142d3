//! How many event streams are open: the limit and the gauge.

use std::sync::Arc;

use linkrelay_common::metrics as names;
use metrics::gauge;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// There are as many streams as there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there are {0} event streams, and no more are served (MAX_EVENT_STREAMS)")]
pub(crate) struct TooManyStreams(usize);

/// The number of open streams, and its limit.
#[derive(Debug)]
pub(super) struct Streams {
    max: usize,
    free: Arc<Semaphore>,
}

impl Streams {
    pub(super) fn new(max: usize) -> Self {
        Self { max, free: Arc::new(Semaphore::new(max)) }
    }

    pub(super) fn max(&self) -> usize {
        self.max
    }

    pub(super) fn too_many(&self) -> TooManyStreams {
        TooManyStreams(self.max)
    }

    /// Takes a slot, which is free again when the result is dropped.
    ///
    /// # Errors
    /// [`TooManyStreams`] if every slot is taken.
    pub(super) fn open(self: &Arc<Self>) -> Result<StreamSlot, TooManyStreams> {
        let permit = Arc::clone(&self.free).try_acquire_owned();
        let permit = permit.map_err(|_| self.too_many())?;
        self.measure();
        Ok(StreamSlot { permit: Some(permit), streams: Arc::clone(self) })
    }

    /// Sets the gauge; the exporter drops one that is not set for a minute.
    pub(super) fn measure(&self) {
        gauge!(names::EVENT_STREAMS).set((self.max - self.free.available_permits()) as f64);
    }
}

/// An open stream; its drop closes it.
#[derive(Debug)]
pub(crate) struct StreamSlot {
    permit: Option<OwnedSemaphorePermit>,
    streams: Arc<Streams>,
}

impl Drop for StreamSlot {
    fn drop(&mut self) {
        drop(self.permit.take());
        self.streams.measure();
    }
}
