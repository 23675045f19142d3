//! The documents of a SQLite file, as a [`LinkStore`]; writing a document removes its link's
//! journal entry in the same transaction.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use linkrelay_common::{DocumentId, RequestId};
use rusqlite::Connection;

use super::codec::{self, DocumentRow};
use super::store::SqliteStore;
use super::{documents, journal, removal, requests, videos};
use crate::error::StoreError;
use crate::{
    ExpandedRange, KnownDocument, LinkDocument, LinkState, LinkStatus, LinkStore, RequestCounts,
    WriteOutcome,
};

#[async_trait]
impl LinkStore for SqliteStore {
    /// [`SqliteStore::open`] has made the tables; this checks whether they can be read.
    async fn ensure_schema(&self) -> Result<(), StoreError> {
        self.readers.run(|connection| documents::find(connection, &[]).map(drop)).await
    }

    async fn write_batch(
        &self,
        documents: &[LinkDocument],
    ) -> Result<Vec<WriteOutcome>, StoreError> {
        if documents.is_empty() {
            return Ok(Vec::new());
        }
        let documents = documents.to_vec();
        // The grams of long descriptions take milliseconds.
        let encode = move || documents.iter().map(codec::encode).collect::<Vec<_>>();
        let encoded = tokio::task::spawn_blocking(encode).await;
        let rows = encoded.map_err(|error| StoreError::Unreachable(error.to_string()))?;
        self.writer.run(move |connection| write_rows(connection, &rows)).await
    }

    async fn find(&self, ids: &[DocumentId]) -> Result<Vec<LinkDocument>, StoreError> {
        let ids = ids.to_vec();
        self.readers.run(move |connection| documents::find(connection, &ids)).await
    }

    async fn known(&self, ids: &[DocumentId]) -> Result<Vec<KnownDocument>, StoreError> {
        let ids = ids.to_vec();
        self.readers.run(move |connection| documents::known(connection, &ids)).await
    }

    /// Another program may have written a document without removing its entry.
    async fn done(&self, ids: &[DocumentId]) -> Result<(), StoreError> {
        if ids.is_empty() {
            return Ok(());
        }
        let ids = ids.to_vec();
        self.writer.run(move |connection| remove_done(connection, &ids)).await
    }

    async fn request_counts(&self, request_id: RequestId) -> Result<RequestCounts, StoreError> {
        let id = request_id.to_string();
        self.readers.run(move |connection| documents::request_counts(connection, &id)).await
    }

    async fn request_links(
        &self,
        request_id: RequestId,
        from_index: u32,
        limit: u32,
    ) -> Result<Vec<LinkStatus>, StoreError> {
        let id = request_id.to_string();
        self.readers
            .run(move |connection| documents::request_links(connection, &id, from_index, limit))
            .await
    }

    async fn request_expansions(
        &self,
        request_id: RequestId,
    ) -> Result<Vec<ExpandedRange>, StoreError> {
        let id = request_id.to_string();
        self.readers.run(move |connection| documents::request_expansions(connection, &id)).await
    }

    async fn delete_request(
        &self,
        request_id: RequestId,
        deleted_at: Timestamp,
    ) -> Result<u64, StoreError> {
        let delete = move |connection: &Connection| {
            removal::forget_request(connection, request_id)?;
            removal::delete_documents(connection, request_id, deleted_at)
        };
        self.writer.run(delete).await
    }

    async fn set_retention(&self, keep_for: Option<Duration>) -> Result<(), StoreError> {
        let is_limited = keep_for.is_some();
        self.writer.run(move |connection| removal::set_retention(connection, is_limited)).await
    }

    async fn remove_expired(
        &self,
        stored_before: Timestamp,
        limit: u32,
    ) -> Result<u32, StoreError> {
        let remove = move |connection: &Connection| {
            requests::remove_old(connection, stored_before, limit)?;
            removal::remove_letters(connection, stored_before, limit)?;
            removal::remove_documents(connection, stored_before, limit)
        };
        self.writer.run(remove).await
    }

    /// Takes the lock for writing, so that it fails if the thread has ended, or if another process
    /// holds the file.
    async fn ping(&self) -> Result<(), StoreError> {
        self.writer.run(|connection| documents::find(connection, &[]).map(drop)).await
    }
}

/// Writes what can be written, and removes the journal entries in the same transaction. The entry
/// of a refused document stays, because its link is not complete; so does that of a list, until the
/// entries of its videos replace it; and so does that of a failure that the file has already,
/// because the link has been accepted again since then.
fn write_rows(
    connection: &Connection,
    rows: &[Result<DocumentRow, String>],
) -> rusqlite::Result<Vec<WriteOutcome>> {
    let outcomes = rows
        .iter()
        .map(|row| match row {
            Ok(row) => documents::write(connection, row),
            Err(reason) => Ok(WriteOutcome::Refused { reason: reason.clone() }),
        })
        .collect::<rusqlite::Result<Vec<_>>>()?;
    for (row, outcome) in rows.iter().zip(&outcomes) {
        let is_new = matches!(outcome, WriteOutcome::Inserted | WriteOutcome::Replaced);
        if let Ok(DocumentRow { video: Some(video), .. }) = row
            && is_new
        {
            videos::write(connection, video)?;
        }
    }
    let done = rows.iter().zip(&outcomes).filter_map(|(row, outcome)| {
        let row = row.as_ref().ok()?;
        let is_done = match row.status {
            LinkState::Stored => !outcome.is_refused(),
            LinkState::Failed => matches!(outcome, WriteOutcome::Inserted | WriteOutcome::Replaced),
            LinkState::Expanded | LinkState::Deleted => false,
        };
        is_done.then_some(&row.id)
    });
    journal::remove(connection, done)?;
    Ok(outcomes)
}

/// Removes the entries of the links that have metadata or are deleted: a list's videos may not be
/// journaled yet, and a failed link has been accepted again.
fn remove_done(connection: &Connection, ids: &[DocumentId]) -> rusqlite::Result<()> {
    let known = documents::known(connection, ids)?;
    let done = known.iter().filter(|document| document.status.is_final());
    journal::remove(connection, done.map(|document| &document.id))
}
