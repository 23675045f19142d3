//! The requests of the SQLite file, as a [`RequestStore`].

use std::collections::HashMap;

use async_trait::async_trait;
use jiff::Timestamp;
use linkrelay_common::RequestId;
use rusqlite::{Connection, Row, params};

use super::codec;
use super::store::SqliteStore;
use crate::error::StoreError;
use crate::requests::{RequestCursor, RequestPath, RequestRow, RequestStore, RequestTally};

const ADD: &str = "INSERT INTO request (id, accepted_at, path, has_key, links)
    VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (id) DO NOTHING";
const FORGET: &str = "INSERT INTO request (id, accepted_at, path, has_key, links)
    VALUES (?1, CAST(unixepoch('subsec') * 1000 AS INTEGER), 'deleted', 0, '[]')
    ON CONFLICT (id) DO UPDATE SET path = excluded.path, has_key = excluded.has_key,
        links = excluded.links";
const NEWEST: &str = "SELECT id, accepted_at, path, has_key, links FROM request
    WHERE path <> 'deleted' ORDER BY accepted_at DESC, id DESC LIMIT ?1";
const BEHIND: &str = "SELECT id, accepted_at, path, has_key, links FROM request
    WHERE (accepted_at, id) < (?2, ?3) AND path <> 'deleted' ORDER BY accepted_at DESC, id DESC LIMIT ?1";
const BY_ID: &str = "SELECT id, accepted_at, path, has_key, links FROM request
    WHERE id > ?1 AND path <> 'deleted' ORDER BY id LIMIT ?2";
/// From the index by request alone.
const COUNTS: &str = "SELECT request_id, status, count(*) FROM document
    WHERE request_id IN (SELECT value FROM json_each(?1)) GROUP BY request_id, status";
const LIST_VIDEOS: &str =
    "SELECT request_id, sum(json_extract(document, '$.expansion.videos_count')) FROM document
    WHERE request_id IN (SELECT value FROM json_each(?1)) AND status = 'expanded'
    GROUP BY request_id";
const REMOVE_OLD: &str = "DELETE FROM request WHERE id IN (
    SELECT id FROM request WHERE accepted_at < ?1 ORDER BY accepted_at LIMIT ?2)";

#[async_trait]
impl RequestStore for SqliteStore {
    async fn add_requests(&self, rows: &[RequestRow]) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        let rows = rows.to_vec();
        self.writer.run(move |connection| add(connection, &rows)).await
    }

    async fn requests(
        &self,
        after: Option<RequestCursor>,
        limit: u32,
    ) -> Result<Vec<RequestRow>, StoreError> {
        self.readers.run(move |connection| page(connection, after, limit)).await
    }

    async fn tallies(
        &self,
        ids: &[RequestId],
    ) -> Result<HashMap<RequestId, RequestTally>, StoreError> {
        let ids = ids.to_vec();
        self.readers.run(move |connection| tallies(connection, &ids)).await
    }
}

/// Adds rows; also part of the transaction that journals the links of a request.
pub(super) fn add<'a>(
    connection: &Connection,
    rows: impl IntoIterator<Item = &'a RequestRow>,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(ADD)?;
    for row in rows {
        let links = serde_json::to_string(&row.links).map_err(codec::not_written)?;
        let accepted_ms = row.accepted_at.as_millisecond();
        let path = row.path.as_str();
        statement.execute(params![row.id.to_string(), accepted_ms, path, row.has_key, links])?;
    }
    Ok(())
}

/// Empties the row of a request, so that it is not listed, and not added again.
pub(super) fn forget(connection: &Connection, id: RequestId) -> rusqlite::Result<()> {
    connection.prepare_cached(FORGET)?.execute(params![id.to_string()]).map(drop)
}

/// Removes up to `limit` rows of requests that were accepted before this time, the oldest first,
/// and returns how many.
pub(super) fn remove_old(
    connection: &Connection,
    accepted_before: Timestamp,
    limit: u32,
) -> rusqlite::Result<u32> {
    let mut statement = connection.prepare_cached(REMOVE_OLD)?;
    let removed = statement.execute(params![accepted_before.as_millisecond(), limit])?;
    Ok(u32::try_from(removed).unwrap_or(u32::MAX))
}

