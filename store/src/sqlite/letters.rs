//! The dead letters of the embedded mode, whose broker loses its dead-letter topic on exit.
//!
//! A dead letter waits; `linkrelay dlq replay`, which may be another process, marks it; `linkrelay
//! up` publishes the marked ones, and does so again at its next start, until the link has an
//! outcome. A newer dead letter of the same document ends the replay of the older ones in the same
//! transaction.

use linkrelay_common::DocumentId;
use rusqlite::{Connection, Row, params};

use crate::error::StoreError;

use super::journal::headers;
use super::store::SqliteStore;

/// A dead letter: the record, with the headers that say why it was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LetterEntry {
    /// The id of the link's document.
    pub document_id: DocumentId,
    /// The record's key.
    pub key: Option<Vec<u8>>,
    /// The record's value.
    pub value: Vec<u8>,
    /// All headers, in order; a name may occur twice.
    pub headers: Vec<(String, Vec<u8>)>,
    /// When it was written, in milliseconds since 1970.
    pub written_at_ms: i64,
}

/// A dead letter in its row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LetterRow {
    /// Its position. Positions grow, and none is used twice.
    pub position: i64,
    /// The dead letter.
    pub entry: LetterEntry,
    /// Whether it is to be published again, and its link has no new outcome yet.
    pub is_marked: bool,
}

impl SqliteStore {
    /// Writes a dead letter; it is durable when this returns. It ends the replay of older dead
    /// letters of its document, because the link has failed again.
    ///
    /// # Errors
    /// Fails if the file cannot be written.
    pub async fn letter_append(&self, letter: LetterEntry) -> Result<(), StoreError> {
        self.writer.run(move |connection| append(connection, &letter)).await
    }

    /// Returns up to `limit` dead letters after a position, the oldest first.
    ///
    /// # Errors
    /// Fails if the file cannot be read.
    pub async fn letters_after(
        &self,
        position: i64,
        limit: u32,
    ) -> Result<Vec<LetterRow>, StoreError> {
        self.readers
            .run(move |connection| {
                connection
                    .prepare_cached(
                        "SELECT position, id, key, value, headers, written_at, state
                         FROM dead_letter WHERE position > ?1 ORDER BY position LIMIT ?2",
                    )?
                    .query_map(params![position, limit], letter_row)?
                    .collect()
            })
            .await
    }

    /// Returns up to `limit` dead letters before a position, the newest first.
    ///
    /// # Errors
    /// Fails if the file cannot be read.
    pub async fn letters_before(
        &self,
        position: i64,
        limit: u32,
    ) -> Result<Vec<LetterRow>, StoreError> {
        self.readers
            .run(move |connection| {
                connection
                    .prepare_cached(
                        "SELECT position, id, key, value, headers, written_at, state
                         FROM dead_letter WHERE position < ?1 ORDER BY position DESC LIMIT ?2",
                    )?
                    .query_map(params![position, limit], letter_row)?
                    .collect()
            })
            .await
    }

    /// Returns the position of the newest dead letter; 0 if the table is empty.
    ///
    /// # Errors
    /// Fails if the file cannot be read.
    pub async fn letters_end(&self) -> Result<i64, StoreError> {
        let end = "SELECT coalesce(max(position), 0) FROM dead_letter";
        self.readers.run(move |connection| connection.query_row(end, [], |row| row.get(0))).await
    }

    /// Returns the positions of all marked dead letters, the oldest first.
    ///
    /// # Errors
    /// Fails if the file cannot be read.
    pub async fn letters_marked(&self) -> Result<Vec<i64>, StoreError> {
        let marked = "SELECT position FROM dead_letter WHERE state = 'marked' ORDER BY position";
        self.readers
            .run(move |connection| {
                connection.prepare_cached(marked)?.query_map([], |row| row.get(0))?.collect()
            })
            .await
    }

    /// Marks dead letters for a replay; one that is marked already stays marked.
    ///
    /// # Errors
    /// Fails if the file cannot be written; then none is marked.
    pub async fn letters_mark(&self, positions: Vec<i64>) -> Result<(), StoreError> {
        self.set_state(positions, "marked").await
    }

    /// Ends the replay of these dead letters: their links have an outcome.
    ///
    /// # Errors
    /// Fails if the file cannot be written; then nothing is changed.
    pub async fn letters_done(&self, positions: Vec<i64>) -> Result<(), StoreError> {
        self.set_state(positions, "done").await
    }

    async fn set_state(&self, positions: Vec<i64>, state: &'static str) -> Result<(), StoreError> {
        let set = move |connection: &Connection| {
            let mut statement = connection
                .prepare_cached("UPDATE dead_letter SET state = ?2 WHERE position = ?1")?;
            positions.iter().try_for_each(|at| statement.execute(params![at, state]).map(drop))
        };
        self.writer.run(set).await
    }
}

fn append(connection: &Connection, letter: &LetterEntry) -> rusqlite::Result<()> {
    let id = letter.document_id.as_str();
    connection
        .prepare_cached("UPDATE dead_letter SET state = 'done' WHERE id = ?1 AND state = 'marked'")?
        .execute(params![id])?;
    let headers = headers::encode(&letter.headers);
    connection
        .prepare_cached(
            "INSERT INTO dead_letter (id, key, value, headers, written_at, state)
             VALUES (?1, ?2, ?3, ?4, ?5, 'waiting')",
        )?
        .execute(params![id, letter.key, letter.value, headers, letter.written_at_ms])
        .map(drop)
}

fn letter_row(row: &Row<'_>) -> rusqlite::Result<LetterRow> {
    Ok(LetterRow {
        position: row.get(0)?,
        entry: LetterEntry {
            document_id: DocumentId::from_stored(row.get(1)?),
            key: row.get(2)?,
            value: row.get(3)?,
            headers: headers::read(row, 4)?,
            written_at_ms: row.get(5)?,
        },
        is_marked: row.get_ref(6)?.as_str()? == "marked",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(id: &str, written_at_ms: i64) -> LetterEntry {
        LetterEntry {
            document_id: DocumentId::from_stored(id.to_owned()),
            key: None,
            value: vec![0, 255],
            headers: vec![("a".to_owned(), vec![1]), ("a".to_owned(), Vec::new())],
            written_at_ms,
        }
    }

    fn open(folder: &tempfile::TempDir) -> SqliteStore {
        SqliteStore::open(&folder.path().join("test.sqlite")).unwrap()
    }

    #[tokio::test]
    async fn a_dead_letter_is_read_as_it_was_written_and_a_newer_one_ends_its_replay() {
        let folder = tempfile::tempdir().unwrap();
        let file = open(&folder);
        for (id, at) in [("A", 1), ("B", 2)] {
            file.letter_append(letter(id, at)).await.unwrap();
        }
        // As `dlq replay` does, from another process.
        let other = open(&folder);
        other.letters_mark(vec![1, 2]).await.unwrap();
        assert_eq!(file.letters_marked().await.unwrap(), [1, 2]);
        file.letter_append(letter("A", 3)).await.unwrap();
        assert_eq!(file.letters_marked().await.unwrap(), [2]);
        file.letters_done(vec![2]).await.unwrap();
        let rows = file.letters_after(0, 10).await.unwrap();
        let read: Vec<_> = rows.iter().map(|row| (row.position, row.is_marked)).collect();
        assert_eq!(read, [(1, false), (2, false), (3, false)]);
        assert_eq!(rows[2].entry, letter("A", 3));
        assert_eq!(file.letters_after(1, 1).await.unwrap()[0].entry, letter("B", 2));
    }
}
