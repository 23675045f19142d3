//! The videos of a list on their way to a broker that forgets: journaled first.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use linkrelay_common::DocumentId;
use linkrelay_kafka::LinkRecord;
use linkrelay_kafka::publish::{AppendExpanded, Publish, publish_until_acked};
use linkrelay_kafka::topic::TopicError;

use crate::journal::Journal;

const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Puts the videos of a list into the journal, in its place, and then into the topic.
#[derive(Debug)]
pub struct JournaledAppend {
    journal: Arc<dyn Journal>,
    publish: Arc<dyn Publish>,
    timeout: Duration,
}

impl JournaledAppend {
    /// Tries each publishing for up to `timeout`, and then again.
    pub fn new(journal: Arc<dyn Journal>, publish: Arc<dyn Publish>, timeout: Duration) -> Self {
        Self { journal, publish, timeout }
    }
}

#[async_trait]
impl AppendExpanded for JournaledAppend {
    async fn append(&self, list: &DocumentId, records: &[LinkRecord]) {
        while let Err(error) = self.journal.expand(list, records).await {
            tracing::warn!(document_id = %list, %error, "the videos of a list cannot be journaled");
            tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
        }
        publish_until_acked(self.publish.as_ref(), records.to_vec(), self.timeout, |_| ()).await;
    }

    async fn check(&self) -> Result<(), TopicError> {
        self.publish.check().await
    }

    fn fatal_error(&self) -> Option<String> {
        self.publish.fatal_error()
    }
}
