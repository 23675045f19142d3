//! The statements about the rows of videos.

use std::collections::{BTreeSet, HashSet};

use linkrelay_common::{DocumentId, VideoId};
use rusqlite::{Connection, OptionalExtension, Row, named_params, params};

use super::video_change::VideoRowChange;
use super::{codec, search};
use crate::document::LinkDocument;
use crate::videos::{
    LinkCursor, Newest, Seen, VideoChange, VideoLink, VideoMetadata, VideoRegisters, VideoRow,
};

const INSERT_SEEN: &str = "INSERT INTO video (video_id, first_seen, last_seen)
    VALUES (:video_id, :first_seen, :last_seen)
    ON CONFLICT (video_id) DO UPDATE SET
        first_seen = min(first_seen, excluded.first_seen),
        last_seen = max(last_seen, excluded.last_seen)";

const INSERT_NEWEST: &str =
    "INSERT INTO video (video_id, first_seen, last_seen, newest_at, newest_id,
        title, channel_id, category, availability, published, length_seconds, source)
    VALUES (:video_id, :first_seen, :last_seen, :newest_at, :newest_id,
        :title, :channel_id, :category, :availability, :published, :length_seconds, :source)
    ON CONFLICT (video_id) DO NOTHING";

const UPDATE_NEWEST: &str = "UPDATE video SET
        first_seen = min(first_seen, :first_seen), last_seen = max(last_seen, :last_seen),
        newest_at = :newest_at, newest_id = :newest_id, title = :title, channel_id = :channel_id,
        category = :category, availability = :availability, published = :published,
        length_seconds = :length_seconds, source = :source
    WHERE video_id = :video_id
        AND (newest_id IS NULL OR (newest_at, newest_id) < (:newest_at, :newest_id))";

const UPDATE_FAILURE: &str = "UPDATE video SET failed_at = :failed_at, failure = :failure
    WHERE video_id = :video_id AND (failed_at IS NULL
        OR (failed_at, failure ->> '$.document_id') < (:failed_at, :document_id))";

/// A document that does not say when YouTube answered is older than all others.
const NEVER: i64 = i64::MIN;

/// Writes what a document changes. Writing it again changes nothing.
pub(super) fn write(connection: &Connection, row: &VideoRowChange) -> rusqlite::Result<()> {
    let is_written = match &row.change.newest {
        Some(newest) => {
            // Most documents are of a new video, and then the first statement is the only one.
            if write_newest(connection, INSERT_NEWEST, row, newest)? {
                search::insert(connection, connection.last_insert_rowid(), &row.columns.grams)?;
                true
            } else if write_newest(connection, UPDATE_NEWEST, row, newest)? {
                search::replace(connection, row.change.video_id.as_str(), &row.columns.grams)?;
                true
            } else {
                false
            }
        }
        None => false,
    };
    let VideoRowChange { change, failure, .. } = row;
    if !is_written {
        connection.prepare_cached(INSERT_SEEN)?.execute(named_params! {
            ":video_id": change.video_id.as_str(),
            ":first_seen": change.seen.first_at.as_millisecond(),
            ":last_seen": change.seen.last_at.as_millisecond(),
        })?;
    }
    if let Some(failed) = &change.failure {
        connection.prepare_cached(UPDATE_FAILURE)?.execute(named_params! {
            ":video_id": change.video_id.as_str(),
            ":failed_at": failed.0.failed_at.as_millisecond(),
            ":document_id": failed.0.document_id.as_str(),
            ":failure": failure,
        })?;
    }
    Ok(())
}

/// Returns whether the statement has written the row.
fn write_newest(
    connection: &Connection,
    statement: &str,
    row: &VideoRowChange,
    newest: &Newest,
) -> rusqlite::Result<bool> {
    let VideoRowChange { change, columns, .. } = row;
    let count = connection.prepare_cached(statement)?.execute(named_params! {
        ":video_id": change.video_id.as_str(),
        ":first_seen": change.seen.first_at.as_millisecond(),
        ":last_seen": change.seen.last_at.as_millisecond(),
        ":newest_at": newest.extracted_at.map_or(NEVER, |time| time.as_millisecond()),
        ":newest_id": newest.document_id.as_str(),
        ":title": columns.title,
        ":channel_id": columns.channel_id,
        ":category": columns.category,
        ":availability": columns.availability,
        ":published": columns.published_ms,
        ":length_seconds": columns.length_seconds,
        ":source": columns.source,
    })?;
    Ok(count > 0)
}

