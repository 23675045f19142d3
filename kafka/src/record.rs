//! One link on its way to Kafka, sent by the API or by a consumer that expands a list.

use jiff::Timestamp;

use crate::headers::RecordHeaders;
use crate::message::LinkMessage;
use linkrelay_common::ids::DocumentId;
use linkrelay_common::link::LinkTarget;
use linkrelay_common::link_identity::LinkIdentity;

/// A link that was found good, with all that its record will carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkRecord {
    /// What it names: the record's key, so that all links to one video meet in one partition.
    pub target: LinkTarget,
    /// As it was submitted.
    pub link: String,
    /// Whether a cached answer will not do.
    pub force: bool,
    /// The request or record that it came with, and its index there.
    pub identity: LinkIdentity,
    /// When it was submitted.
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
        let (request, origin) = match &self.identity {
            LinkIdentity::OfRequest { request_id, index } => (Some((*request_id, *index)), None),
            LinkIdentity::OfRecord { origin, index } => (None, Some((origin.clone(), *index))),
        };
        RecordHeaders {
            request,
            origin,
            submitted_at: Some(self.submitted_at),
            trace_parent: self.trace_parent.clone(),
        }
    }

    /// The id that its document will have.
    pub fn document_id(&self) -> DocumentId {
        self.identity.document_id()
    }
}
