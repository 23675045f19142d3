//! The journal of the embedded mode: links that were accepted and are not written yet.
//!
//! The broker inside the process loses its data on exit. So the producer first journals a link,
//! then publishes it; writing the link's document removes the entry in the same transaction; and
//! the next start publishes what is left. So an entry exists exactly as long as the link is
//! accepted and this acceptance has no outcome: a failed link may be accepted again.

pub(super) mod headers;

use linkrelay_common::DocumentId;
use rusqlite::{Connection, Row, params};

use crate::error::StoreError;
use crate::requests::RequestRow;

use super::store::SqliteStore;
use super::{documents, requests};

/// An accepted link: its Kafka record, and the id of its document to come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalEntry {
    /// The id of the document to come; there is one entry per id.
    pub document_id: DocumentId,
    /// The record's key.
    pub key: Vec<u8>,
    /// The record's value.
    pub value: Vec<u8>,
    /// The record's headers, in order; a name may occur twice.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The room that is kept for what the link may be expanded into.
    pub kept_room: JournalSize,
}

/// An entry's position in the journal. Positions grow, and none is used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JournalPosition(i64);

impl JournalPosition {
    /// Before every entry.
    pub const START: Self = Self(0);
}

impl From<i64> for JournalPosition {
    fn from(position: i64) -> Self {
        Self(position)
    }
}

impl From<JournalPosition> for i64 {
    fn from(position: JournalPosition) -> Self {
        position.0
    }
}

/// An entry that has not been removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingEntry {
    /// Its position: the next page begins after it.
    pub position: JournalPosition,
    /// The entry.
    pub entry: JournalEntry,
}

/// How much is in the journal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct JournalSize {
    /// The number of entries, kept room included.
    pub entries: u64,
    /// The bytes of keys, values, headers and kept room together.
    pub bytes: u64,
}

impl SqliteStore {
    /// Journals links; all of them are durable when this returns, or, on an error, none.
    ///
    /// A link whose document is not `failed` is complete and is not journaled; an entry that exists
    /// already is not changed.
    ///
    /// # Errors
    /// Fails if the file cannot be written.
    pub async fn journal_append(&self, entries: Vec<JournalEntry>) -> Result<(), StoreError> {
        self.writer.run(move |connection| append(connection, &entries)).await
    }

    /// Journals the links of a request, with the row of the request, in one transaction; otherwise
    /// like [`SqliteStore::journal_append`].
    ///
    /// # Errors
    /// Fails if the file cannot be written; then nothing is changed.
    pub async fn journal_request(
        &self,
        request: RequestRow,
        entries: Vec<JournalEntry>,
    ) -> Result<(), StoreError> {
        let journal = move |connection: &Connection| {
            requests::add(connection, [&request])?;
            append(connection, &entries)
        };
        self.writer.run(journal).await
    }

    /// Replaces the entry of a list by those of its videos, in one transaction; otherwise like
    /// [`SqliteStore::journal_append`].
    ///
    /// # Errors
    /// Fails if the file cannot be written; then nothing is changed.
    pub async fn journal_expand(
        &self,
        list: DocumentId,
        videos: Vec<JournalEntry>,
    ) -> Result<(), StoreError> {
        let expand = move |connection: &Connection| {
            remove(connection, [&list])?;
            append(connection, &videos)
        };
        self.writer.run(expand).await
    }

    /// Returns up to `limit` entries after a position, in the order in which they were appended.
    ///
    /// # Errors
    /// Fails if the file cannot be read.
    pub async fn journal_pending(
        &self,
        after: JournalPosition,
        limit: u32,
    ) -> Result<Vec<PendingEntry>, StoreError> {
        self.readers.run(move |connection| pending(connection, after, limit)).await
    }

    /// Returns how much is in the journal; reads one row.
    ///
    /// # Errors
    /// Fails if the file cannot be read.
    pub async fn journal_size(&self) -> Result<JournalSize, StoreError> {
        self.readers.run(size).await
    }

