//! What a journal is: where accepted links are kept while the broker itself forgets.
//!
//! The embedded broker lives in the memory of the process. So a link is first appended to a
//! journal on disk, then published; writing its document removes the entry, and the next start
//! publishes what is left. A link counts as accepted once it is in the journal, whether or not its
//! publishing worked.
//!
//! It must not know: what the journal is kept in.

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use linkrelay_common::DocumentId;
use linkrelay_kafka::LinkRecord;

/// A durable list of the links that were accepted and have no document yet.
#[async_trait]
pub trait Journal: Debug + Send + Sync {
    /// Writes all of these or none; they survive a kill once this answers.
    ///
    /// # Errors
    /// [`JournalError::Full`] above its bound: an embedded broker drops its oldest records
    /// silently, so the journal takes no more links than the broker holds.
    async fn append(&self, records: &[LinkRecord]) -> Result<(), JournalError>;

    /// Takes the entry of a list out and its videos in, at once: they survive a kill once this
    /// answers. Never full: the entry of a list has room for as many as it may have.
    ///
    /// # Errors
    /// If it cannot be written; then nothing is changed.
    async fn expand(&self, list: &DocumentId, videos: &[LinkRecord]) -> Result<(), JournalError>;

    /// All links without a document, oldest first.
    ///
    /// # Errors
    /// If it cannot be read.
    async fn pending(&self) -> Result<Vec<LinkRecord>, JournalError>;

    /// Answers if it can be used.
    ///
    /// # Errors
    /// If it cannot.
    async fn ping(&self) -> Result<(), JournalError>;
}

/// Why links were not taken into the journal.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// As many links wait for their documents as may.
    #[error("too many accepted links are waiting for their documents")]
    Full,
    /// It cannot be read or written.
    #[error("the journal cannot be used: {0}")]
    Unusable(String),
}

/// Between two tries of what the journal could not do.
pub(crate) fn pauses() -> impl Iterator<Item = Duration> {
    std::iter::repeat(Duration::from_secs(1))
}
