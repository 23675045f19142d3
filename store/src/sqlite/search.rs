//! What searches find videos by: the grams of each one's title and description, in a full-text
//! index whose rows have the numbers of the videos.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::grams::tokens;
use super::{codec, failure};
use crate::document::LinkDocument;
use crate::search::Folded;

/// How many older videos are indexed in one transaction, which a write may have to wait for.
const OLDER_AT_ONCE: i64 = 50;

/// Adds a video that the index does not have.
pub(super) fn insert(connection: &Connection, sequence: i64, tokens: &str) -> rusqlite::Result<()> {
    let insert = "INSERT INTO video_grams (rowid, grams) VALUES (?1, ?2)";
    connection.prepare_cached(insert)?.execute(params![sequence, tokens]).map(drop)
}

/// Replaces the grams of a video.
pub(super) fn replace(
    connection: &Connection,
    video_id: &str,
    tokens: &str,
) -> rusqlite::Result<()> {
    match remove(connection, video_id)? {
        Some(sequence) => insert(connection, sequence, tokens),
        None => Ok(()),
    }
}

/// Removes the grams of a video, and returns the video's number.
pub(super) fn remove(connection: &Connection, video_id: &str) -> rusqlite::Result<Option<i64>> {
    let sequence: Option<i64> = connection
        .prepare_cached("SELECT sequence FROM video WHERE video_id = ?1")?
        .query_row(params![video_id], |row| row.get(0))
        .optional()?;
    if let Some(sequence) = sequence {
        let delete = "DELETE FROM video_grams WHERE rowid = ?1";
        connection.prepare_cached(delete)?.execute(params![sequence])?;
    }
    Ok(sequence)
}

/// Sets the source of a row that is older than this column.
fn set_source(
    connection: &Connection,
    video_id: &str,
    source: Option<&str>,
) -> rusqlite::Result<()> {
    let set = "UPDATE video SET source = ?2 WHERE video_id = ?1 AND source IS NULL";
    connection.prepare_cached(set)?.execute(params![video_id, source]).map(drop)
}

/// Whether every video is in the index.
pub(super) fn is_complete(connection: &Connection) -> rusqlite::Result<bool> {
    let older = connection.prepare_cached("SELECT 1 FROM search_backlog")?.exists([])?;
    Ok(!older)
}

/// Indexes some of the videos that are older than the index. Returns whether there are more.
pub(super) fn index_older(connection: &mut Connection) -> bool {
    try_index_older(connection, OLDER_AT_ONCE).unwrap_or_else(|error| {
        let is_busy = failure::is_busy(&error);
        if !is_busy {
            // Searches read the texts meanwhile.
            tracing::warn!(%error, "videos could not be indexed for search; the next start tries again");
        }
        is_busy
    })
}

