//! What handlers share.

use std::sync::Arc;
use std::time::Duration;

use linkrelay_http::intake::IntakeSettings;
use linkrelay_store::LinkStore;

use crate::accept::Accept;
use crate::forward::ExtractorServer;

/// Cheap to clone: one pointer.
#[derive(Debug, Clone)]
pub(crate) struct AppState(Arc<Shared>);

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) accept: Arc<dyn Accept>,
    /// Where the waiting path leads.
    pub(crate) extractor_server: ExtractorServer,
    pub(crate) store: Arc<dyn LinkStore>,
    /// What a request may cost.
    pub(crate) intake: IntakeSettings,
    /// Whether playlists and channels are taken, because consumers can expand them.
    pub(crate) takes_lists: bool,
    /// For one question to the store.
    pub(crate) store_timeout: Duration,
}

impl AppState {
    pub(crate) fn new(shared: Shared) -> Self {
        Self(Arc::new(shared))
    }
}

impl std::ops::Deref for AppState {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}