const RESET: &str = "UPDATE video SET first_seen = :first_seen, last_seen = :last_seen,
        newest_at = NULL, newest_id = NULL, title = NULL, channel_id = NULL, category = NULL,
        availability = NULL, published = NULL, length_seconds = NULL, source = NULL,
        failed_at = NULL, failure = NULL
    WHERE video_id = :video_id";

/// Makes the rows of these videos again from the documents that are left, or removes them, after
/// documents were removed.
pub(super) fn forget(connection: &Connection, video_ids: BTreeSet<String>) -> rusqlite::Result<()> {
    for video_id in video_ids {
        search::remove(connection, &video_id)?;
        let Some(change) = left(connection, &video_id)? else {
            let remove = "DELETE FROM video WHERE video_id = ?1";
            connection.prepare_cached(remove)?.execute(params![video_id])?;
            continue;
        };
        connection.prepare_cached(RESET)?.execute(named_params! {
            ":video_id": video_id,
            ":first_seen": change.seen.first_at.as_millisecond(),
            ":last_seen": change.seen.last_at.as_millisecond(),
        })?;
        let newest = change.newest.map(|newest| newest.document_id);
        let failed = change.failure.map(|failure| failure.0.document_id);
        for id in newest.into_iter().chain(failed) {
            let document: LinkDocument = connection
                .prepare_cached("SELECT document FROM document WHERE id = ?1")?
                .query_row(params![id.as_str()], |row| {
                    codec::decode(0, row.get_ref(0)?.as_str()?)
                })?;
            if let Some(row) = VideoRowChange::of(&document).map_err(codec::not_written)? {
                write(connection, &row)?;
            }
        }
    }
    Ok(())
}

/// Returns what the documents of a video say together; a popular video has many.
fn left(connection: &Connection, video_id: &str) -> rusqlite::Result<Option<VideoChange>> {
    let mut statement =
        connection.prepare_cached("SELECT document FROM document WHERE video_id = ?1")?;
    let mut rows = statement.query(params![video_id])?;
    let mut left: Option<VideoChange> = None;
    while let Some(row) = rows.next()? {
        let document: LinkDocument = codec::decode(0, row.get_ref(0)?.as_str()?)?;
        if let Some(change) = VideoChange::of(&document) {
            left = Some(match left {
                Some(before) => before.merge(change),
                None => change,
            });
        }
    }
    Ok(left)
}

/// Makes again what a row that already has this document's metadata keeps for searches and counts:
/// an older linkrelay has not written it.
pub(super) fn complete(connection: &Connection, row: &VideoRowChange) -> rusqlite::Result<()> {
    let Some(newest) = &row.change.newest else { return Ok(()) };
    let video_id = row.change.video_id.as_str();
    let set = "UPDATE video SET source = ?3 WHERE video_id = ?1 AND newest_id = ?2";
    let values = params![video_id, newest.document_id.as_str(), row.columns.source];
    if connection.prepare_cached(set)?.execute(values)? > 0 {
        search::replace(connection, video_id, &row.columns.grams)?;
    }
    Ok(())
}

/// The columns that [`video_row`] reads, of the row `v` and the document `d` of its metadata.
pub(super) const COLUMNS: &str =
    "v.sequence, v.video_id, v.first_seen, v.last_seen, v.failure, d.document";
/// The index of the document among them.
pub(super) const DOCUMENT_COLUMN: usize = 5;

pub(super) fn video(
    connection: &Connection,
    video_id: VideoId,
) -> rusqlite::Result<Option<VideoRow>> {
    let query = format!(
        "SELECT {COLUMNS} FROM video v LEFT JOIN document d ON d.id = v.newest_id
         WHERE v.video_id = ?1"
    );
    connection.prepare_cached(&query)?.query_row(params![video_id.as_str()], video_row).optional()
}

