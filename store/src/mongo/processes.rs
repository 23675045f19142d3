//! The processes in a collection of MongoDB, as a [`ProcessStore`]. The collection has the name of
//! the documents' with `.processes`; every time is that of the server's clock.

use std::time::Duration;

use async_trait::async_trait;
use futures::TryStreamExt;
use mongodb::Collection;
use mongodb::bson::{DateTime, RawDocumentBuf, doc};
use serde::Deserialize;

use super::codec;
use super::deadline::{CALL_TIMEOUT, within};
use super::store::MongoStore;
use crate::error::StoreError;
use crate::processes::{MAX_PROCESSES, ProcessIdentity, ProcessRow, ProcessStore, SeenProcess};

/// A row as it is read.
#[derive(Debug, Deserialize)]
struct StoredProcess {
    row: String,
    beat_at: DateTime,
    /// The time of the read.
    now: DateTime,
}

#[async_trait]
impl ProcessStore for MongoStore {
    async fn beat(&self, row: &ProcessRow) -> Result<(), StoreError> {
        let processes = self.processes_collection().await?;
        let text = serde_json::to_string(row)
            .map_err(|error| StoreError::Unreadable(error.to_string()))?;
        let started_at = row.identity.started_at.to_string();
        let set = doc! { "row": text, "started_at": started_at };
        let change = doc! { "$set": set, "$currentDate": { "beat_at": true } };
        let beat = processes.update_one(doc! { "_id": row.key() }, change).upsert(true);
        within(CALL_TIMEOUT, beat.into_future()).await.map(drop)
    }

    async fn processes(&self) -> Result<Vec<SeenProcess>, StoreError> {
        let processes = self.processes_collection().await?;
        within(CALL_TIMEOUT, all(processes)).await
    }

    async fn remove_process(&self, identity: &ProcessIdentity) -> Result<(), StoreError> {
        let processes = self.processes_collection().await?;
        // A static member's row may be that of its next process by now.
        let own = doc! { "_id": identity.key(), "started_at": identity.started_at.to_string() };
        let remove = processes.delete_one(own);
        within(CALL_TIMEOUT, remove.into_future()).await.map(drop)
    }

    async fn remove_silent(&self, silent_for: Duration) -> Result<(), StoreError> {
        let processes = self.processes_collection().await?;
        within(CALL_TIMEOUT, remove_silent(processes, silent_for)).await
    }
}

async fn all(processes: &Collection<RawDocumentBuf>) -> Result<Vec<SeenProcess>, StoreError> {
    let with_age = [
        doc! { "$sort": { "beat_at": -1 } },
        doc! { "$limit": MAX_PROCESSES },
        doc! { "$project": {
            "row": 1, "beat_at": 1, "now": "$$NOW",
        } },
    ];
    let found = processes.aggregate(with_age).with_type::<StoredProcess>().await?;
    let found: Vec<StoredProcess> = found.try_collect().await?;
    found.into_iter().map(seen).collect()
}

async fn remove_silent(
    processes: &Collection<RawDocumentBuf>,
    silent_for: Duration,
) -> Result<(), StoreError> {
    let database = processes.client().database(&processes.namespace().db);
    let hello = database.run_command(doc! { "hello": 1 }).await?;
    let now = hello.get_datetime("localTime");
    let now = now.map_err(|error| StoreError::Unreadable(error.to_string()))?;
    let silent_ms = i64::try_from(silent_for.as_millis()).unwrap_or(i64::MAX);
    let since = DateTime::from_millis(now.timestamp_millis().saturating_sub(silent_ms));
    processes.delete_many(doc! { "beat_at": { "$lt": since } }).await?;
    Ok(())
}

fn seen(stored: StoredProcess) -> Result<SeenProcess, StoreError> {
    let silent_ms = stored.now.timestamp_millis() - stored.beat_at.timestamp_millis();
    let row = serde_json::from_str(&stored.row);
    Ok(SeenProcess {
        row: row.map_err(|error| StoreError::Unreadable(error.to_string()))?,
        beat_at: codec::time(stored.beat_at)?,
        silent_for: Duration::from_millis(u64::try_from(silent_ms).unwrap_or_default()),
    })
}
