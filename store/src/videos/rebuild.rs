//! The rows of videos, made from the documents.
//!
//! It is for documents that are older than the rows, and for rows that were lost. Consumers may
//! write meanwhile, because every row keeps the greatest of what it is told.

use std::collections::HashSet;
use std::fmt::Debug;

use async_trait::async_trait;
use linkrelay_common::{DocumentId, VideoId};

use super::VideoRegisters;
use crate::{LinkState, LinkStore, StoreError};

/// The most bytes of documents that one page reads, unless its first document is larger.
pub(crate) const PAGE_BYTES: usize = 16 * 1024 * 1024;

/// Documents whose rows have been made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RebuiltPage {
    /// The last of them; the next page follows it.
    pub last: DocumentId,
    /// How many there were, of videos or not.
    pub documents: u64,
    /// How many of them cannot be read; the log names each.
    pub unreadable: u64,
}

/// What makes the rows of videos again. As with [`LinkStore`], no method retries and none has a
/// default.
#[async_trait]
pub trait RebuildStore: Debug + Send + Sync {
    /// Returns about how many documents there are, without counting them.
    async fn estimate_documents(&self) -> Result<u64, StoreError>;

    /// Writes what up to `limit` documents say in the rows of their videos: those behind `after`,
    /// by id. Returns `None` if there is no document behind it. It can be repeated, and no other
    /// writer waits for long.
    async fn rebuild_videos(
        &self,
        after: Option<&DocumentId>,
        limit: u32,
    ) -> Result<Option<RebuiltPage>, StoreError>;
}

/// Returns the videos of those rows that name no document that is there. Where rows are written
/// before their documents, the document of one of them may still be in flight.
///
/// # Errors
/// Fails if the store fails.
pub async fn without_documents(
    store: &dyn LinkStore,
    rows: &[VideoRegisters],
) -> Result<Vec<VideoId>, StoreError> {
    let named = |row: &VideoRegisters| {
        let newest = row.newest.as_ref().map(|newest| newest.document_id.clone());
        newest.into_iter().chain(row.failure.as_ref().map(|failure| failure.document_id.clone()))
    };
    let ids: Vec<DocumentId> = rows.iter().flat_map(named).collect();
    let known = store.known(&ids).await?.into_iter();
    let known = known.filter(|document| document.status != LinkState::Deleted);
    let known: HashSet<DocumentId> = known.map(|document| document.id).collect();
    let without = rows.iter().filter(|row| !named(row).any(|id| known.contains(&id)));
    Ok(without.map(|row| row.video_id).collect())
}
