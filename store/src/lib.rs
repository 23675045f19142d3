//! Where linkrelay keeps its documents: MongoDB, or a SQLite file as the embedded default.
//!
//! In reading order: [`document`] is what is kept; [`LinkStore`] is what a store can do;
//! [`mongo`] and [`sqlite`] are the two that can; [`settings`] chooses one and [`mod@supervise`]
//! watches it; the feature `contract` has the tests that both must pass, and the feature `testing`
//! a store in memory, with faults, for the tests of other crates.
//!
//! It must not know: Kafka, HTTP, or how metadata is found.

#[cfg(feature = "contract")]
pub mod contract;
pub mod document;
pub mod error;
pub mod mongo;
pub mod settings;
pub mod sqlite;
pub mod supervise;
#[cfg(feature = "testing")]
pub mod testing;

use std::fmt::Debug;

use async_trait::async_trait;
use linkrelay_common::{DocumentId, LinkFailure, RequestId, VideoId};

pub use document::{Expansion, KnownDocument, LinkDocument, LinkState, MAX_DOCUMENT_BYTES};
pub use error::StoreError;
pub use mongo::MongoStore;
pub use settings::StoreSettings;
pub use sqlite::SqliteStore;
pub use supervise::supervise;

/// What became of one document of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteOutcome {
    /// It is new.
    Inserted,
    /// A document of the same id was there: the link was delivered before, and is done.
    AlreadyThere,
    /// The one that was there said `failed`, and this one has taken its place: it does not say
    /// so, or it says so of another record.
    Replaced,
    /// The store refuses this document (too large, against a validator); others are not touched.
    Refused {
        /// The store's own words.
        reason: String,
    },
}

impl WriteOutcome {
    /// Whether the document is not there.
    pub fn is_refused(&self) -> bool {
        matches!(self, Self::Refused { .. })
    }
}

/// One link of a request, as its status shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkStatus {
    /// The link's place in the request, from 0.
    pub index: u32,
    /// As it was submitted.
    pub link: String,
    /// If the link names one.
    pub video_id: Option<String>,
    /// Stored, failed or expanded.
    pub state: LinkState,
    /// Of the video, if stored.
    pub title: Option<String>,
    /// Why, if failed.
    pub error: Option<LinkFailure>,
    /// Where its videos are, if expanded.
    pub expanded: Option<ExpandedRange>,
}

/// The indexes of a list's videos.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExpandedRange {
    /// Of the first.
    pub first_index: u32,
    /// How many there are.
    pub videos_count: u32,
}

/// How many links of a request are done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RequestCounts {
    /// With metadata.
    pub stored: u32,
    /// Without, for good.
    pub failed: u32,
    /// Lists, whose videos have documents of their own and count for themselves.
    pub expanded: u32,
}

/// What both stores can do. Every method may be called from many tasks at once, and none
/// retries by itself: what to do about an error is the caller's decision.
///
/// No method has a default, so that a store around another one cannot forget to hand a call on.
#[async_trait]
pub trait LinkStore: Debug + Send + Sync {
    /// Makes what is missing of collections, tables and indexes; safe to call again.
    async fn ensure_schema(&self) -> Result<(), StoreError>;

    /// Writes documents; each is durable when this answers (MongoDB: majority).
    ///
    /// Gives one outcome per document, in their order. A document whose id is there already is
    /// never doubled.
    ///
    /// # Errors
    /// If the fate of at least one document is unknown. Writing the whole batch again is safe.
    async fn write_batch(
        &self,
        documents: &[LinkDocument],
    ) -> Result<Vec<WriteOutcome>, StoreError>;

    /// The whole documents of these ids, in no certain order; those that are not there are left
    /// out, and one asked for twice comes once.
    ///
    /// What it gives cannot be rolled back (MongoDB: from the primary, what a majority has).
    async fn find(&self, ids: &[DocumentId]) -> Result<Vec<LinkDocument>, StoreError>;

    /// As [`find`](Self::find), but only what tells whether a link is done.
    async fn known(&self, ids: &[DocumentId]) -> Result<Vec<KnownDocument>, StoreError>;

    /// Says that these links are done, because their documents are there already: the journal of
    /// the embedded mode forgets them. Those without a document stay in it, and so do lists,
    /// whose videos may not be journaled yet. A store that keeps no journal does nothing.
    async fn done(&self, ids: &[DocumentId]) -> Result<(), StoreError>;

    /// How many links of a request are done.
    async fn request_counts(&self, request_id: RequestId) -> Result<RequestCounts, StoreError>;

    /// The done links of a request with an index of `from_index` or more and below
    /// `from_index + limit`, by index.
    async fn request_links(
        &self,
        request_id: RequestId,
        from_index: u32,
        limit: u32,
    ) -> Result<Vec<LinkStatus>, StoreError>;

    /// Where the videos of a request's lists are, by index.
    async fn request_expansions(
        &self,
        request_id: RequestId,
    ) -> Result<Vec<ExpandedRange>, StoreError>;

    /// Makes the index that [`newest_of_video`](Self::newest_of_video) needs; safe to call again.
    /// Not a part of the schema, because every write pays for it: only for callers that ask.
    async fn ensure_video_index(&self) -> Result<(), StoreError>;

    /// Of the documents with metadata of this video the one that was extracted last.
    async fn newest_of_video(&self, video_id: VideoId) -> Result<Option<LinkDocument>, StoreError>;

    /// Answers if the store can be reached and used.
    async fn ping(&self) -> Result<(), StoreError>;
}
