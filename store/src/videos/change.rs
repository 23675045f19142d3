//! What documents change in the rows of their videos.
//!
//! A row has three registers, and each keeps the greatest of what it is told: when the video was
//! seen, its newest metadata, its last failure. So changes may come in any order and more than
//! once, and two writers need no lock.

use std::collections::BTreeMap;

use jiff::Timestamp;
use linkrelay_common::{DocumentId, VideoId};

use super::VideoFailure;
use crate::{LinkDocument, LinkState};

/// When the first and the last link to a video were submitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// When the first was.
    pub first_at: Timestamp,
    /// When the last was.
    pub last_at: Timestamp,
}

/// The register of the newest metadata: the greatest time, and of equal ones the greatest id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Newest {
    /// When YouTube answered; a document that does not say it is older than all others.
    pub extracted_at: Option<Timestamp>,
    /// The document that has the metadata.
    pub document_id: DocumentId,
}

/// The register of the last failure; it is ordered by its time, then by its document.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure(pub VideoFailure);

impl Failure {
    /// Whether this one is later than another.
    pub fn is_later_than(&self, other: &Self) -> bool {
        let key = |failure: &Self| (failure.0.failed_at, failure.0.document_id.clone());
        key(self) > key(other)
    }
}

/// What one or more documents say about one video.
#[derive(Debug, Clone, PartialEq)]
pub struct VideoChange {
    /// The video.
    pub video_id: VideoId,
    /// When its links were submitted.
    pub seen: Seen,
    /// When the last of the documents was written.
    pub stored_at: Timestamp,
    /// Its newest metadata, if there is any.
    pub newest: Option<Newest>,
    /// Its last failure, if there is one.
    pub failure: Option<Failure>,
}

impl VideoChange {
    /// Returns what a document says; `None` if it is about no video.
    pub fn of(document: &LinkDocument) -> Option<Self> {
        let video_id = VideoId::parse(document.video_id.as_deref()?).ok()?;
        let seen_at = document.submitted_at.unwrap_or(document.stored_at);
        let document_id = document.id.clone();
        let error = document.error.clone().filter(|_| document.status == LinkState::Failed);
        Some(Self {
            video_id,
            seen: Seen { first_at: seen_at, last_at: seen_at },
            stored_at: document.stored_at,
            newest: (document.status == LinkState::Stored).then(|| Newest {
                extracted_at: document.extracted_at,
                document_id: document_id.clone(),
            }),
            failure: error.map(|error| {
                Failure(VideoFailure { document_id, failed_at: document.stored_at, error })
            }),
        })
    }

    /// Returns what both say about the same video.
    pub fn merge(self, other: Self) -> Self {
        let failure = match (self.failure, other.failure) {
            (Some(a), Some(b)) => Some(if b.is_later_than(&a) { b } else { a }),
            (a, b) => a.or(b),
        };
        Self {
            video_id: self.video_id,
            seen: Seen {
                first_at: self.seen.first_at.min(other.seen.first_at),
                last_at: self.seen.last_at.max(other.seen.last_at),
            },
            stored_at: self.stored_at.max(other.stored_at),
            newest: self.newest.max(other.newest),
            failure,
        }
    }
}

/// Returns what these documents say about their videos, one change for each video.
pub fn changes<'a>(documents: impl IntoIterator<Item = &'a LinkDocument>) -> Vec<VideoChange> {
    let mut changes: BTreeMap<VideoId, VideoChange> = BTreeMap::new();
    for change in documents.into_iter().filter_map(VideoChange::of) {
        let video_id = change.video_id;
        let merged = match changes.remove(&video_id) {
            Some(before) => before.merge(change),
            None => change,
        };
        changes.insert(video_id, merged);
    }
    changes.into_values().collect()
}
