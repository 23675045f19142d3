//! A journal in memory that can fail, be full, or wait before it has written.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use linkrelay_common::DocumentId;
use linkrelay_embedded::journal::{Journal, JournalError};
use linkrelay_kafka::LinkRecord;
use linkrelay_store::requests::RequestRow;
use tokio::sync::Notify;

#[derive(Debug, Default)]
pub(crate) struct FakeJournal {
    pub(crate) entries: Mutex<Vec<LinkRecord>>,
    pub(crate) is_full: AtomicBool,
    pub(crate) is_broken: AtomicBool,
    /// If set, an append waits for `go` before it is done.
    pub(crate) waits: AtomicBool,
    pub(crate) go: Notify,
}

#[async_trait]
impl Journal for FakeJournal {
    async fn append(
        &self,
        records: &[LinkRecord],
        _: Option<&RequestRow>,
    ) -> Result<(), JournalError> {
        self.works()?;
        if self.is_full.load(Ordering::Relaxed) {
            return Err(JournalError::Full);
        }
        self.entries.lock().unwrap().extend_from_slice(records);
        if self.waits.load(Ordering::Relaxed) {
            self.go.notified().await;
        }
        Ok(())
    }

    async fn expand(&self, list: &DocumentId, videos: &[LinkRecord]) -> Result<(), JournalError> {
        self.works()?;
        let mut entries = self.entries.lock().unwrap();
        entries.retain(|entry| entry.document_id() != *list);
        entries.extend_from_slice(videos);
        Ok(())
    }

    async fn pending(&self) -> Result<Vec<LinkRecord>, JournalError> {
        self.works()?;
        Ok(self.entries.lock().unwrap().clone())
    }

    async fn ping(&self) -> Result<(), JournalError> {
        Ok(())
    }
}

impl FakeJournal {
    fn works(&self) -> Result<(), JournalError> {
        if self.is_broken.load(Ordering::Relaxed) {
            return Err(JournalError::Unusable("disk /secret/path is full".to_owned()));
        }
        Ok(())
    }
}
