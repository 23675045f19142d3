//! The row of a video as it is in the collection.

use linkrelay_common::{DocumentId, LinkFailure, VideoId};
use mongodb::bson::{DateTime, Document, doc};
use serde::Deserialize;

use super::codec;
use crate::error::StoreError;
use crate::videos::{Newest, Seen, VideoFailure, VideoMetadata, VideoRegisters, VideoRow};

/// A row as it is in the collection.
#[derive(Debug, Deserialize)]
pub(super) struct StoredRow {
    #[serde(rename = "_id")]
    video_id: VideoId,
    pub(super) sequence: i64,
    first_seen: DateTime,
    last_seen: DateTime,
    newest: Option<StoredMetadata>,
    failure: Option<StoredFailure>,
}

#[derive(Debug, Deserialize)]
struct StoredMetadata {
    document_id: DocumentId,
    extracted_at: Option<DateTime>,
    source: Option<String>,
    video: Document,
}

#[derive(Debug, Deserialize)]
struct StoredFailure {
    document_id: DocumentId,
    failed_at: DateTime,
    error: LinkFailure,
}

/// A row without its metadata.
#[derive(Debug, Deserialize)]
pub(super) struct StoredRegisters {
    #[serde(rename = "_id")]
    video_id: VideoId,
    newest: Option<StoredNewest>,
    failure: Option<StoredFailure>,
}

#[derive(Debug, Deserialize)]
struct StoredNewest {
    document_id: DocumentId,
    extracted_at: Option<DateTime>,
}

impl StoredRegisters {
    /// Returns the fields of a row that are read.
    pub(super) fn fields() -> Document {
        doc! { "newest.document_id": 1, "newest.extracted_at": 1, "failure": 1 }
    }
}

impl TryFrom<StoredRegisters> for VideoRegisters {
    type Error = StoreError;

    fn try_from(row: StoredRegisters) -> Result<Self, StoreError> {
        let newest = |newest: StoredNewest| -> Result<Newest, StoreError> {
            let extracted_at = newest.extracted_at.map(codec::time).transpose()?;
            Ok(Newest { extracted_at, document_id: newest.document_id })
        };
        Ok(Self {
            video_id: row.video_id,
            newest: row.newest.map(newest).transpose()?,
            failure: row.failure.map(VideoFailure::try_from).transpose()?,
        })
    }
}

impl TryFrom<StoredFailure> for VideoFailure {
    type Error = StoreError;

    fn try_from(failure: StoredFailure) -> Result<Self, StoreError> {
        let StoredFailure { document_id, failed_at, error } = failure;
        Ok(Self { document_id, failed_at: codec::time(failed_at)?, error })
    }
}

impl TryFrom<StoredRow> for VideoRow {
    type Error = StoreError;

    fn try_from(row: StoredRow) -> Result<Self, StoreError> {
        let metadata = |newest: StoredMetadata| -> Result<VideoMetadata, StoreError> {
            Ok(VideoMetadata {
                document_id: newest.document_id,
                extracted_at: newest.extracted_at.map(codec::time).transpose()?,
                source: newest.source,
                video: codec::decode_video(newest.video)?,
            })
        };
        Ok(Self {
            video_id: row.video_id,
            sequence: row.sequence,
            seen: Seen {
                first_at: codec::time(row.first_seen)?,
                last_at: codec::time(row.last_seen)?,
            },
            metadata: row.newest.map(metadata).transpose()?,
            last_failure: row.failure.map(VideoFailure::try_from).transpose()?,
        })
    }
}
