//! What is kept of a link: one document per submitted link, stored or failed.

use jiff::Timestamp;
use linkrelay_common::{DocumentId, LinkFailure, RecordPlace, RequestId, Video, VideoId};
use serde::{Deserialize, Serialize};

/// The largest document that a store takes, in bytes of its stored form: BSON's own limit, which
/// SQLite keeps, too, so that a link's fate does not depend on the store.
pub const MAX_DOCUMENT_BYTES: usize = 16 * 1024 * 1024;

/// The document. Its JSON form has RFC 3339 times; MongoDB gets BSON dates instead.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LinkDocument {
    /// `<request-id>:<index>`, or `<topic>:<partition>:<offset>:<timestamp>:<i>`.
    #[serde(rename = "_id")]
    pub id: DocumentId,
    /// Of the HTTP request; null for records that came without.
    pub request_id: Option<RequestId>,
    /// The link's place in its request or record, from 0.
    pub index: u32,
    /// As it was submitted.
    pub link: String,
    /// Null if the link names none.
    pub video_id: Option<String>,
    /// What has become of it.
    pub status: LinkState,
    /// The metadata, if stored.
    pub video: Option<Video>,
    /// The videos, if expanded; no other document has this field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expansion: Option<Expansion>,
    /// Why not, if failed.
    pub error: Option<LinkFailure>,
    /// Which strategy of the extractor gave the metadata.
    pub source: Option<String>,
    /// When the link was submitted, if known.
    pub submitted_at: Option<Timestamp>,
    /// When the far side answered.
    pub extracted_at: Option<Timestamp>,
    /// When the document was written.
    pub stored_at: Timestamp,
    /// The record it came by; null if it came by HTTP alone.
    pub kafka: Option<RecordPlace>,
}

/// What a link to a playlist or channel stood for at the time. Written before the first of these
/// videos is worked on, so that a list that changes meanwhile changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expansion {
    /// The index of the first video in the request or record; the others follow it.
    pub first_index: u32,
    /// How many there are.
    pub videos_count: u32,
    /// Their ids, in the list's order.
    pub video_ids: Vec<VideoId>,
}

/// What tells whether a link is done, without the rest of its document.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct KnownDocument {
    /// Of the document.
    #[serde(rename = "_id")]
    pub id: DocumentId,
    /// What has become of the link.
    pub status: LinkState,
    /// The record that the document came by; null if it came by HTTP alone.
    pub kafka: Option<RecordPlace>,
}

impl KnownDocument {
    /// Whether `document`, of the same id, takes this one's place: nothing takes the place of a
    /// success, and a failure that of another record's failure alone.
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

/// What has become of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LinkState {
    /// There is metadata.
    Stored,
    /// There is none to be had.
    Failed,
    /// It named a list, whose videos have documents of their own.
    Expanded,
}

impl LinkState {
    /// Each of them.
    pub const ALL: [Self; 3] = [Self::Stored, Self::Failed, Self::Expanded];

    /// As it stands in the document.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Failed => "failed",
            Self::Expanded => "expanded",
        }
    }
}
