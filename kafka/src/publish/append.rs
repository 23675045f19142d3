//! Where the videos of a list go: into the topic, one record each.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::{Publish, publish_until_acked};
use crate::record::LinkRecord;
use crate::topic::TopicError;
use linkrelay_common::health::Part;
use linkrelay_common::ids::DocumentId;

/// Puts the videos of a list into the topic.
#[async_trait]
pub trait AppendExpanded: Debug + Send + Sync {
    /// Returns when all records are acknowledged and the list with this document is complete. May
    /// be called again with the same records: each has one document.
    ///
    /// # Cancel safety
    /// When dropped, some records may be published; call it again.
    async fn append(&self, list: &DocumentId, records: &[LinkRecord]);

    /// Checks whether the broker answers and has the topic.
    ///
    /// # Errors
    /// [`TopicError`] if it does not.
    async fn check(&self) -> Result<(), TopicError>;

    /// Returns why it will never work again; `None` if it works. Only a new process fixes it.
    fn fatal_error(&self) -> Option<String>;
}

/// Publishes the videos to a broker that keeps what it has acknowledged.
#[derive(Debug)]
pub struct TopicAppend {
    publish: Arc<dyn Publish>,
    timeout: Duration,
    part: Part,
}

impl TopicAppend {
    /// Waits up to `timeout` for the broker in each attempt. `part` does not work while the broker
    /// takes no records.
    pub fn new(publish: Arc<dyn Publish>, timeout: Duration, part: Part) -> Self {
        Self { publish, timeout, part }
    }
}

/// Reports that the part works when it is dropped.
struct Works<'a>(&'a Part);

impl Drop for Works<'_> {
    fn drop(&mut self) {
        self.0.ok();
    }
}

#[async_trait]
impl AppendExpanded for TopicAppend {
    async fn append(&self, _list: &DocumentId, records: &[LinkRecord]) {
        // Also when this is dropped midway: nothing waits for the broker then.
        let _works = Works(&self.part);
        let failed = |error| self.part.fails(format!("a list's videos are not published: {error}"));
        publish_until_acked(self.publish.as_ref(), records.to_vec(), self.timeout, failed).await;
    }

    async fn check(&self) -> Result<(), TopicError> {
        self.publish.check().await
    }

    fn fatal_error(&self) -> Option<String> {
        self.publish.fatal_error()
    }
}
