//! The statements about documents: for each query of [`LinkStore`](crate::LinkStore), a function of
//! the same name.

use std::collections::BTreeSet;

use linkrelay_common::DocumentId;
use rusqlite::{Connection, ErrorCode, OptionalExtension, Row, named_params, params};

use crate::document::{KnownDocument, LinkDocument};
use crate::{ExpandedRange, LinkStatus, RequestCounts, WriteOutcome};

use super::codec::{self, DocumentRow};

const INSERT: &str = "INSERT INTO document
    (id, request_id, idx, status, video_id, channel_id, title, link, error, stored_at, document)
    VALUES (:id, :request_id, :idx, :status, :video_id, :channel_id, :title, :link, :error,
        :stored_at, :document)
    ON CONFLICT (id) DO NOTHING";

const REPLACE_FAILED: &str = "UPDATE document
    SET request_id = :request_id, idx = :idx, status = :status, video_id = :video_id,
        channel_id = :channel_id, title = :title, link = :link, error = :error,
        stored_at = :stored_at, document = :document
    WHERE id = :id AND status = 'failed' AND (:status <> 'failed'
        OR json_extract(document, '$.kafka') IS NOT json_extract(:document, '$.kafka'))";

/// Writes one document, unless the file has a better or equal one.
///
/// A constraint that the row breaks (a unique index or a trigger that an operator added) refuses
/// this document alone: SQLite rolls back only the one statement.
pub(super) fn write(connection: &Connection, row: &DocumentRow) -> rusqlite::Result<WriteOutcome> {
    match insert_or_replace(connection, row) {
        // The message names columns and never contains their values.
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
            Ok(WriteOutcome::Refused { reason: error.to_string() })
        }
        done => done,
    }
}

fn insert_or_replace(connection: &Connection, row: &DocumentRow) -> rusqlite::Result<WriteOutcome> {
    if execute(connection, INSERT, row)? > 0 {
        return Ok(WriteOutcome::Inserted);
    }
    if execute(connection, REPLACE_FAILED, row)? > 0 {
        return Ok(WriteOutcome::Replaced);
    }
    Ok(WriteOutcome::AlreadyThere)
}

/// Whether there is a document of this id that no other replaces.
pub(super) fn is_final(connection: &Connection, id: &DocumentId) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT 1 FROM document WHERE id = ?1 AND status <> 'failed'")?
        .exists(params![id.as_str()])
}

pub(super) fn find(
    connection: &Connection,
    ids: &[DocumentId],
) -> rusqlite::Result<Vec<LinkDocument>> {
    let query = "SELECT document FROM document WHERE id = ?1";
    by_id(connection, query, ids, |_, row| codec::decode(0, row.get_ref(0)?.as_str()?))
}

pub(super) fn known(
    connection: &Connection,
    ids: &[DocumentId],
) -> rusqlite::Result<Vec<KnownDocument>> {
    let query = "SELECT status, json_extract(document, '$.kafka') FROM document WHERE id = ?1";
    by_id(connection, query, ids, |id, row| {
        let kafka: Option<String> = row.get(1)?;
        Ok(KnownDocument {
            id: id.clone(),
            status: codec::state(0, row.get_ref(0)?.as_str()?)?,
            kafka: kafka.map(|origin| codec::decode(1, &origin)).transpose()?,
        })
    })
}

/// Queries each of these ids once, and reads the rows that exist.
fn by_id<T>(
    connection: &Connection,
    query: &str,
    ids: &[DocumentId],
    read: impl Fn(&DocumentId, &Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    let mut statement = connection.prepare_cached(query)?;
    let distinct: BTreeSet<&DocumentId> = ids.iter().collect();
    let rows = distinct
        .into_iter()
        .map(|id| statement.query_row(params![id.as_str()], |row| read(id, row)).optional());
    rows.filter_map(Result::transpose).collect()
}

pub(super) fn request_counts(
    connection: &Connection,
    request_id: &str,
) -> rusqlite::Result<RequestCounts> {
    let mut statement = connection
        .prepare_cached("SELECT status, count(*) FROM document WHERE request_id = ?1 GROUP BY 1")?;
    let mut rows = statement.query(params![request_id])?;
    let mut counts = RequestCounts::default();
    while let Some(row) = rows.next()? {
        counts.add(codec::state(0, row.get_ref(0)?.as_str()?)?, row.get(1)?);
    }
    Ok(counts)
}

pub(super) fn request_links(
    connection: &Connection,
    request_id: &str,
    from_index: u32,
    limit: u32,
) -> rusqlite::Result<Vec<LinkStatus>> {
    let end = i64::from(from_index) + i64::from(limit);
    connection
        .prepare_cached(
            "SELECT idx, link, video_id, status, title, error,
                CASE status WHEN 'expanded' THEN json_extract(document, '$.expansion.first_index') END,
                CASE status WHEN 'expanded' THEN json_extract(document, '$.expansion.videos_count') END
             FROM document
             WHERE request_id = ?1 AND idx >= ?2 AND idx < ?3 ORDER BY idx",
        )?
        .query_map(params![request_id, from_index, end], link_status)?
        .collect()
}

fn link_status(row: &Row<'_>) -> rusqlite::Result<LinkStatus> {
    let error: Option<String> = row.get(5)?;
    Ok(LinkStatus {
        index: row.get(0)?,
        link: row.get(1)?,
        video_id: row.get(2)?,
        state: codec::state(3, row.get_ref(3)?.as_str()?)?,
        title: row.get(4)?,
        error: error.map(|error| codec::decode(5, &error)).transpose()?,
        expanded: expanded_range(row, 6)?,
    })
}

pub(super) fn request_expansions(
    connection: &Connection,
    request_id: &str,
) -> rusqlite::Result<Vec<ExpandedRange>> {
    let mut statement = connection.prepare_cached(
        "SELECT json_extract(document, '$.expansion.first_index'),
            json_extract(document, '$.expansion.videos_count')
         FROM document WHERE request_id = ?1 AND status = 'expanded' ORDER BY idx",
    )?;
    let ranges = statement.query_map(params![request_id], |row| expanded_range(row, 0))?;
    ranges.filter_map(Result::transpose).collect()
}

/// Reads the range from two columns that follow each other; `None` if they are null.
fn expanded_range(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<ExpandedRange>> {
    let first_index: Option<u32> = row.get(column)?;
    let videos_count: Option<u32> = row.get(column + 1)?;
    Ok(first_index
        .zip(videos_count)
        .map(|(first_index, videos_count)| ExpandedRange { first_index, videos_count }))
}

fn execute(connection: &Connection, statement: &str, row: &DocumentRow) -> rusqlite::Result<usize> {
    connection.prepare_cached(statement)?.execute(named_params! {
        ":id": row.id.as_str(),
        ":request_id": row.request_id,
        ":idx": row.index,
        ":status": row.status.as_str(),
        ":video_id": row.video_id,
        ":channel_id": row.channel_id,
        ":title": row.title,
        ":link": row.link,
        ":error": row.error,
        ":stored_at": row.stored_at_millis,
        ":document": row.document,
    })
}
