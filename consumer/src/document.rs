//! What is written of a link, whichever way it came.

use jiff::Timestamp;
use linkrelay_common::{DocumentId, ErrorClass, RecordPlace, RequestId, VideoId};
use linkrelay_extractor::{ExtractError, Extraction};
use linkrelay_store::{Expansion, LinkDocument, LinkError, LinkState};

/// Which link a document is of.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) id: DocumentId,
    pub(crate) request_id: Option<RequestId>,
    pub(crate) index: u32,
    pub(crate) link: String,
    pub(crate) video_id: Option<VideoId>,
    pub(crate) submitted_at: Option<Timestamp>,
    pub(crate) kafka: Option<RecordPlace>,
}

/// The document of a link whose metadata was found, or never will be.
pub(crate) fn document(place: Place, found: Result<Box<Extraction>, LinkError>) -> LinkDocument {
    let document = blank(place);
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

/// The document of a list.
pub(crate) fn expanded_document(place: Place, expansion: Expansion) -> LinkDocument {
    LinkDocument {
        status: LinkState::Expanded,
        expansion: Some(expansion),
        // Nothing else can list.
        source: Some("data_api".to_owned()),
        extracted_at: Some(Timestamp::now()),
        ..blank(place)
    }
}

/// What is known before anything is found.
fn blank(place: Place) -> LinkDocument {
    let Place { id, request_id, index, link, video_id, submitted_at, kafka } = place;
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
    }
}

/// In place of a document that the store refuses: small enough that it has no reason to refuse
/// this one, too.
pub(crate) fn refused_by_store(document: LinkDocument) -> LinkDocument {
    let error = LinkError {
        class: ErrorClass::Permanent,
        code: "refused_by_store".to_owned(),
        message: "the document could not be stored".to_owned(),
        attempts: 1,
    };
    LinkDocument {
        status: LinkState::Failed,
        video: None,
        expansion: None,
        source: None,
        error: Some(error),
        ..document
    }
}

/// What a document says of an extraction that failed.
pub(crate) fn link_error(error: &ExtractError, attempts: u32) -> LinkError {
    LinkError {
        class: error.class(),
        code: error.code().to_owned(),
        message: error.to_string(),
        attempts,
    }
}
