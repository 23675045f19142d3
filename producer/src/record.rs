//! One link on its way to Kafka.

use jiff::Timestamp;
use linkrelay_common::{DocumentId, LinkMessage, RecordHeaders, RequestId, VideoId};

/// A link that was found good, with all that its record will carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkRecord {
    /// The video it names: the record's key, so that all links to one video meet in one partition.
    pub video_id: VideoId,
    /// As it was submitted.
    pub link: String,
    /// Whether a cached answer will not do.
    pub force: bool,
    /// The request it came in.
    pub request_id: RequestId,
    /// Its place among the request's valid links, from 0.
    pub index: u32,
    /// When the request came in.
    pub submitted_at: Timestamp,
    /// W3C trace context of the request.
    pub trace_parent: Option<String>,
}

impl LinkRecord {
    /// The record's value.
    pub fn value(&self) -> Vec<u8> {
        LinkMessage::one(self.link.as_str(), self.force).encode()
    }

    /// The record's headers.
    pub fn headers(&self) -> RecordHeaders {
        RecordHeaders {
            place: Some((self.request_id, self.index)),
            submitted_at: Some(self.submitted_at),
            trace_parent: self.trace_parent.clone(),
            ..RecordHeaders::default()
        }
    }

    /// The id that its document will have.
    pub fn document_id(&self) -> DocumentId {
        DocumentId::of_request(self.request_id, self.index)
    }
}
