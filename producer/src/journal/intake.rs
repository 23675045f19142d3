//! Accepting links by way of the journal.

use std::sync::Arc;
use std::time::Duration;

use linkrelay_common::health::Part;
use linkrelay_kafka::LinkRecord;
use linkrelay_kafka::publish::{Publish, publish_all};
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use super::{Journal, JournalError};

/// Journals, then publishes; what is not published goes to the republishing task.
#[derive(Debug, Clone)]
pub(crate) struct JournaledIntake {
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) unpublished: mpsc::Sender<LinkRecord>,
    pub(crate) part: Part,
    /// Owns the requests that are under way; awaited at stop.
    pub(crate) under_way: TaskTracker,
}

impl JournaledIntake {
    /// Accepts all records or none.
    ///
    /// The work is a task of its own: a client that goes away in the middle must not leave a
    /// journaled link behind that nobody publishes before the next start.
    pub(crate) async fn accept(
        self,
        publish: Arc<dyn Publish>,
        records: Vec<LinkRecord>,
        timeout: Duration,
    ) -> Result<Vec<LinkRecord>, JournalError> {
        let under_way = self.under_way.clone();
        let task = under_way.spawn(async move {
            self.journal_and_publish(publish.as_ref(), &records, timeout).await?;
            Ok(records)
        });
        let ended = task.await;
        ended.unwrap_or_else(|error| Err(JournalError::Unusable(error.to_string())))
    }

    async fn journal_and_publish(
        &self,
        publish: &dyn Publish,
        records: &[LinkRecord],
        timeout: Duration,
    ) -> Result<(), JournalError> {
        // A place for each record before any is accepted, so that a failed one always has one.
        let mut places =
            self.unpublished.try_reserve_many(records.len()).map_err(|_| JournalError::Full)?;
        let appended = self.journal.append(records).await;
        match &appended {
            Err(JournalError::Unusable(_)) => self.part.report(appended.as_ref().map(drop)),
            Ok(()) | Err(JournalError::Full) => self.part.ok(),
        }
        appended?;
        for (place, error) in publish_all(publish, records, timeout).await {
            tracing::debug!(error = %error, "a journaled link will be published later: {error}");
            if let Some(free) = places.next() {
                free.send(records[place].clone());
            }
        }
        Ok(())
    }
}