/// Returns up to `limit` rows behind an id, by id.
pub(super) fn by_id(
    connection: &Connection,
    after: &str,
    limit: u32,
) -> rusqlite::Result<Vec<RequestRow>> {
    connection.prepare_cached(BY_ID)?.query_map(params![after, limit], row)?.collect()
}

fn page(
    connection: &Connection,
    after: Option<RequestCursor>,
    limit: u32,
) -> rusqlite::Result<Vec<RequestRow>> {
    match after {
        None => connection.prepare_cached(NEWEST)?.query_map(params![limit], row)?.collect(),
        Some(RequestCursor { accepted_ms, id }) => connection
            .prepare_cached(BEHIND)?
            .query_map(params![limit, accepted_ms, id.to_string()], row)?
            .collect(),
    }
}

fn row(row: &Row<'_>) -> rusqlite::Result<RequestRow> {
    let path = row.get_ref(2)?.as_str()?;
    let unknown = || codec::unreadable(2, format!("{path:?} is not a path of a request"));
    Ok(RequestRow {
        id: request_id(row)?,
        accepted_at: codec::time(row, 1)?,
        path: RequestPath::from_stored(path).ok_or_else(unknown)?,
        has_key: row.get(3)?,
        links: codec::decode(4, row.get_ref(4)?.as_str()?)?,
    })
}

fn tallies(
    connection: &Connection,
    ids: &[RequestId],
) -> rusqlite::Result<HashMap<RequestId, RequestTally>> {
    let ids: Vec<String> = ids.iter().map(RequestId::to_string).collect();
    let ids = serde_json::to_string(&ids).map_err(codec::not_written)?;
    let mut tallies: HashMap<RequestId, RequestTally> = HashMap::new();
    let mut has_lists = false;
    let mut statement = connection.prepare_cached(COUNTS)?;
    let mut rows = statement.query(params![ids])?;
    while let Some(row) = rows.next()? {
        let counts = &mut tallies.entry(request_id(row)?).or_default().counts;
        counts.add(codec::state(1, row.get_ref(1)?.as_str()?)?, row.get(2)?);
        has_lists |= counts.expanded > 0;
    }
    if has_lists {
        let mut statement = connection.prepare_cached(LIST_VIDEOS)?;
        let mut rows = statement.query(params![ids])?;
        while let Some(row) = rows.next()? {
            tallies.entry(request_id(row)?).or_default().list_videos = row.get(1)?;
        }
    }
    Ok(tallies)
}

fn request_id(row: &Row<'_>) -> rusqlite::Result<RequestId> {
    row.get_ref(0)?.as_str()?.parse().map_err(|error| codec::unreadable(0, error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::schema;

    #[test]
    fn pages_counts_and_old_rows_are_read_from_indexes() {
        let mut connection = Connection::open_in_memory().unwrap();
        schema::migrate(&mut connection).unwrap();
        for (query, parameters, index) in [
            (NEWEST, 1, "request_by_time"),
            (BEHIND, 3, "request_by_time"),
            (BY_ID, 2, "USING PRIMARY KEY"),
            (COUNTS, 1, "COVERING INDEX document_by_request"),
            (LIST_VIDEOS, 1, "document_by_request"),
            (REMOVE_OLD, 2, "request_by_time"),
        ] {
            let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {query}")).unwrap();
            let values = rusqlite::params_from_iter(vec![1; parameters]);
            let plan = statement.query_map(values, |row| row.get::<_, String>("detail")).unwrap();
            let plan: Vec<String> = plan.collect::<Result<_, _>>().unwrap();
            assert!(plan.iter().any(|step| step.contains(index)), "{query}: {plan:?}");
            let is_slow = |step: &&String| {
                step.contains("SCAN document")
                    || step.contains("B-TREE FOR ORDER")
                    || step.contains("SCAN request") && !step.contains("USING")
            };
            assert_eq!(plan.iter().find(is_slow), None, "{query}: {plan:?}");
        }
    }
}
