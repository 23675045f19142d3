//! How far a file has been moved to other servers (`linkrelay migrate`), and what is read of it for
//! that.
//!
//! Each target has its own progress. While a move has begun, and after it, the file is closed: the
//! links in its journal are pending elsewhere, and would be done twice.

use std::path::Path;

use jiff::Timestamp;
use linkrelay_common::DocumentId;
use rusqlite::{Connection, OptionalExtension, params};

use super::file_lock::FileLock;
use super::store::SqliteStore;
use super::{codec, connection, requests, schema};
use crate::document::LinkDocument;
use crate::error::StoreError;
use crate::requests::RequestRow;
use crate::videos::rebuild::PAGE_BYTES;

const DOCUMENTS: &str = "SELECT id, document FROM document WHERE id > ?1 ORDER BY id LIMIT ?2";
const COUNTS: &str = "SELECT
    (SELECT count(*) FROM document WHERE id > ?1),
    (SELECT count(*) FROM request WHERE id > ?2 AND path <> 'deleted'),
    (SELECT count(*) FROM dead_letter WHERE position > ?3),
    (SELECT count(*) FROM journal WHERE position > ?4)";

/// What is moved separately.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MovePart {
    /// Documents, in the order of their ids.
    Documents,
    /// The rows of requests, in the order of their ids.
    Requests,
    /// Dead letters, in the order of their positions.
    DeadLetters,
    /// The journal, in the order of its positions.
    Journal,
}

impl MovePart {
    fn as_str(self) -> &'static str {
        match self {
            Self::Documents => "documents",
            Self::Requests => "requests",
            Self::DeadLetters => "dead letters",
            Self::Journal => "journal",
        }
    }
}

/// How far a part has been moved.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MoveProgress {
    /// The last id or position that is at the target; empty at the beginning.
    pub after: String,
    /// The last position that may be at the target, if a page was begun and is not known to have
    /// arrived.
    pub in_flight: Option<String>,
}

impl MoveProgress {
    /// Returns the last position, of a part that is in the order of positions.
    pub fn position(&self) -> i64 {
        self.after.parse().unwrap_or(0)
    }
}

/// Some documents, as they are in the file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DocumentPage {
    /// The last of them; `None` if there are no more.
    pub last: Option<DocumentId>,
    /// Those that can be read.
    pub documents: Vec<LinkDocument>,
    /// The ids of the others.
    pub unreadable: Vec<DocumentId>,
}

/// How much a file has to move.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MoveCounts {
    /// Documents.
    pub documents: u64,
    /// Rows of requests.
    pub requests: u64,
    /// Dead letters.
    pub dead_letters: u64,
    /// Links in the journal.
    pub pending: u64,
}

impl SqliteStore {
    /// Opens a closed file again: it takes links as before it was moved. Its documents and requests
    /// will be moved from the beginning the next time. Does nothing if there is no file.
    ///
    /// # Errors
    /// Fails if the file cannot be written, or is being moved.
    pub fn reopen(path: &Path) -> Result<(), StoreError> {
        if !path.is_file() {
            return Ok(());
        }
        let _lock = FileLock::shared(path)?;
        let mut connection = connection::open_writer(path)?;
        schema::migrate(&mut connection)?;
        // Positions are never used twice, so what was moved by them stays moved.
        let reopen = "BEGIN IMMEDIATE; DELETE FROM closed;
            DELETE FROM move WHERE part IN ('documents', 'requests'); COMMIT";
        Ok(connection.execute_batch(reopen)?)
    }

    /// Closes the file, because its move to `target` begins.
    ///
    /// # Errors
    /// Fails if the file cannot be written.
    pub async fn close_for_move(&self, target: String) -> Result<(), StoreError> {
        let close = "INSERT INTO closed (one, target) VALUES (1, ?1)
            ON CONFLICT DO UPDATE SET target = ?1, completed_at = NULL";
        self.writer.run(move |file| file.execute(close, params![target]).map(drop)).await
    }

    /// Notes that the move is complete.
    ///
    /// # Errors
    /// Fails if the file cannot be written.
    pub async fn complete_move(&self, at: Timestamp) -> Result<(), StoreError> {
        let complete = "UPDATE closed SET completed_at = ?1";
        let at_ms = at.as_millisecond();
        self.writer.run(move |file| file.execute(complete, params![at_ms]).map(drop)).await
    }

    /// Returns how far a part has been moved to a target.
    ///
    /// # Errors
    /// Fails if the file cannot be read.
    pub async fn move_progress(
        &self,
        target: &str,
        part: MovePart,
    ) -> Result<MoveProgress, StoreError> {
        let (target, part) = (target.to_owned(), part.as_str());
        let query = "SELECT after, in_flight FROM move WHERE target = ?1 AND part = ?2";
        let read = move |file: &Connection| {
            file.query_row(query, params![target, part], |row| {
                Ok(MoveProgress { after: row.get(0)?, in_flight: row.get(1)? })
            })
            .optional()
        };
        Ok(self.readers.run(read).await?.unwrap_or_default())
    }

    /// Notes how far a part has been moved to a target; durable when this returns.
    ///
    /// # Errors
    /// Fails if the file cannot be written.
    pub async fn set_move_progress(
        &self,
        target: &str,
        part: MovePart,
        progress: MoveProgress,
    ) -> Result<(), StoreError> {
        let (target, part) = (target.to_owned(), part.as_str());
        let set = "INSERT INTO move (target, part, after, in_flight) VALUES (?1, ?2, ?3, ?4)
            ON CONFLICT DO UPDATE SET after = ?3, in_flight = ?4";
        let write = move |file: &Connection| {
            let MoveProgress { after, in_flight } = &progress;
            file.execute(set, params![target, part, after, in_flight]).map(drop)
        };
        self.writer.run(write).await
    }

