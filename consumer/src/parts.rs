//! What a consumer is made of: chosen by the binary from its settings, by `up` and by tests from
//! their own.

use std::sync::Arc;

use linkrelay_common::SettingsError;
use linkrelay_extractor::Extract;
use linkrelay_kafka::publish::{AppendExpanded, KeepLetters};
use linkrelay_kafka::{GroupSettings, KafkaSettings, RelayContext, unknown_key};
use linkrelay_store::LinkStore;
use rdkafka::consumer::BaseConsumer;

use crate::config::PipelineSettings;
use crate::context::GroupContext;
use crate::server::ServerSettings;

/// See the module.
#[derive(Debug)]
pub struct ConsumerParts {
    /// Where records come from.
    pub kafka: KafkaSettings,
    /// As which group.
    pub group: GroupSettings,
    /// How much at once.
    pub pipeline: PipelineSettings,
    /// The extractor server and health checks; `None` for neither.
    pub server: Option<ServerSettings>,
    /// Finds metadata.
    pub extractor: Arc<dyn Extract>,
    /// Keeps documents.
    pub store: Arc<dyn LinkStore>,
    /// A record of more links is a dead letter as a whole (MAX_LINKS_PER_REQUEST).
    pub max_links_per_record: usize,
    /// Where the videos of lists go; `None` for the topic itself.
    pub append: Option<Arc<dyn AppendExpanded>>,
    /// Where dead letters go; `None` for their topic.
    pub letters: Option<Arc<dyn KeepLetters>>,
}

impl ConsumerParts {
    /// A member of the group that has not joined yet.
    pub(crate) fn client(&self) -> Result<BaseConsumer<GroupContext>, SettingsError> {
        let config = self.kafka.consumer(&self.group);
        config
            .create_with_context(GroupContext::new(RelayContext::new(&self.kafka)))
            .map_err(|error| unknown_key(&error))
    }
}
