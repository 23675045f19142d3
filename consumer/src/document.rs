//! The documents of links, from the topic and from the waiting path.

use jiff::Timestamp;
use linkrelay_common::health::Part;
use linkrelay_common::link::MAX_LINK_BYTES;
use linkrelay_common::metrics as names;
use linkrelay_common::{DocumentId, ErrorClass, LinkFailure, RecordOrigin, RequestId, VideoId};
use linkrelay_extractor::{ExtractError, Extraction};
use linkrelay_store::{Expansion, LinkDocument, LinkState};
use metrics::counter;

use crate::record::Ticket;

/// The link that a document is about.
#[derive(Debug)]
pub(crate) struct DocumentSubject {
    pub(crate) id: DocumentId,
    pub(crate) request_id: Option<RequestId>,
    pub(crate) index: u32,
    pub(crate) link: String,
    pub(crate) video_id: Option<VideoId>,
    pub(crate) submitted_at: Option<Timestamp>,
    pub(crate) kafka: Option<RecordOrigin>,
}

/// Returns the document of a link whose metadata was found, or never will be.
pub(crate) fn document(
    subject: DocumentSubject,
    found: Result<Box<Extraction>, LinkFailure>,
) -> LinkDocument {
    let document = blank(subject);
    match found {
        Ok(extraction) => LinkDocument {
            status: LinkState::Stored,
            video: Some(extraction.video),
            source: Some(extraction.source),
            extracted_at: Some(extraction.extracted_at),
            ..document
        },
        Err(error) => LinkDocument { status: LinkState::Failed, error: Some(error), ..document },
    }
}

/// Returns the document of a list that was expanded.
pub(crate) fn expanded_document(subject: DocumentSubject, expansion: Expansion) -> LinkDocument {
    LinkDocument {
        status: LinkState::Expanded,
        expansion: Some(expansion),
        // No other strategy can list videos.
        source: Some("data_api".to_owned()),
        extracted_at: Some(Timestamp::now()),
        ..blank(subject)
    }
}

/// Returns the document of a record that cannot be read. Its link is the beginning of the record's
/// value, so that it can be recognised.
pub(crate) fn malformed_document(ticket: &Ticket, id: DocumentId, message: String) -> LinkDocument {
    let value = &ticket.record.value;
    let start = value.get(..MAX_LINK_BYTES).unwrap_or(value);
    let subject = DocumentSubject {
        id,
        request_id: None,
        index: 0,
        link: String::from_utf8_lossy(start).into_owned(),
        video_id: None,
        submitted_at: ticket.submitted_at(),
        kafka: Some(ticket.record.position()),
    };
    let (class, code) = (ErrorClass::Malformed, "malformed".to_owned());
    document(subject, Err(LinkFailure { class, code, message, attempts: 0 }))
}

/// Returns a document with what is known before any metadata is.
fn blank(subject: DocumentSubject) -> LinkDocument {
    let DocumentSubject { id, request_id, index, link, video_id, submitted_at, kafka } = subject;
    LinkDocument {
        id,
        request_id,
        index,
        link,
        video_id: video_id.map(|video_id| video_id.to_string()),
        status: LinkState::Failed,
        video: None,
        expansion: None,
        error: None,
        source: None,
        submitted_at,
        extracted_at: None,
        stored_at: Timestamp::now(),
        kafka,
        trace_parent: None,
    }
}

/// Returns the document that replaces one that the store refuses: small, and without the video id,
/// which a unique index of the operator may allow only once.
pub(crate) fn refused_by_store(document: LinkDocument) -> LinkDocument {
    let error = LinkFailure {
        class: ErrorClass::Permanent,
        code: "refused_by_store".to_owned(),
        message: "the document could not be stored".to_owned(),
        attempts: 1,
    };
    LinkDocument {
        video_id: None,
        status: LinkState::Failed,
        video: None,
        expansion: None,
        source: None,
        error: Some(error),
        ..document
    }
}

/// Counts and reports that the store refuses even that one: the link has no document, and its
/// status stays pending.
pub(crate) fn left_without_document(store: &Part, document: &LinkDocument, reason: &str) {
    counter!(names::DOCUMENTS_REFUSED).increment(1);
    tracing::error!(
        document_id = %document.id, reason,
        "the store refuses the document of a link and also its failed document: the status of the link stays pending"
    );
    store.warn(
        "documents_refused",
        format!("the store refuses documents and also the failed documents that replace them; these links stay pending: {reason}"),
    );
}

/// Returns what a document says about an extraction that failed.
pub(crate) fn link_error(error: &ExtractError, attempts: u32) -> LinkFailure {
    LinkFailure {
        class: error.class(),
        code: error.code().to_owned(),
        message: error.to_string(),
        attempts,
    }
}
