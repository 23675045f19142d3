//! The row of a video as it is in the collection.

use linkrelay_common::{DocumentId, LinkFailure, VideoId};
use mongodb::bson::{DateTime, Document};
use serde::Deserialize;

use super::codec;
use crate::error::StoreError;
use crate::videos::{Seen, VideoFailure, VideoMetadata, VideoRow};

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
        let failure = |failure: StoredFailure| -> Result<VideoFailure, StoreError> {
            let StoredFailure { document_id, failed_at, error } = failure;
            Ok(VideoFailure { document_id, failed_at: codec::time(failed_at)?, error })
        };
        Ok(Self {
            video_id: row.video_id,
            sequence: row.sequence,
            seen: Seen {
                first_at: codec::time(row.first_seen)?,
                last_at: codec::time(row.last_seen)?,
            },
            metadata: row.newest.map(metadata).transpose()?,
            last_failure: row.failure.map(failure).transpose()?,
        })
    }
}
