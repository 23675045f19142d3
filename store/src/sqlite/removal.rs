//! The statements that delete: all that belongs to a request, and what is too old to be kept.

use std::collections::BTreeSet;

use jiff::Timestamp;
use linkrelay_common::{DocumentId, RequestId};
use rusqlite::{Connection, named_params, params};

use super::store::SqliteStore;
use super::{codec, journal, requests, videos};
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

const VIDEOS_OF_REQUEST: &str =
    "SELECT video_id FROM document WHERE request_id = ?1 AND video_id IS NOT NULL";

/// Made only where documents are not kept forever, because it makes every write slower.
const STORED_AT_INDEX: &str =
    "CREATE INDEX IF NOT EXISTS document_by_stored_at ON document (stored_at)";
const NO_STORED_AT_INDEX: &str = "DROP INDEX IF EXISTS document_by_stored_at";

/// Served by [`STORED_AT_INDEX`].
const REMOVE_DOCUMENTS: &str = "DELETE FROM document WHERE rowid IN (
    SELECT rowid FROM document WHERE stored_at < ?1 ORDER BY stored_at LIMIT ?2)
    RETURNING video_id";
/// A marked one is being replayed.
const REMOVE_LETTERS: &str = "DELETE FROM dead_letter WHERE position IN (
    SELECT position FROM dead_letter WHERE written_at < ?1 AND state <> 'marked'
    ORDER BY written_at LIMIT ?2)";

impl SqliteStore {
    /// Removes the row, the dead letters and the journal entries of a request whose documents are
    /// in another store.
    ///
    /// # Errors
    /// Fails if the file cannot be written; then none is removed.
    pub async fn forget_request(&self, request_id: RequestId) -> Result<(), StoreError> {
        self.writer.run(move |connection| forget_request(connection, request_id)).await
    }

    /// Removes up to `limit` dead letters that were written before this time, the oldest first,
    /// except those that are being replayed, and as many rows of requests. Returns the larger of
    /// both numbers.
    ///
    /// # Errors
    /// Fails if the file cannot be written; then none is removed.
    pub async fn remove_old_rows(
        &self,
        written_before: Timestamp,
        limit: u32,
    ) -> Result<u32, StoreError> {
        let remove = move |connection: &Connection| {
            let requests = requests::remove_old(connection, written_before, limit)?;
            Ok(requests.max(remove_letters(connection, written_before, limit)?))
        };
        self.writer.run(remove).await
    }
}

/// Makes or drops the index by which old documents are found.
pub(super) fn set_retention(connection: &Connection, is_limited: bool) -> rusqlite::Result<()> {
    connection.execute_batch(if is_limited { STORED_AT_INDEX } else { NO_STORED_AT_INDEX })
}

/// Removes up to `limit` documents that were stored before this time, the oldest first.
pub(super) fn remove_documents(
    connection: &Connection,
    stored_before: Timestamp,
    limit: u32,
) -> rusqlite::Result<u32> {
    let before_ms = stored_before.as_millisecond();
    let removed: Vec<Option<String>> = connection
        .prepare_cached(REMOVE_DOCUMENTS)?
        .query_map(params![before_ms, limit], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let count = u32::try_from(removed.len()).unwrap_or(u32::MAX);
    videos::forget(connection, removed.into_iter().flatten().collect())?;
    Ok(count)
}

/// Removes up to `limit` dead letters that were written before this time, the oldest first, and
/// returns how many.
pub(super) fn remove_letters(
    connection: &Connection,
    written_before: Timestamp,
    limit: u32,
) -> rusqlite::Result<u32> {
    let before_ms = written_before.as_millisecond();
    let removed = connection.prepare_cached(REMOVE_LETTERS)?.execute(params![before_ms, limit])?;
    Ok(u32::try_from(removed).unwrap_or(u32::MAX))
}

/// Empties the documents of a request, except their ids, and returns how many there were.
pub(super) fn delete_documents(
    connection: &Connection,
    request_id: RequestId,
    deleted_at: Timestamp,
) -> rusqlite::Result<u64> {
    let error = serde_json::to_string(&deletion());
    let error = error.map_err(codec::not_written)?;
    let video_ids: BTreeSet<String> = connection
        .prepare_cached(VIDEOS_OF_REQUEST)?
        .query_map(params![request_id.to_string()], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let deleted = connection.prepare_cached(DELETE_DOCUMENTS)?.execute(named_params! {
        ":request_id": request_id.to_string(),
        ":error": error,
        ":deleted_at": deleted_at.to_string(),
        ":deleted_at_ms": deleted_at.as_millisecond(),
    })?;
    videos::forget(connection, video_ids)?;
    Ok(deleted as u64)
}

/// Removes the row, the dead letters and the journal entries of a request.
pub(super) fn forget_request(
    connection: &Connection,
    request_id: RequestId,
) -> rusqlite::Result<()> {
    // The ids of its documents are those that begin with the request's id and a colon, after
    // which the next character is a semicolon.
    let (first, end) = (format!("{request_id}:"), format!("{request_id};"));
    requests::forget(connection, request_id)?;
    connection
        .prepare_cached("DELETE FROM dead_letter WHERE id >= ?1 AND id < ?2")?
        .execute(params![first, end])?;
    let journaled: Vec<DocumentId> = connection
        .prepare_cached("SELECT id FROM journal WHERE id >= ?1 AND id < ?2")?
        .query_map(params![first, end], |row| Ok(DocumentId::from_stored(row.get(0)?)))?
        .collect::<rusqlite::Result<_>>()?;
    journal::remove(connection, &journaled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::schema;

    #[test]
    fn old_documents_and_dead_letters_are_found_in_indexes() {
        let mut connection = Connection::open_in_memory().unwrap();
        schema::migrate(&mut connection).unwrap();
        set_retention(&connection, true).unwrap();
        for (statement, index) in
            [(REMOVE_DOCUMENTS, "document_by_stored_at"), (REMOVE_LETTERS, "dead_letter_by_time")]
        {
            let explain = format!("EXPLAIN QUERY PLAN {statement}");
            let mut statement = connection.prepare(&explain).unwrap();
            let plan = statement.query_map(params![1, 1], |row| row.get::<_, String>("detail"));
            let plan: Vec<String> = plan.unwrap().collect::<Result<_, _>>().unwrap();
            assert!(plan.iter().any(|step| step.contains(index)), "{plan:?}");
            let is_slow = |step: &&String| step.contains("SCAN") || step.contains("B-TREE");
            assert_eq!(plan.iter().find(is_slow), None, "{plan:?}");
        }
    }
}
