//! Stores linkrelay's documents: in MongoDB, or in a SQLite file as the embedded default.
//!
//! In reading order: [`document`] is what is stored; [`LinkStore`] is what a store can do with it;
//! [`videos`] is what a store tells of each video over all of its documents, [`search`] how texts
//! are compared, and [`stats`] how many there are; [`requests`] tells which requests were accepted,
//! [`processes`] which processes run, and [`jobs`] which long work is done; [`mongo`] and
//! [`sqlite`] are the two stores; [`settings`] chooses one and [`mod@supervise`]
//! watches it; the feature `contract` has the tests that both must pass, and the feature `testing`
//! a store in memory, with faults, for the tests of other crates.
//!
//! It must not know: Kafka, HTTP, or how metadata is found.

#[cfg(feature = "contract")]
pub mod contract;
pub mod document;
pub mod error;
pub mod indexing;
pub mod jobs;
pub mod mongo;
pub mod processes;
pub mod requests;
pub mod search;
pub mod settings;
pub mod sqlite;
pub mod stale;
pub mod stats;
pub mod supervise;
#[cfg(feature = "testing")]
pub mod testing;
pub mod videos;

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use linkrelay_common::{DocumentId, LinkFailure, RequestId};
use serde::Deserialize;

pub use document::{Expansion, KnownDocument, LinkDocument, LinkState, MAX_DOCUMENT_BYTES};
pub use error::StoreError;
pub use indexing::{Indexed, SearchIndexStore};
pub use jobs::JobStore;
pub use mongo::MongoStore;
pub use processes::ProcessStore;
pub use requests::RequestStore;
pub use settings::StoreSettings;
pub use sqlite::SqliteStore;
pub use stale::{FoundStale, StaleVideo, StaleVideos};
pub use stats::StatsStore;
pub use supervise::supervise;
pub use videos::{RebuildStore, VideoStore};

/// The outcome of one document of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteOutcome {
    /// The document is new.
    Inserted,
    /// The store had a document with the same id: the link was delivered before, and is complete.
    AlreadyThere,
    /// The store had a `failed` document with the same id, and this one has replaced it: this one
    /// is not `failed`, or its failure is of another record.
    Replaced,
    /// The store refuses this document (too large, against a validator); others are not affected.
    Refused {
        /// The store's own message.
        reason: String,
    },
}

impl WriteOutcome {
    /// Whether the store refused the document, and so does not have it.
    pub fn is_refused(&self) -> bool {
        matches!(self, Self::Refused { .. })
    }
}

/// One complete link of a request, as the request's status shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkStatus {
    /// The link's index in the request, from 0.
    pub index: u32,
    /// The link as it was submitted.
    pub link: String,
    /// The video's id, if the link names one.
    pub video_id: Option<String>,
    /// Stored, failed, expanded or deleted.
    pub state: LinkState,
    /// The video's title, if stored.
    pub title: Option<String>,
    /// The error, if failed.
    pub error: Option<LinkFailure>,
    /// The indexes of the list's videos, if expanded.
    pub expanded: Option<ExpandedRange>,
}

/// The indexes of a list's videos.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub struct ExpandedRange {
    /// The index of the first video; the others follow it.
    pub first_index: u32,
    /// How many videos there are.
    pub videos_count: u32,
}

/// How many links of a request are complete.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RequestCounts {
    /// Links with metadata.
    pub stored: u32,
    /// Links that permanently have no metadata.
    pub failed: u32,
    /// Lists, whose videos have their own documents and are counted separately.
    pub expanded: u32,
    /// Links whose documents were deleted with the request.
    pub deleted: u32,
}

impl RequestCounts {
    /// Returns how many of a request's links have no document.
    pub fn pending_of(&self, total: u32) -> u32 {
        let Self { stored, failed, expanded, deleted } = *self;
        [stored, failed, expanded, deleted].into_iter().fold(total, u32::saturating_sub)
    }

    /// Adds `count` links with this outcome.
    pub fn add(&mut self, state: LinkState, count: u32) {
        match state {
            LinkState::Stored => self.stored += count,
            LinkState::Failed => self.failed += count,
            LinkState::Expanded => self.expanded += count,
            LinkState::Deleted => self.deleted += count,
        }
    }
}

/// What both stores can do. Every method may be called from many tasks concurrently, and none
/// retries on its own: the caller decides what to do about an error.
///
/// No method has a default, so that a store around another one cannot forget to pass a call on.
#[async_trait]
pub trait LinkStore: Debug + Send + Sync {
    /// Makes the missing collections, tables and indexes; safe to call again.
    async fn ensure_schema(&self) -> Result<(), StoreError>;

