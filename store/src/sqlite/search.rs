//! What searches find videos by: the grams of each one's title and description, in a full-text
//! index whose rows have the numbers of the videos.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::codec;
use crate::document::LinkDocument;
use crate::search::{Folded, SearchText, grams};

/// How many older videos are indexed in one transaction, which a write may have to wait for.
const OLDER_AT_ONCE: i64 = 200;

/// Returns the grams of a text as the index takes them.
pub(super) fn tokens(text: &Folded) -> String {
    let mut tokens = String::new();
    for gram in grams(text) {
        gram.push_to(&mut tokens);
        tokens.push(' ');
    }
    tokens
}

/// Returns the expression that selects what has all grams.
pub(super) fn expression(text: &SearchText) -> String {
    let quoted = text.grams().into_iter().map(|gram| {
        let mut token = String::new();
        gram.push_to(&mut token);
        format!("\"{}\"", token.replace('"', "\"\""))
    });
    quoted.collect::<Vec<_>>().join(" AND ")
}

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

/// Whether every video is in the index.
pub(super) fn is_complete(connection: &Connection) -> rusqlite::Result<bool> {
    let older = connection.prepare_cached("SELECT 1 FROM search_backlog")?.exists([])?;
    Ok(!older)
}

/// Indexes some of the videos that are older than the index. Returns whether there are more.
pub(super) fn index_older(connection: &mut Connection) -> bool {
    try_index_older(connection, OLDER_AT_ONCE).unwrap_or_else(|error| {
        // Searches read the texts meanwhile.
        tracing::warn!(%error, "videos could not be indexed for search; the next start tries again");
        false
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
            let document: LinkDocument = codec::decode(1, row.get_ref(1)?.as_str()?)?;
            if let Some(video) = &document.video {
                let tokens = tokens(&Folded::of_video(video));
                replace(&transaction, row.get_ref(0)?.as_str()?, &tokens)?;
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
    use super::*;
    use crate::sqlite::schema;

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
}
