//! A document's BSON form: it has the names and the nulls of the JSON form, and BSON dates for
//! times.
//!
//! BSON dates have milliseconds; finer parts of a time are dropped.

use jiff::Timestamp;
use mongodb::bson::{self, Bson, DateTime, Document, RawDocumentBuf};

use crate::document::{LinkDocument, MAX_DOCUMENT_BYTES};
use crate::error::StoreError;

/// Returns the document as it is sent to MongoDB, or why MongoDB can never accept it.
pub(super) fn encode(document: &LinkDocument) -> Result<RawDocumentBuf, String> {
    let fields = to_fields(document).map_err(|error| error.to_string())?;
    let encoded = RawDocumentBuf::from_document(&fields).map_err(|error| error.to_string())?;
    let size_bytes = encoded.as_bytes().len();
    if size_bytes > MAX_DOCUMENT_BYTES {
        return Err(format!(
            "the document has {size_bytes} bytes, and a store accepts at most {MAX_DOCUMENT_BYTES}"
        ));
    }
    Ok(encoded)
}

/// Reads a document of MongoDB.
pub(super) fn decode(mut fields: Document) -> Result<LinkDocument, StoreError> {
    for field in ["submitted_at", "extracted_at", "stored_at"] {
        date_to_text(&mut fields, field)?;
    }
    if let Ok(video) = fields.get_document_mut("video") {
        date_to_text(video, "publish_date")?;
    }
    let id = fields.get("_id").map(ToString::to_string).unwrap_or_default();
    bson::from_document(fields).map_err(|error| StoreError::Unreadable(format!("{id}: {error}")))
}

fn to_fields(document: &LinkDocument) -> bson::ser::Result<Document> {
    let mut fields = bson::to_document(document)?;
    let times = [
        ("submitted_at", document.submitted_at),
        ("extracted_at", document.extracted_at),
        ("stored_at", Some(document.stored_at)),
    ];
    for (field, time) in times {
        fields.insert(field, time.map(date));
    }
    if let (Some(video), Ok(inner)) = (&document.video, fields.get_document_mut("video")) {
        inner.insert("publish_date", video.publish_date.map(date));
    }
    Ok(fields)
}

pub(super) fn date(time: Timestamp) -> Bson {
    Bson::DateTime(DateTime::from_millis(time.as_millisecond()))
}

fn date_to_text(fields: &mut Document, field: &str) -> Result<(), StoreError> {
    let Some(Bson::DateTime(date)) = fields.get(field) else { return Ok(()) };
    let time = Timestamp::from_millisecond(date.timestamp_millis())
        .map_err(|error| StoreError::Unreadable(format!("{field}: {error}")))?;
    fields.insert(field, time.to_string());
    Ok(())
}
