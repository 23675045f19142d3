//! A document as a row: the fields that queries need are columns, and the complete document is
//! JSON.

use jiff::Timestamp;
use linkrelay_common::DocumentId;
use rusqlite::Row;
use rusqlite::types::Type;

use super::video_change::VideoRowChange;
use crate::document::{LinkDocument, LinkState, MAX_DOCUMENT_BYTES};

/// A document, ready for the writer's thread.
#[derive(Debug)]
pub(super) struct DocumentRow {
    pub(super) id: DocumentId,
    pub(super) request_id: Option<String>,
    pub(super) index: u32,
    pub(super) status: LinkState,
    pub(super) video_id: Option<String>,
    pub(super) channel_id: Option<String>,
    pub(super) title: Option<String>,
    pub(super) link: String,
    pub(super) error: Option<String>,
    pub(super) stored_at_millis: i64,
    pub(super) document: String,
    pub(super) video: Option<VideoRowChange>,
}

/// Returns the document's row, or why the store can never accept the document.
pub(super) fn encode(document: &LinkDocument) -> Result<DocumentRow, String> {
    let json = |error: serde_json::Error| error.to_string();
    let text = serde_json::to_string(document).map_err(json)?;
    if text.len() > MAX_DOCUMENT_BYTES {
        return Err(format!(
            "the document has {} bytes, and a store accepts at most {MAX_DOCUMENT_BYTES}",
            text.len()
        ));
    }
    let video = document.video.as_ref();
    Ok(DocumentRow {
        id: document.id.clone(),
        request_id: document.request_id.map(|id| id.to_string()),
        index: document.index,
        status: document.status,
        video_id: document.video_id.clone(),
        channel_id: video.and_then(|video| video.author.channel_id.clone()),
        title: video.map(|video| video.title.clone()),
        link: document.link.clone(),
        error: document.error.as_ref().map(serde_json::to_string).transpose().map_err(json)?,
        stored_at_millis: document.stored_at.as_millisecond(),
        document: text,
        video: VideoRowChange::of(document).map_err(json)?,
    })
}

/// Reads a JSON column.
pub(super) fn decode<'a, T: serde::Deserialize<'a>>(
    column: usize,
    json: &'a str,
) -> rusqlite::Result<T> {
    serde_json::from_str(json).map_err(|error| unreadable(column, error))
}

/// Reads a column of milliseconds since 1970.
pub(super) fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    Timestamp::from_millisecond(row.get(column)?).map_err(|error| unreadable(column, error))
}

/// Reads the result of `count(*)`, which is never negative.
pub(super) fn count(row: &Row<'_>) -> rusqlite::Result<u64> {
    row.get(0).map(i64::cast_unsigned)
}

/// Returns the error of a column whose value no program of ours has written.
pub(super) fn unreadable(
    column: usize,
    error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error.into())
}

/// Returns the error of a value that cannot be made JSON.
pub(super) fn not_written(error: serde_json::Error) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(Box::new(error))
}

/// Reads a status column.
pub(super) fn state(column: usize, text: &str) -> rusqlite::Result<LinkState> {
    LinkState::ALL
        .into_iter()
        .find(|state| state.as_str() == text)
        .ok_or_else(|| unreadable(column, format!("{text:?} is not a status of a link")))
}
