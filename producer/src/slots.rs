//! How many long answers of one kind are open: the limit and the gauge.

use std::sync::Arc;

use metrics::gauge;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A kind of long answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind {
    /// What they are, in the plural.
    pub(crate) what: &'static str,
    /// The setting of their limit.
    pub(crate) setting: &'static str,
    /// The gauge of their number.
    pub(crate) gauge: &'static str,
    /// The code of an answer that is one too many.
    pub(crate) code: &'static str,
}

/// There are as many answers of a kind as there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there are {max} {}, and no more are served ({})", kind.what, kind.setting)]
pub(crate) struct TooMany {
    pub(crate) kind: Kind,
    max: usize,
}

/// The number of open answers, and its limit.
#[derive(Debug)]
pub(crate) struct Slots {
    kind: Kind,
    max: usize,
    free: Arc<Semaphore>,
}

impl Slots {
    pub(crate) fn new(kind: Kind, max: usize) -> Self {
        Self { kind, max, free: Arc::new(Semaphore::new(max)) }
    }

    pub(crate) fn max(&self) -> usize {
        self.max
    }

    pub(crate) fn too_many(&self) -> TooMany {
        TooMany { kind: self.kind, max: self.max }
    }

    /// Takes a slot, which is free again when the result is dropped.
    ///
    /// # Errors
    /// [`TooMany`] if every slot is taken.
    pub(crate) fn open(self: &Arc<Self>) -> Result<Slot, TooMany> {
        let permit = Arc::clone(&self.free).try_acquire_owned();
        let permit = permit.map_err(|_| self.too_many())?;
        self.measure();
        Ok(Slot { permit: Some(permit), slots: Arc::clone(self) })
    }

    /// Sets the gauge; the exporter drops one that is not set for a minute.
    pub(crate) fn measure(&self) {
        gauge!(self.kind.gauge).set((self.max - self.free.available_permits()) as f64);
    }
}

/// An open answer; its drop closes it.
#[derive(Debug)]
pub(crate) struct Slot {
    permit: Option<OwnedSemaphorePermit>,
    slots: Arc<Slots>,
}

impl Slot {
    /// Sets the gauge again.
    pub(crate) fn measure(&self) {
        self.slots.measure();
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        drop(self.permit.take());
        self.slots.measure();
    }
}
