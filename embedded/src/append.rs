//! Publishes the videos of a list, which are journaled first.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use linkrelay_common::DocumentId;
use linkrelay_common::until::until_it_works;
use linkrelay_kafka::LinkRecord;
use linkrelay_kafka::publish::{AppendExpanded, Publish, publish_until_acked};
use linkrelay_kafka::topic::TopicError;

use crate::journal::{Journal, pauses};

/// Replaces the journal entry of a list by those of its videos, and then publishes them.
#[derive(Debug)]
pub(crate) struct JournaledAppend {
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) publish: Arc<dyn Publish>,
    /// How long an attempt to publish may take; it is repeated until it succeeds.
    pub(crate) timeout: Duration,
}

#[async_trait]
impl AppendExpanded for JournaledAppend {
    async fn append(&self, list: &DocumentId, records: &[LinkRecord]) {
        let failed = |error| {
            tracing::warn!(document_id = %list, %error, "the videos of a list cannot be journaled");
        };
        until_it_works(pauses(), || self.journal.expand(list, records), failed).await;
        publish_until_acked(self.publish.as_ref(), records.to_vec(), self.timeout, |_| ()).await;
    }

    async fn check(&self) -> Result<(), TopicError> {
        self.publish.check().await
    }

    fn fatal_error(&self) -> Option<String> {
        self.publish.fatal_error()
    }
}