pub(super) fn stored_among(
    connection: &Connection,
    video_ids: &[VideoId],
) -> rusqlite::Result<HashSet<VideoId>> {
    let mut statement = connection
        .prepare_cached("SELECT 1 FROM video WHERE video_id = ?1 AND newest_id IS NOT NULL")?;
    let mut stored = HashSet::new();
    for video_id in video_ids {
        if statement.exists(params![video_id.as_str()])? {
            stored.insert(*video_id);
        }
    }
    Ok(stored)
}

/// Reads a row with [`COLUMNS`].
pub(super) fn video_row(row: &Row<'_>) -> rusqlite::Result<VideoRow> {
    let failure: Option<&str> = row.get_ref(4)?.as_str_or_null()?;
    let document: Option<&str> = row.get_ref(DOCUMENT_COLUMN)?.as_str_or_null()?;
    let document: Option<LinkDocument> =
        document.map(|document| codec::decode(DOCUMENT_COLUMN, document)).transpose()?;
    Ok(VideoRow {
        video_id: video_id(row, 1)?,
        sequence: row.get(0)?,
        seen: Seen { first_at: codec::time(row, 2)?, last_at: codec::time(row, 3)? },
        metadata: document.and_then(metadata),
        last_failure: failure.map(|failure| codec::decode(4, failure)).transpose()?,
    })
}

fn metadata(document: LinkDocument) -> Option<VideoMetadata> {
    let LinkDocument { id, extracted_at, source, video, .. } = document;
    Some(VideoMetadata { document_id: id, extracted_at, source, video: video? })
}

const REGISTERS: &str = "SELECT video_id, newest_at, newest_id, failure FROM video
    WHERE video_id > ?1 ORDER BY video_id LIMIT ?2";

pub(super) fn registers(
    connection: &Connection,
    after: Option<VideoId>,
    limit: u32,
) -> rusqlite::Result<Vec<VideoRegisters>> {
    let after = after.as_ref().map_or("", VideoId::as_str);
    let read = |row: &Row<'_>| {
        let newest_at: Option<i64> = row.get(1)?;
        let newest_id: Option<String> = row.get(2)?;
        let newest = newest_id.map(|id| -> rusqlite::Result<Newest> {
            let is_known = newest_at.is_some_and(|at| at != NEVER);
            Ok(Newest {
                extracted_at: is_known.then(|| codec::time(row, 1)).transpose()?,
                document_id: DocumentId::from_stored(id),
            })
        });
        let failure = row.get_ref(3)?.as_str_or_null()?;
        Ok(VideoRegisters {
            video_id: video_id(row, 0)?,
            newest: newest.transpose()?,
            failure: failure.map(|failure| codec::decode(3, failure)).transpose()?,
        })
    };
    connection.prepare_cached(REGISTERS)?.query_map(params![after, limit], read)?.collect()
}

fn video_id(row: &Row<'_>, column: usize) -> rusqlite::Result<VideoId> {
    let text = row.get_ref(column)?.as_str()?;
    VideoId::parse(text).map_err(|error| codec::unreadable(column, error))
}

const LINKS: &str = "SELECT document FROM document
    WHERE video_id = :video_id AND (stored_at, id) < (:stored_at, :id)
    ORDER BY stored_at DESC, id DESC LIMIT :limit";

pub(super) fn links_of_video(
    connection: &Connection,
    video_id: VideoId,
    after: Option<&LinkCursor>,
    limit: u32,
) -> rusqlite::Result<Vec<VideoLink>> {
    let (stored_ms, id) =
        after.map_or((i64::MAX, ""), |after| (after.stored_ms, after.document_id.as_str()));
    let bound = named_params! {
        ":video_id": video_id.as_str(), ":stored_at": stored_ms, ":id": id, ":limit": limit,
    };
    let mut statement = connection.prepare_cached(LINKS)?;
    let read = |row: &Row<'_>| {
        let document: LinkDocument = codec::decode(0, row.get_ref(0)?.as_str()?)?;
        Ok(VideoLink::from(&document))
    };
    statement.query_map(bound, read)?.collect()
}

pub(super) fn count_links_of_video(
    connection: &Connection,
    video_id: VideoId,
) -> rusqlite::Result<u64> {
    let query = "SELECT count(*) FROM document WHERE video_id = ?1";
    connection.prepare_cached(query)?.query_row(params![video_id.as_str()], codec::count)
}
