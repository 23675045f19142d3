//! The journal: it keeps accepted links, because the embedded broker loses its data on exit.
//!
//! A link is first appended to a journal on disk, then published; writing its document removes the
//! entry, and the next start publishes what is left. A link counts as accepted once it is in the
//! journal, whether or not it could be published.
//!
//! It must not know: where the journal is kept.

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use linkrelay_common::DocumentId;
use linkrelay_kafka::LinkRecord;
use linkrelay_store::requests::RequestRow;

/// A durable list of the links that were accepted and have no outcome since then.
#[async_trait]
pub trait Journal: Debug + Send + Sync {
    /// Writes all of these records or none; they are durable when this returns, and so is the row
    /// of the request, if it is a new one.
    ///
    /// # Errors
    /// [`JournalError::Full`] above the bound: the embedded broker drops its oldest records
    /// silently, so the journal accepts no more links than the broker holds.
    /// [`JournalError::Unusable`] if the journal cannot be written.
    async fn append(
        &self,
        records: &[LinkRecord],
        request: Option<&RequestRow>,
    ) -> Result<(), JournalError>;

    /// Replaces the entry of a list by those of its videos, in one step that is durable when this
    /// returns. It is never full: the entry of a list keeps room for its videos.
    ///
    /// # Errors
    /// [`JournalError::Unusable`] if the journal cannot be written; then nothing is changed.
    async fn expand(&self, list: &DocumentId, videos: &[LinkRecord]) -> Result<(), JournalError>;

    /// Returns all links without an outcome, the oldest first.
    ///
    /// # Errors
    /// [`JournalError::Unusable`] if the journal cannot be read.
    async fn pending(&self) -> Result<Vec<LinkRecord>, JournalError>;

    /// Checks whether the journal can be used.
    ///
    /// # Errors
    /// [`JournalError::Unusable`] if it cannot.
    async fn ping(&self) -> Result<(), JournalError>;
}

/// Why links were not journaled.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The limit of links that wait for their documents is reached.
    #[error("too many accepted links are waiting for their documents")]
    Full,
    /// The journal cannot be read or written.
    #[error("the journal cannot be used: {0}")]
    Unusable(String),
}

/// Returns the backoff after a failure of the journal.
pub(crate) fn pauses() -> impl Iterator<Item = Duration> {
    std::iter::repeat(Duration::from_secs(1))
}
