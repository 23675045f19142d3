//! The document that is stored for each submitted link.

use jiff::Timestamp;
use linkrelay_common::{
    DocumentId, ErrorClass, LinkFailure, RecordOrigin, RequestId, Video, VideoId,
};
use serde::{Deserialize, Serialize};

/// The largest document that a store accepts, in bytes of its stored form. This is BSON's limit;
/// SQLite has the same, so that a link's outcome does not depend on the store.
pub const MAX_DOCUMENT_BYTES: usize = 16 * 1024 * 1024;

/// The document of one link. Its JSON form has RFC 3339 times; MongoDB gets BSON dates instead.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LinkDocument {
    /// `<request-id>:<index>`, or `<topic>:<partition>:<offset>:<timestamp>:<i>`.
    #[serde(rename = "_id")]
    pub id: DocumentId,
    /// The id of the HTTP request; null for records without one.
    pub request_id: Option<RequestId>,
    /// The link's index in its request or record, from 0.
    pub index: u32,
    /// The link as it was submitted.
    pub link: String,
    /// The video's id; null if the link names none.
    pub video_id: Option<String>,
    /// The link's outcome.
    pub status: LinkState,
    /// The metadata, if stored.
    pub video: Option<Video>,
    /// The videos, if expanded; no other document has this field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expansion: Option<Expansion>,
    /// The error, if failed.
    pub error: Option<LinkFailure>,
    /// The extractor's strategy that found the metadata.
    pub source: Option<String>,
    /// When the link was submitted, if known.
    pub submitted_at: Option<Timestamp>,
    /// When YouTube answered.
    pub extracted_at: Option<Timestamp>,
    /// When the document was written.
    pub stored_at: Timestamp,
    /// The origin of the link's record; null on the waiting path, which has no record.
    pub kafka: Option<RecordOrigin>,
    /// The span in which the link failed, if that was recorded, as a W3C `traceparent`; no other
    /// document has this field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_parent: Option<String>,
}

impl LinkDocument {
    /// Returns what a store keeps of a document whose request is deleted: its id, so that no
    /// later delivery of the link writes the document again, and nothing of the link.
    #[must_use]
    pub fn deleted(self, deleted_at: Timestamp) -> Self {
        Self {
            id: self.id,
            request_id: self.request_id,
            index: self.index,
            link: String::new(),
            video_id: None,
            status: LinkState::Deleted,
            video: None,
            expansion: None,
            error: Some(deletion()),
            source: None,
            submitted_at: None,
            extracted_at: None,
            stored_at: deleted_at,
            kafka: None,
            trace_parent: None,
        }
    }
}

/// Returns the error of a deleted document, which a client sees that submits the link again under
/// the same id.
pub(crate) fn deletion() -> LinkFailure {
    LinkFailure {
        class: ErrorClass::Permanent,
        code: "deleted".to_owned(),
        message: "the request was deleted".to_owned(),
        attempts: 0,
    }
}

/// The videos of a playlist or channel when it was expanded. It is written before linkrelay asks
/// for the first of them, so that a later change of the list has no effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expansion {
    /// The index of the first video in the request or record; the others follow it.
    pub first_index: u32,
    /// How many videos there are.
    pub videos_count: u32,
    /// The ids of the videos, in the list's order.
    pub video_ids: Vec<VideoId>,
}

/// The part of a document that shows whether its link is complete.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct KnownDocument {
    /// The document's id.
    #[serde(rename = "_id")]
    pub id: DocumentId,
    /// The link's outcome.
    pub status: LinkState,
    /// The origin of the document's record; null on the waiting path, which has no record.
    pub kafka: Option<RecordOrigin>,
}

impl KnownDocument {
    /// Whether `document`, of the same id, replaces this one: a success is never replaced, and a
    /// failure replaces only the failure of another record.
    pub fn gives_way_to(&self, document: &LinkDocument) -> bool {
        let is_another = document.status != LinkState::Failed || document.kafka != self.kafka;
        self.status == LinkState::Failed && is_another
    }
}

impl From<&LinkDocument> for KnownDocument {
    fn from(document: &LinkDocument) -> Self {
        let LinkDocument { id, status, kafka, .. } = document;
        Self { id: id.clone(), status: *status, kafka: kafka.clone() }
    }
}

/// The outcome of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LinkState {
    /// The document has metadata.
    Stored,
    /// No metadata is available.
    Failed,
    /// The link named a list, whose videos have their own documents.
    Expanded,
    /// The request was deleted, and only the document's id is kept.
    Deleted,
}

impl LinkState {
    /// All outcomes.
    pub const ALL: [Self; 4] = [Self::Stored, Self::Failed, Self::Expanded, Self::Deleted];

    /// Whether no later outcome of the link replaces this one, and nothing follows from it.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Stored | Self::Deleted)
    }

    /// The outcome as it is written in the document.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Failed => "failed",
            Self::Expanded => "expanded",
            Self::Deleted => "deleted",
        }
    }
}
