//! Where the videos of a list go: back into the topic, one record each.

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
    /// Answers when all of them are safe, and the list of this document is no longer needed for
    /// it. May be asked again with the same: there is one document for each.
    ///
    /// # Cancel safety
    /// When dropped, some may be there; ask again.
    async fn append(&self, list: &DocumentId, records: &[LinkRecord]);

    /// Asks whether the broker answers and has the topic.
    async fn check(&self) -> Result<(), TopicError>;

    /// See [`Publish::fatal_error`].
    fn fatal_error(&self) -> Option<String>;
}

/// For a broker that keeps what it has acknowledged.
#[derive(Debug)]
pub struct TopicAppend {
    publish: Arc<dyn Publish>,
    timeout: Duration,
    part: Part,
}

impl TopicAppend {
    /// Tries each publishing for up to `timeout`, and then again. `part` does not work as long as
    /// the broker takes none.
    pub fn new(publish: Arc<dyn Publish>, timeout: Duration, part: Part) -> Self {
        Self { publish, timeout, part }
    }
}

/// Says so when it ends.
struct Works<'a>(&'a Part);

impl Drop for Works<'_> {
    fn drop(&mut self) {
        self.0.ok();
    }
}

#[async_trait]
impl AppendExpanded for TopicAppend {
    async fn append(&self, _list: &DocumentId, records: &[LinkRecord]) {
        // Also when this is dropped half-way: nothing waits for the broker then.
        let _works = Works(&self.part);
        let tell = |error| self.part.fails(format!("a list's videos are not published: {error}"));
        publish_until_acked(self.publish.as_ref(), records.to_vec(), self.timeout, tell).await;
    }

    async fn check(&self) -> Result<(), TopicError> {
        self.publish.check().await
    }

    fn fatal_error(&self) -> Option<String> {
        self.publish.fatal_error()
    }
}