    /// Returns up to `limit` documents behind an id, by id, and fewer if they are large.
    ///
    /// # Errors
    /// Fails if the file cannot be read.
    pub async fn documents_after(
        &self,
        after: &str,
        limit: u32,
    ) -> Result<DocumentPage, StoreError> {
        let after = after.to_owned();
        self.readers.run(move |file| documents_after(file, &after, limit)).await
    }

    /// Returns up to `limit` rows of requests behind an id, by id.
    ///
    /// # Errors
    /// Fails if the file cannot be read.
    pub async fn requests_after(
        &self,
        after: &str,
        limit: u32,
    ) -> Result<Vec<RequestRow>, StoreError> {
        let after = after.to_owned();
        self.readers.run(move |file| requests::by_id(file, &after, limit)).await
    }

    /// Counts what is behind these ids and positions.
    ///
    /// # Errors
    /// Fails if the file cannot be read.
    pub async fn count_to_move(
        &self,
        [documents, requests, dead_letters, journal]: [MoveProgress; 4],
    ) -> Result<MoveCounts, StoreError> {
        let count = move |file: &Connection| {
            let after = params![
                documents.after,
                requests.after,
                dead_letters.position(),
                journal.position()
            ];
            file.query_row(COUNTS, after, |row| {
                let count = |column| row.get(column).map(i64::cast_unsigned);
                Ok(MoveCounts {
                    documents: count(0)?,
                    requests: count(1)?,
                    dead_letters: count(2)?,
                    pending: count(3)?,
                })
            })
        };
        self.readers.run(count).await
    }
}

fn documents_after(
    connection: &Connection,
    after: &str,
    limit: u32,
) -> rusqlite::Result<DocumentPage> {
    let mut statement = connection.prepare_cached(DOCUMENTS)?;
    let mut rows = statement.query(params![after, limit])?;
    let (mut page, mut bytes) = (DocumentPage::default(), 0);
    while bytes < PAGE_BYTES
        && let Some(row) = rows.next()?
    {
        let id = DocumentId::from_stored(row.get(0)?);
        let text = row.get_ref(1)?.as_str()?;
        bytes += text.len();
        match codec::decode(1, text) {
            Ok(document) => page.documents.push(document),
            Err(error) => {
                tracing::warn!(document_id = %id, %error, "a document cannot be read");
                page.unreadable.push(id.clone());
            }
        }
        page.last = Some(id);
    }
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LinkStore;

    const PARTS: [MovePart; 4] =
        [MovePart::Documents, MovePart::Requests, MovePart::DeadLetters, MovePart::Journal];

    fn progress(after: &str, in_flight: Option<&str>) -> MoveProgress {
        MoveProgress { after: after.to_owned(), in_flight: in_flight.map(str::to_owned) }
    }

    #[tokio::test]
    async fn a_moved_file_is_closed_until_it_is_opened_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.sqlite");
        SqliteStore::reopen(&path).unwrap();
        assert!(!path.exists());
        drop(SqliteStore::open(&path).unwrap());
        let refusal = || SqliteStore::open(&path).map(drop).unwrap_err().to_string();
        for is_complete in [false, true] {
            let file = SqliteStore::open_alone(&path).unwrap();
            file.close_for_move("there".to_owned()).await.unwrap();
            if is_complete {
                file.complete_move(Timestamp::now()).await.unwrap();
            }
            drop(file);
            let refusal = refusal();
            let words = if is_complete { "has moved everything to there" } else { "run it again" };
            assert!(refusal.contains(words) && refusal.contains("--despite-mig"), "{refusal}");
        }
        SqliteStore::reopen(&path).unwrap();
        SqliteStore::open(&path).unwrap().ping().await.unwrap();
    }

    #[tokio::test]
    async fn each_target_has_its_progress_and_opening_again_keeps_that_of_positions() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.sqlite");
        let file = SqliteStore::open(&path).unwrap();
        for part in PARTS {
            assert_eq!(file.move_progress("A", part).await.unwrap(), MoveProgress::default());
            file.set_move_progress("A", part, progress("7", None)).await.unwrap();
            let begun = progress("7", Some("9"));
            file.set_move_progress("A", part, begun.clone()).await.unwrap();
            assert_eq!(file.move_progress("A", part).await.unwrap(), begun);
            assert_eq!(file.move_progress("B", part).await.unwrap(), MoveProgress::default());
        }
        SqliteStore::reopen(&path).unwrap();
        let mut left = Vec::new();
        for part in PARTS {
            left.push(file.move_progress("A", part).await.unwrap().position());
        }
        assert_eq!(left, [0, 0, 7, 7]);
    }

    #[test]
    fn a_page_of_documents_is_read_in_the_order_of_their_index() {
        let mut connection = Connection::open_in_memory().unwrap();
        schema::migrate(&mut connection).unwrap();
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {DOCUMENTS}")).unwrap();
        let plan = statement.query_map(params!["", 1], |row| row.get::<_, String>("detail"));
        let plan: Vec<String> = plan.unwrap().collect::<Result<_, _>>().unwrap();
        assert_eq!(plan, ["SEARCH document USING INDEX sqlite_autoindex_document_1 (id>?)"]);
    }
}
