//! What a store does for searches after it has written the rows of videos.

use std::fmt::Debug;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::StoreError;

/// The outcome of one step of indexing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Indexed {
    /// How many titles the step has indexed.
    pub titles_count: u64,
    /// How many batches of titles waited when the step began, at most 100.
    pub waiting_batches: u64,
    /// When the oldest of those was written that could have been indexed before.
    pub oldest_at: Option<Timestamp>,
    /// Whether the next step has something to do.
    pub has_more: bool,
}

/// Indexes the titles of videos, where that would make their writes slow. Until then they are found
/// too, by reading them one by one.
#[async_trait]
pub trait SearchIndexStore: Debug + Send + Sync {
    /// Indexes some of the titles that were written since, the oldest first; `None` if this store
    /// indexes each title as it writes it.
    ///
    /// Several processes may call it concurrently. If it fails, nothing is lost: the titles are
    /// indexed by a later call.
    async fn index_videos(&self) -> Result<Option<Indexed>, StoreError>;
}
