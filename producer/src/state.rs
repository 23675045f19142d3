//! What handlers share.

use std::sync::Arc;
use std::time::Duration;

use linkrelay_store::LinkStore;

use crate::submit::Submitter;

/// Cheap to clone: one pointer.
#[derive(Debug, Clone)]
pub(crate) struct AppState(Arc<Shared>);

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) submitter: Submitter,
    pub(crate) store: Arc<dyn LinkStore>,
    pub(crate) limits: Limits,
}

/// What a request may cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) max_body_bytes: usize,
    pub(crate) max_links: usize,
    pub(crate) body_read_timeout: Duration,
    /// For one question to the store.
    pub(crate) store_timeout: Duration,
}

impl AppState {
    pub(crate) fn new(submitter: Submitter, store: Arc<dyn LinkStore>, limits: Limits) -> Self {
        Self(Arc::new(Shared { submitter, store, limits }))
    }
}

impl std::ops::Deref for AppState {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}
