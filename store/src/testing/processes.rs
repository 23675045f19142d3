//! The processes of the store in memory.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::{FaultyStore, Method};
use crate::StoreError;
use crate::processes::{ProcessIdentity, ProcessRow, ProcessStore, SeenProcess};

#[async_trait]
impl ProcessStore for FaultyStore {
    async fn beat(&self, row: &ProcessRow) -> Result<(), StoreError> {
        self.call(Method::Beat, 0).await?;
        self.rows_of_processes().insert(row.key(), (Timestamp::now(), row.clone()));
        Ok(())
    }

    async fn processes(&self) -> Result<Vec<SeenProcess>, StoreError> {
        self.call(Method::Processes, 0).await?;
        let seen = |(beat_at, row): &(Timestamp, ProcessRow)| SeenProcess {
            row: row.clone(),
            beat_at: *beat_at,
            silent_for: age(*beat_at),
        };
        Ok(self.rows_of_processes().values().map(seen).collect())
    }

    async fn remove_process(&self, identity: &ProcessIdentity) -> Result<(), StoreError> {
        self.call(Method::RemoveProcess, 0).await?;
        self.rows_of_processes().retain(|_, (_, row)| row.identity != *identity);
        Ok(())
    }

    async fn remove_silent(&self, silent_for: Duration) -> Result<(), StoreError> {
        self.call(Method::RemoveSilent, 0).await?;
        self.rows_of_processes().retain(|_, (beat_at, _)| age(*beat_at) <= silent_for);
        Ok(())
    }
}

fn age(beat_at: Timestamp) -> Duration {
    Duration::try_from(Timestamp::now().duration_since(beat_at)).unwrap_or_default()
}
