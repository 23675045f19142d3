//! The statements that delete: all that belongs to a request.

use jiff::Timestamp;
use linkrelay_common::{DocumentId, RequestId};
use rusqlite::{Connection, named_params, params};

use super::journal;
use super::store::SqliteStore;
use crate::document::deletion;
use crate::error::StoreError;

/// Empties the documents of a request; the JSON is that of
/// [`LinkDocument::deleted`](crate::LinkDocument::deleted).
const DELETE_DOCUMENTS: &str = "UPDATE document
    SET status = 'deleted', video_id = NULL, channel_id = NULL, title = NULL, link = '',
        error = :error, stored_at = :deleted_at_ms,
        document = json_object('_id', id, 'request_id', request_id, 'index', idx, 'link', '',
            'video_id', NULL, 'status', 'deleted', 'video', NULL, 'error', json(:error),
            'source', NULL, 'submitted_at', NULL, 'extracted_at', NULL,
            'stored_at', :deleted_at, 'kafka', NULL)
    WHERE request_id = :request_id AND status <> 'deleted'";

impl SqliteStore {
    /// Removes the dead letters and journal entries of a request whose documents are in another
    /// store.
    ///
    /// # Errors
    /// Fails if the file cannot be written; then none is removed.
    pub async fn forget_request(&self, request_id: RequestId) -> Result<(), StoreError> {
        self.writer.run(move |connection| forget_request(connection, request_id)).await
    }
}

/// Empties the documents of a request, except their ids, and returns how many there were.
pub(super) fn delete_documents(
    connection: &Connection,
    request_id: RequestId,
    deleted_at: Timestamp,
) -> rusqlite::Result<u64> {
    let error = serde_json::to_string(&deletion());
    let error = error.map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    let deleted = connection.prepare_cached(DELETE_DOCUMENTS)?.execute(named_params! {
        ":request_id": request_id.to_string(),
        ":error": error,
        ":deleted_at": deleted_at.to_string(),
        ":deleted_at_ms": deleted_at.as_millisecond(),
    })?;
    Ok(deleted as u64)
}

/// Removes the dead letters and journal entries of a request.
pub(super) fn forget_request(
    connection: &Connection,
    request_id: RequestId,
) -> rusqlite::Result<()> {
    // The ids of its documents are those that begin with the request's id and a colon, after
    // which the next character is a semicolon.
    let (first, end) = (format!("{request_id}:"), format!("{request_id};"));
    connection
        .prepare_cached("DELETE FROM dead_letter WHERE id >= ?1 AND id < ?2")?
        .execute(params![first, end])?;
    let journaled: Vec<DocumentId> = connection
        .prepare_cached("SELECT id FROM journal WHERE id >= ?1 AND id < ?2")?
        .query_map(params![first, end], |row| Ok(DocumentId::from_stored(row.get(0)?)))?
        .collect::<rusqlite::Result<_>>()?;
    journal::remove(connection, &journaled)
}
