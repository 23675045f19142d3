//! The processes of the SQLite file, as a [`ProcessStore`].

use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, Row, params};

use super::codec;
use super::store::SqliteStore;
use crate::error::StoreError;
use crate::processes::{MAX_PROCESSES, ProcessIdentity, ProcessRow, ProcessStore, SeenProcess};

/// All processes with the file are on one machine, so this is the clock of each.
const BEAT: &str = "INSERT INTO process (id, beat_at, row)
    VALUES (?1, CAST(unixepoch('subsec') * 1000 AS INTEGER), ?2)
    ON CONFLICT (id) DO UPDATE SET beat_at = excluded.beat_at, row = excluded.row";
const ALL: &str = "SELECT row, beat_at, CAST(unixepoch('subsec') * 1000 AS INTEGER) - beat_at
    FROM process ORDER BY beat_at DESC LIMIT ?1";
/// A static member's row may be that of its next process by now.
const REMOVE_OWN: &str =
    "DELETE FROM process WHERE id = ?1 AND row ->> '$.identity.started_at' = ?2";
const REMOVE_SILENT: &str =
    "DELETE FROM process WHERE beat_at < CAST(unixepoch('subsec') * 1000 AS INTEGER) - ?1";

#[async_trait]
impl ProcessStore for SqliteStore {
    async fn beat(&self, row: &ProcessRow) -> Result<(), StoreError> {
        let (key, row) = (row.key(), row.clone());
        let beat = move |connection: &Connection| {
            let row = serde_json::to_string(&row).map_err(codec::not_written)?;
            connection.prepare_cached(BEAT)?.execute(params![key, row]).map(drop)
        };
        self.writer.run(beat).await
    }

    async fn processes(&self) -> Result<Vec<SeenProcess>, StoreError> {
        self.readers
            .run(|connection| {
                connection.prepare_cached(ALL)?.query_map([MAX_PROCESSES], seen)?.collect()
            })
            .await
    }

    async fn remove_process(&self, identity: &ProcessIdentity) -> Result<(), StoreError> {
        let (key, started_at) = (identity.key(), identity.started_at.to_string());
        let remove = move |connection: &Connection| {
            connection.execute(REMOVE_OWN, [&key, &started_at]).map(drop)
        };
        self.writer.run(remove).await
    }

    async fn remove_silent(&self, silent_for: Duration) -> Result<(), StoreError> {
        let silent_ms = i64::try_from(silent_for.as_millis()).unwrap_or(i64::MAX);
        let remove =
            move |connection: &Connection| connection.execute(REMOVE_SILENT, [silent_ms]).map(drop);
        self.writer.run(remove).await
    }
}

fn seen(row: &Row<'_>) -> rusqlite::Result<SeenProcess> {
    let silent_ms: i64 = row.get(2)?;
    Ok(SeenProcess {
        row: codec::decode(0, row.get_ref(0)?.as_str()?)?,
        beat_at: codec::time(row, 1)?,
        silent_for: Duration::from_millis(u64::try_from(silent_ms).unwrap_or_default()),
    })
}