fn try_index_older(connection: &mut Connection, limit: i64) -> rusqlite::Result<bool> {
    let backlog = "SELECT first, last FROM search_backlog";
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    if is_complete(connection).unwrap_or(true) {
        return Ok(false);
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let left: Option<(i64, i64)> = transaction.query_row(backlog, [], read).optional()?;
    let Some((first, last)) = left else { return Ok(false) };
    let end = first.saturating_add(limit);
    {
        let mut videos = transaction.prepare_cached(
            "SELECT v.video_id, d.document FROM video v JOIN document d ON d.id = v.newest_id
             WHERE v.sequence >= ?1 AND v.sequence < ?2 AND v.sequence <= ?3",
        )?;
        let mut rows = videos.query(params![first, end, last])?;
        while let Some(row) = rows.next()? {
            let video_id = row.get_ref(0)?.as_str()?;
            match codec::decode::<LinkDocument>(1, row.get_ref(1)?.as_str()?) {
                Ok(document) => {
                    if let Some(video) = &document.video {
                        replace(&transaction, video_id, &tokens(&Folded::of_video(video)))?;
                    }
                    set_source(&transaction, video_id, document.source.as_deref())?;
                }
                Err(error) => {
                    tracing::warn!(video_id, %error, "a document cannot be read, so no search finds it");
                }
            }
        }
    }
    if end > last {
        transaction.execute("DELETE FROM search_backlog", [])?;
    } else {
        transaction.execute("UPDATE search_backlog SET first = ?1", [end])?;
    }
    transaction.commit()?;
    Ok(end <= last)
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::{Duration, Instant};

    use linkrelay_common::RequestId;
    use tempfile::TempDir;

    use super::super::grams::expression;
    use super::*;
    use crate::contract::sample;
    use crate::sqlite::{SqliteStore, schema, search_pages};
    use crate::videos::{RebuildStore, VideoFilter, VideoQuery};
    use crate::{LinkStore, VideoStore};

    fn found(connection: &Connection, text: &str) -> Vec<i64> {
        let expression = expression(&text.parse().unwrap());
        let mut statement = connection
            .prepare("SELECT rowid FROM video_grams WHERE video_grams MATCH ?1 ORDER BY rowid")
            .unwrap();
        let rows = statement.query_map([expression], |row| row.get(0)).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    }

    #[test]
    fn every_character_that_can_be_seen_is_found_alone_and_in_a_pair() {
        let mut connection = Connection::open_in_memory().unwrap();
        schema::migrate(&mut connection).unwrap();
        let ascii = (b'!'..=b'~').map(char::from).filter(|c| !c.is_ascii_uppercase());
        let texts: Vec<String> = ascii.chain("の한ไא".chars()).map(|c| format!("{c}0")).collect();
        for (number, text) in (1..).zip(&texts) {
            insert(&connection, number, &tokens(&Folded::of(text))).unwrap();
        }
        for (number, text) in (1..).zip(&texts) {
            assert_eq!(found(&connection, text), [number], "{text}");
            let alone: String = text.chars().take(1).collect();
            // It is in every text.
            if alone != "0" {
                assert_eq!(found(&connection, &alone), [number], "{alone}");
            }
        }
    }

    /// The version of a file before the search: how many migrations were there before its own.
    const OLDER_VERSION: i64 = 9;

    /// Makes a file what it was before the search.
    fn make_older(file: &Path) {
        let connection = Connection::open(file).unwrap();
        let undo = "DROP TABLE video_grams; DROP TABLE search_backlog;
            DROP INDEX document_without_request; ALTER TABLE video DROP COLUMN source;
            DROP TABLE move; DROP TABLE closed;";
        connection.execute_batch(undo).unwrap();
        connection.pragma_update(None, "user_version", OLDER_VERSION).unwrap();
    }

    /// Makes a file with videos whose titles are `video 0 even`, `video 1 odd` and so on.
    async fn older_file(videos: u32) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("store.sqlite");
        let store = SqliteStore::open(&file).unwrap();
        let request_id = RequestId::new(videos);
        let documents: Vec<_> = (0..videos)
            .map(|index| {
                let mut document = sample::stored(request_id, index);
                let parity = if index % 2 == 0 { "even" } else { "odd" };
                let video = document.video.as_mut().unwrap();
                video.title = format!("video {index} {parity}");
                video.description = None;
                document
            })
            .collect();
        store.write_batch(&documents).await.unwrap();
        store.close().await;
        drop(store);
        make_older(&file);
        folder
    }

    fn query(text: &str) -> VideoQuery {
        let text = Some(text.parse().unwrap());
        let filter = VideoFilter { text, ..VideoFilter::default() };
        VideoQuery { filter, limit: 100, ..VideoQuery::default() }
    }

    /// Returns how many videos are on the first page, after comparing that with the count.
    fn hits(connection: &Connection, text: &str) -> usize {
        let query = query(text);
        let text = query.filter.text.as_ref().unwrap();
        let page = search_pages::videos(connection, &query, text).unwrap();
        let counted = search_pages::count(connection, &query.filter, text).unwrap();
        assert_eq!(page.videos.len() as u64, counted, "{text}");
        page.videos.len()
    }

    #[tokio::test]
    async fn an_older_file_gives_the_same_answers_before_while_and_after_it_is_indexed() {
        let folder = older_file(10).await;
        let mut connection = Connection::open(folder.path().join("store.sqlite")).unwrap();
        schema::migrate(&mut connection).unwrap();
        let mut indexed = Vec::new();
        loop {
            for (text, expected) in [("even", 5), ("d", 10), ("dd", 5), ("video 7", 1), ("x", 0)] {
                assert_eq!(hits(&connection, text), expected, "{text}, {indexed:?} indexed");
            }
            indexed.push(found(&connection, "vi").len());
            if is_complete(&connection).unwrap() {
                break;
            }
            try_index_older(&mut connection, 4).unwrap();
        }
        assert_eq!(indexed, [0, 4, 8, 10]);
        assert_eq!(with_source(&connection), 10);
    }

    fn with_source(connection: &Connection) -> i64 {
        let count = "SELECT count(*) FROM video WHERE source = 'watch_page'";
        connection.query_row(count, [], |row| row.get(0)).unwrap()
    }

    #[tokio::test]
    async fn an_unreadable_document_hides_no_other_video_from_searches() {
        let folder = older_file(10).await;
        let mut connection = Connection::open(folder.path().join("store.sqlite")).unwrap();
        let spoil = "UPDATE document SET document = '{' WHERE idx = 2";
        assert_eq!(connection.execute(spoil, []).unwrap(), 1);
        schema::migrate(&mut connection).unwrap();
        assert_eq!(hits(&connection, "even"), 4);
        while try_index_older(&mut connection, 4).unwrap() {}
        assert!(is_complete(&connection).unwrap());
        assert_eq!(hits(&connection, "even"), 4);
    }

    #[tokio::test]
    async fn a_rebuild_completes_a_row_that_an_older_program_has_written() {
        let folder = older_file(3).await;
        let file = folder.path().join("store.sqlite");
        let store = SqliteStore::open(&file).unwrap();
        let other = Connection::open(&file).unwrap();
        while !is_complete(&other).unwrap() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        other.execute_batch("DELETE FROM video_grams; UPDATE video SET source = NULL").unwrap();
        store.rebuild_videos(None, 10).await.unwrap();
        assert_eq!((found(&other, "even").len(), with_source(&other)), (2, 3));
        store.close().await;
    }

    #[tokio::test]
    async fn an_older_file_that_is_opened_is_indexed_and_takes_new_videos() {
        let folder = older_file(450).await;
        let file = folder.path().join("store.sqlite");
        let store = SqliteStore::open(&file).unwrap();
        let mut newer = sample::stored(RequestId::new(1), 450);
        newer.video.as_mut().unwrap().title = "a newer one, odd".to_owned();
        store.write_batch(&[newer]).await.unwrap();
        let reader = Connection::open(&file).unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        while !is_complete(&reader).unwrap() {
            assert!(Instant::now() < deadline, "it is not indexed");
            assert_eq!(store.count_videos(&query("odd").filter).await.unwrap(), 226);
        }
        assert_eq!(store.count_videos(&query("odd").filter).await.unwrap(), 226);
        assert_eq!(found(&reader, "od").len(), 226);
        store.close().await;
    }
}
