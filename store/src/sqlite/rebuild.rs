//! Makes the rows of videos from the documents. A page is read and prepared without a lock, and
//! then written in transactions that are so short, and so far apart, that the writers of other
//! processes find the file free in between.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use linkrelay_common::DocumentId;
use rusqlite::{Connection, params};

use super::codec;
use super::store::SqliteStore;
use super::video_change::VideoRowChange;
use super::videos;
use crate::document::{LinkDocument, LinkState};
use crate::error::StoreError;
use crate::videos::rebuild::PAGE_BYTES;
use crate::videos::{RebuildStore, RebuiltPage};

/// After this, a transaction takes no further document.
const TRANSACTION_LIMIT: Duration = Duration::from_millis(50);

const PAGE: &str = "SELECT id, document FROM document WHERE id > ?1 ORDER BY id LIMIT ?2";

/// A document that was read, and what it says of its video.
#[derive(Debug)]
struct Change {
    id: DocumentId,
    status: LinkState,
    row: VideoRowChange,
}

#[async_trait]
impl RebuildStore for SqliteStore {
    async fn estimate_documents(&self) -> Result<u64, StoreError> {
        let query = "SELECT coalesce(max(rowid), 0) FROM document";
        self.readers.run(move |connection| connection.query_row(query, [], codec::count)).await
    }

    async fn rebuild_videos(
        &self,
        after: Option<&DocumentId>,
        limit: u32,
    ) -> Result<Option<RebuiltPage>, StoreError> {
        let after = after.map_or("", DocumentId::as_str).to_owned();
        let read = move |connection: &Connection| read(connection, &after, limit);
        let Some((page, changes)) = self.readers.run(read).await? else { return Ok(None) };
        let (changes, mut done) = (Arc::new(changes), 0);
        while done < changes.len() {
            let (changes, begin) = (Arc::clone(&changes), Instant::now());
            let write = move |connection: &Connection| write(connection, &changes[done..]);
            done += self.writer.run(write).await?;
            // SQLite's lock is not fair: without a pause, other processes would seldom get it.
            tokio::time::sleep(begin.elapsed()).await;
        }
        Ok(Some(page))
    }
}

/// Reads a page; `None` if there are no more documents.
fn read(
    connection: &Connection,
    after: &str,
    limit: u32,
) -> rusqlite::Result<Option<(RebuiltPage, Vec<Change>)>> {
    let mut statement = connection.prepare_cached(PAGE)?;
    let mut rows = statement.query(params![after, limit])?;
    let (mut page, mut changes, mut bytes) = (None, Vec::new(), 0);
    while bytes < PAGE_BYTES
        && let Some(row) = rows.next()?
    {
        let last = DocumentId::from_stored(row.get(0)?);
        let text = row.get_ref(1)?.as_str()?;
        bytes += text.len();
        let change = change(&last, text);
        let page = page.get_or_insert_with(|| RebuiltPage {
            last: last.clone(),
            documents: 0,
            unreadable: 0,
        });
        page.last = last;
        page.documents += 1;
        match change {
            Ok(change) => changes.extend(change),
            Err(error) => {
                page.unreadable += 1;
                tracing::warn!(id = %page.last, %error, "a document cannot be read");
            }
        }
    }
    Ok(page.map(|page| (page, changes)))
}

fn change(id: &DocumentId, text: &str) -> serde_json::Result<Option<Change>> {
    let document: LinkDocument = serde_json::from_str(text)?;
    let row = VideoRowChange::of(&document)?;
    Ok(row.map(|row| Change { id: id.clone(), status: document.status, row }))
}

/// Writes the rows until the transaction has taken long enough. Returns how many changes it has
/// dealt with, which is at least one.
fn write(connection: &Connection, changes: &[Change]) -> rusqlite::Result<usize> {
    let begin = Instant::now();
    let mut done = 0;
    for Change { id, status, row } in changes {
        // It may have been removed, deleted or replaced since it was read.
        let is_there = connection
            .prepare_cached("SELECT 1 FROM document WHERE id = ?1 AND status = ?2")?
            .exists(params![id.as_str(), status.as_str()])?;
        if is_there {
            videos::write(connection, row)?;
            videos::complete(connection, row)?;
        }
        done += 1;
        if begin.elapsed() >= TRANSACTION_LIMIT {
            break;
        }
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::schema;

    #[test]
    fn a_page_of_documents_is_read_in_the_order_of_their_index() {
        let mut connection = Connection::open_in_memory().unwrap();
        schema::migrate(&mut connection).unwrap();
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {PAGE}")).unwrap();
        let plan = statement.query_map(params!["", 1], |row| row.get::<_, String>("detail"));
        let plan: Vec<String> = plan.unwrap().collect::<Result<_, _>>().unwrap();
        assert_eq!(plan, ["SEARCH document USING INDEX sqlite_autoindex_document_1 (id>?)"]);
    }
}
