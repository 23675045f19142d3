//! What a store knows of each video over all of its documents, and the queries for it.
//!
//! A video has one row, however many links name it. The row follows from the documents alone, so
//! it can always be made again from them.

mod change;
mod query;
pub mod rebuild;

use std::collections::HashSet;
use std::fmt::Debug;

use async_trait::async_trait;
use jiff::Timestamp;
use linkrelay_common::{DocumentId, LinkFailure, RequestId, Video, VideoId};
use serde::{Deserialize, Serialize};

use crate::{LinkDocument, LinkState, StoreError};

pub use change::{Failure, Newest, Seen, VideoChange, changes};
pub use query::{
    Between, CursorError, Direction, LinkCursor, MAX_ROWS_EXAMINED, VideoCursor, VideoFilter,
    VideoOrder, VideoPage, VideoQuery, VideoStatus,
};
pub use rebuild::{RebuildStore, RebuiltPage};

/// One video, over all of its documents.
#[derive(Debug, Clone, PartialEq)]
pub struct VideoRow {
    /// The video's id.
    pub video_id: VideoId,
    /// The row's number in the order in which this store has first seen its videos. It never
    /// changes.
    pub sequence: i64,
    /// When the first and the last of its links were submitted.
    pub seen: Seen,
    /// The newest metadata, if a document has any.
    pub metadata: Option<VideoMetadata>,
    /// The last failure, if a document has one. Metadata may have been found before it or after it.
    pub last_failure: Option<VideoFailure>,
}

/// What a row keeps, without the metadata itself.
#[derive(Debug, Clone, PartialEq)]
pub struct VideoRegisters {
    /// The video's id.
    pub video_id: VideoId,
    /// The document with the newest metadata, if there is one.
    pub newest: Option<Newest>,
    /// The last failure, if there is one.
    pub failure: Option<VideoFailure>,
}

/// The newest metadata of a video.
#[derive(Debug, Clone, PartialEq)]
pub struct VideoMetadata {
    /// The document that has it.
    pub document_id: DocumentId,
    /// When YouTube answered.
    pub extracted_at: Option<Timestamp>,
    /// The extractor's strategy that found it.
    pub source: Option<String>,
    /// The metadata itself.
    pub video: Video,
}

/// The last failure of a video.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VideoFailure {
    /// The document that has it.
    pub document_id: DocumentId,
    /// When it was written.
    pub failed_at: Timestamp,
    /// Why there was no metadata.
    pub error: LinkFailure,
}

/// One document of a video: a link that named it, and what was counted then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoLink {
    /// The document's id.
    pub document_id: DocumentId,
    /// The request; `None` for records without one.
    pub request_id: Option<RequestId>,
    /// The link's index in its request or record.
    pub index: u32,
    /// The link as it was submitted.
    pub link: String,
    /// Stored or failed.
    pub state: LinkState,
    /// When the link was submitted, if known.
    pub submitted_at: Option<Timestamp>,
    /// When YouTube answered, if stored.
    pub extracted_at: Option<Timestamp>,
    /// When the document was written.
    pub stored_at: Timestamp,
    /// The views when YouTube answered, if known.
    pub view_count: Option<u64>,
    /// The likes when YouTube answered, if known.
    pub like_count: Option<u64>,
    /// The code of the error, if failed.
    pub error_code: Option<String>,
}

impl From<&LinkDocument> for VideoLink {
    fn from(document: &LinkDocument) -> Self {
        let video = document.video.as_ref();
        Self {
            document_id: document.id.clone(),
            request_id: document.request_id,
            index: document.index,
            link: document.link.clone(),
            state: document.status,
            submitted_at: document.submitted_at,
            extracted_at: document.extracted_at,
            stored_at: document.stored_at,
            view_count: video.and_then(|video| video.view_count),
            like_count: video.and_then(|video| video.like_count),
            error_code: document.error.as_ref().map(|error| error.code.clone()),
        }
    }
}

impl VideoLink {
    /// Returns where a page that ends with this document ends.
    pub fn cursor(&self) -> LinkCursor {
        LinkCursor {
            stored_ms: self.stored_at.as_millisecond(),
            document_id: self.document_id.clone(),
        }
    }
}

/// What a store can tell of its videos. As with [`LinkStore`](crate::LinkStore), no method retries
/// and none has a default.
#[async_trait]
pub trait VideoStore: Debug + Send + Sync {
    /// Returns one video; `None` if no link named it.
    async fn video(&self, video_id: VideoId) -> Result<Option<VideoRow>, StoreError>;

    /// Returns those of these videos that have metadata.
    async fn stored_among(&self, video_ids: &[VideoId]) -> Result<HashSet<VideoId>, StoreError>;

    /// Returns the documents of a video, those that were written last first, at most `limit` of
    /// those behind `after`.
    async fn links_of_video(
        &self,
        video_id: VideoId,
        after: Option<LinkCursor>,
        limit: u32,
    ) -> Result<Vec<VideoLink>, StoreError>;

    /// Counts the documents of a video.
    async fn count_links_of_video(&self, video_id: VideoId) -> Result<u64, StoreError>;

    /// Returns a page of the videos that a query selects. It examines at most
    /// [`MAX_ROWS_EXAMINED`] rows, so it may have fewer videos than asked for, or none, although
    /// there are more: only a page without `next` is the last.
    async fn videos(&self, query: &VideoQuery) -> Result<VideoPage, StoreError>;

    /// Returns what the rows of up to `limit` videos keep, by the videos' ids: of those behind
    /// `after`. It needs no index but that of the ids.
    async fn registers(
        &self,
        after: Option<VideoId>,
        limit: u32,
    ) -> Result<Vec<VideoRegisters>, StoreError>;

    /// Counts the videos that a filter selects. It reads every row.
    async fn count_videos(&self, filter: &VideoFilter) -> Result<u64, StoreError>;
}