    /// Removes the entries of links that will have no document: the broker refused them, or they
    /// became dead letters.
    ///
    /// # Errors
    /// Fails if the file cannot be written; then none is removed.
    pub async fn journal_remove(&self, ids: Vec<DocumentId>) -> Result<(), StoreError> {
        self.writer.run(move |connection| remove(connection, &ids)).await
    }
}

/// Removes the entries of these documents; part of the transaction that writes them.
pub(super) fn remove<'a>(
    connection: &Connection,
    ids: impl IntoIterator<Item = &'a DocumentId>,
) -> rusqlite::Result<()> {
    let mut statement =
        connection.prepare_cached("DELETE FROM journal WHERE id = ?1 RETURNING entries, bytes")?;
    let (mut entries, mut bytes) = (0, 0);
    for id in ids {
        let mut removed = statement.query(params![id.as_str()])?;
        while let Some(row) = removed.next()? {
            entries -= row.get::<_, i64>(0)?;
            bytes -= row.get::<_, i64>(1)?;
        }
    }
    add_to_total(connection, entries, bytes)
}

fn append(connection: &Connection, entries: &[JournalEntry]) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO journal (id, key, value, headers, bytes, entries)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (id) DO NOTHING",
    )?;
    let (mut added_entries, mut added_bytes) = (0, 0);
    for entry in entries {
        if documents::is_final(connection, &entry.document_id)? {
            continue;
        }
        let headers = headers::encode(&entry.headers);
        let own_bytes = entry.key.len() + entry.value.len() + headers.len();
        // Both count what is in memory, or a few times as much, so they fit.
        let bytes =
            i64::try_from(own_bytes).unwrap_or(i64::MAX) + entry.kept_room.bytes.cast_signed();
        let entries = 1 + entry.kept_room.entries.cast_signed();
        let id = entry.document_id.as_str();
        let row = params![id, entry.key, entry.value, headers, bytes, entries];
        if statement.execute(row)? > 0 {
            added_entries += entries;
            added_bytes += bytes;
        }
    }
    add_to_total(connection, added_entries, added_bytes)
}

fn pending(
    connection: &Connection,
    after: JournalPosition,
    limit: u32,
) -> rusqlite::Result<Vec<PendingEntry>> {
    connection
        .prepare_cached(
            "SELECT position, id, key, value, headers, entries, bytes FROM journal
             WHERE position > ?1 ORDER BY position LIMIT ?2",
        )?
        .query_map(params![after.0, limit], pending_entry)?
        .collect()
}

fn pending_entry(row: &Row<'_>) -> rusqlite::Result<PendingEntry> {
    let (key, value): (Vec<u8>, Vec<u8>) = (row.get(2)?, row.get(3)?);
    let (headers, headers_len) = (headers::read(row, 4)?, row.get_ref(4)?.as_blob()?.len());
    let own_bytes = u64::try_from(key.len() + value.len() + headers_len).unwrap_or(u64::MAX);
    let kept_room = JournalSize {
        entries: count(row, 5)?.saturating_sub(1),
        bytes: count(row, 6)?.saturating_sub(own_bytes),
    };
    let document_id = DocumentId::from_stored(row.get(1)?);
    Ok(PendingEntry {
        position: JournalPosition(row.get(0)?),
        entry: JournalEntry { document_id, key, value, headers, kept_room },
    })
}

fn size(connection: &Connection) -> rusqlite::Result<JournalSize> {
    connection
        .prepare_cached("SELECT entries, bytes FROM journal_total")?
        .query_row([], |row| Ok(JournalSize { entries: count(row, 0)?, bytes: count(row, 1)? }))
}

/// SQLite's integers are signed.
fn count(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let value: i64 = row.get(column)?;
    u64::try_from(value).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, value))
}

fn add_to_total(connection: &Connection, entries: i64, bytes: i64) -> rusqlite::Result<()> {
    if entries == 0 {
        return Ok(());
    }
    connection
        .prepare_cached("UPDATE journal_total SET entries = entries + ?1, bytes = bytes + ?2")?
        .execute(params![entries, bytes])
        .map(drop)
}
