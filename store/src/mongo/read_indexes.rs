//! The indexes that only reads of videos and requests need. Each is made when it is first asked for, so that a
//! deployment that never reads them does not pay for them at every write.

use std::sync::atomic::{AtomicBool, Ordering};

use mongodb::Collection;
use mongodb::bson::{Document, RawDocumentBuf};

use super::deadline::{SCHEMA_TIMEOUT, within};
use super::schema;
use crate::error::StoreError;

/// One of the indexes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadIndex {
    /// The rows of videos, as they were first seen.
    BySequence,
    /// The rows of videos by publication.
    ByPublished,
    /// The rows of one channel.
    ByChannel,
    /// The documents of one video.
    LinksOfVideo,
    /// The requests by the time at which they were accepted.
    RequestsByTime,
    /// The blocks of titles by gram.
    BlocksByGram,
}

/// Which of them exist.
#[derive(Debug, Default)]
pub(super) struct ReadIndexes([AtomicBool; 6]);

impl ReadIndexes {
    /// Makes an index unless it exists. The caller may have a shorter deadline; the server goes on
    /// after it. If this user may not, it is logged once, and reads go
    /// through the complete collection.
    pub(super) async fn ensure(
        &self,
        index: ReadIndex,
        collection: &Collection<RawDocumentBuf>,
        keys: Document,
    ) -> Result<(), StoreError> {
        let is_made = &self.0[index as usize];
        if is_made.load(Ordering::Acquire) {
            return Ok(());
        }
        let problem = within(SCHEMA_TIMEOUT, schema::ensure(collection, keys)).await?;
        if let Some(problem) = problem
            && !is_made.load(Ordering::Acquire)
        {
            tracing::warn!(
                "an index for reading videos or requests is missing and cannot be made, so these answers read \
                 the complete collection: {problem}"
            );
        }
        is_made.store(true, Ordering::Release);
        Ok(())
    }
}