    /// Writes documents; each is durable when this returns (MongoDB: on a majority).
    ///
    /// Returns one outcome per document, in their order. There is never a second document with the
    /// same id.
    ///
    /// # Errors
    /// Fails if the outcome of at least one document is unknown. The caller may safely write the
    /// complete batch again.
    async fn write_batch(
        &self,
        documents: &[LinkDocument],
    ) -> Result<Vec<WriteOutcome>, StoreError>;

    /// Returns the complete documents with these ids, in no particular order; missing ones are
    /// left out, and one that is asked for twice is returned once.
    ///
    /// The documents cannot be rolled back (MongoDB: read from the primary, and acknowledged by a
    /// majority).
    async fn find(&self, ids: &[DocumentId]) -> Result<Vec<LinkDocument>, StoreError>;

    /// Like [`find`](Self::find), but returns only what shows whether a link is complete.
    async fn known(&self, ids: &[DocumentId]) -> Result<Vec<KnownDocument>, StoreError>;

    /// Reports that these links are complete, because the store already has their documents: those
    /// with metadata are removed from the journal of the embedded mode. Links without a document
    /// stay in it; so do lists, whose videos may not be journaled yet, and failed links, which are
    /// in it only if they were accepted again. A store without a journal does nothing.
    async fn done(&self, ids: &[DocumentId]) -> Result<(), StoreError>;

    /// Counts the complete links of a request.
    async fn request_counts(&self, request_id: RequestId) -> Result<RequestCounts, StoreError>;

    /// Returns the complete links of a request with an index of `from_index` or more and below
    /// `from_index + limit`, sorted by index.
    async fn request_links(
        &self,
        request_id: RequestId,
        from_index: u32,
        limit: u32,
    ) -> Result<Vec<LinkStatus>, StoreError>;

    /// Returns the indexes of the videos of a request's lists, sorted by the lists' indexes.
    async fn request_expansions(
        &self,
        request_id: RequestId,
    ) -> Result<Vec<ExpandedRange>, StoreError>;

    /// Deletes the documents of a request, and what else the store has of it: of each document only
    /// what [`LinkDocument::deleted`] says is kept, and no row, dead letter or journal entry. Returns how
    /// many documents were not deleted before.
    ///
    /// A link without a document is not affected, so the caller first makes sure that every link
    /// has one. If this fails, some of the documents may be deleted; it can be called again.
    async fn delete_request(
        &self,
        request_id: RequestId,
        deleted_at: Timestamp,
    ) -> Result<u64, StoreError>;

    /// Sets how long documents are kept after they were stored; `None` keeps all. It replaces what
    /// any process has set before, and makes or drops the index that the removal needs. MongoDB
    /// then removes documents by itself; of other stores, the caller removes them with
    /// [`remove_expired`](Self::remove_expired).
    async fn set_retention(&self, keep_for: Option<Duration>) -> Result<(), StoreError>;

    /// Removes up to `limit` of the documents, of the rows of requests, and of the dead letters in
    /// the file of the embedded mode, that were stored before this time. Returns how many documents it removed; always 0
    /// where the store removes them by itself.
    async fn remove_expired(&self, stored_before: Timestamp, limit: u32)
    -> Result<u32, StoreError>;

    /// Succeeds if the store can be reached and used.
    async fn ping(&self) -> Result<(), StoreError>;
}

/// A complete store.
pub trait Store:
    LinkStore
    + VideoStore
    + RebuildStore
    + SearchIndexStore
    + StatsStore
    + RequestStore
    + ProcessStore
    + JobStore
{
}

impl<T> Store for T where
    T: LinkStore
        + VideoStore
        + RebuildStore
        + SearchIndexStore
        + StatsStore
        + RequestStore
        + ProcessStore
        + JobStore
{
}

/// The schema versions of the newest linkrelay in docs/UPGRADING.md: of SQLite, and of MongoDB.
#[cfg(test)]
fn documented_versions() -> [i64; 2] {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/UPGRADING.md");
    let text = std::fs::read_to_string(path).unwrap();
    let (_, table) = text.split_once("## Versions of the store").unwrap();
    let mut rows = table.split("\n## ").next().unwrap().lines();
    let row = rows.rfind(|line| line.starts_with("| ")).unwrap();
    let mut cells = row.split('|').map(str::trim).skip(2);
    [(); 2].map(|()| cells.next().unwrap().parse().unwrap())
}
