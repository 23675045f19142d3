//! One link as a record to be published, by the API or by a consumer that expands a list.

use jiff::Timestamp;

use crate::headers::RecordHeaders;
use crate::message::LinkMessage;
use linkrelay_common::ids::DocumentId;
use linkrelay_common::link::LinkTarget;
use linkrelay_common::link_identity::LinkIdentity;
use linkrelay_telemetry::TraceContext;

/// A valid link, with everything that its record will have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkRecord {
    /// What it names, which is also the record's key, so that all links to one video are in one
    /// partition.
    pub target: LinkTarget,
    /// The link as it was submitted.
    pub link: String,
    /// Whether YouTube is asked even if there is a cached answer.
    pub force: bool,
    /// The request or record that it came with, and its index there.
    pub identity: LinkIdentity,
    /// When it was submitted.
    pub submitted_at: Timestamp,
    /// The span of the request or list that it came with.
    pub trace_parent: Option<TraceContext>,
    /// The span in which the link failed before, if this is a retry.
    pub failed_in: Option<TraceContext>,
}

impl LinkRecord {
    /// Returns the record's value.
    pub fn value(&self) -> Vec<u8> {
        LinkMessage::one(self.link.as_str(), self.force).encode()
    }

    /// Returns the record's headers; sent in a span, it carries that span's context instead.
    pub fn headers(&self) -> RecordHeaders {
        let (request, origin) = match &self.identity {
            LinkIdentity::OfRequest { request_id, index } => (Some((*request_id, *index)), None),
            LinkIdentity::OfRecord { origin, index } => (None, Some((origin.clone(), *index))),
        };
        RecordHeaders {
            request,
            origin,
            submitted_at: Some(self.submitted_at),
            trace_parent: self.trace_parent,
        }
    }

    /// Returns the id that its document will have.
    pub fn document_id(&self) -> DocumentId {
        self.identity.document_id()
    }
}
