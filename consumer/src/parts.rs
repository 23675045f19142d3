//! What a consumer is made of: the binary chooses it from its settings, and `up` and tests from
//! theirs.

use std::sync::Arc;
use std::time::Duration;

use linkrelay_common::SettingsError;
use linkrelay_extractor::Extract;
use linkrelay_kafka::{GroupSettings, KafkaSettings, RelayContext, unknown_key};
use linkrelay_store::{LinkStore, ProcessStore, SearchIndexStore, VideoStore};
use rdkafka::consumer::BaseConsumer;

use crate::config::PipelineSettings;
use crate::context::GroupContext;
use crate::publishing::Publishing;
use crate::server::ServerSettings;

/// The parts of a consumer.
#[derive(Debug)]
pub struct ConsumerParts {
    /// Where records come from.
    pub kafka: KafkaSettings,
    /// The consumer group that it joins.
    pub group: GroupSettings,
    /// How much is done at once, how often, and how long.
    pub pipeline: PipelineSettings,
    /// The extractor server and health checks; `None` for neither.
    pub server: Option<ServerSettings>,
    /// Finds metadata.
    pub extractor: Arc<dyn Extract>,
    /// Keeps documents.
    pub store: Arc<dyn LinkStore>,
    /// The rows of videos, whose metadata REUSE_WITHIN reuses; without them it reuses none.
    pub videos: Option<Arc<dyn VideoStore>>,
    /// The same store, which videos are indexed in after they were written; `None` for never.
    pub search_index: Option<Arc<dyn SearchIndexStore>>,
    /// A record of more links is a dead letter as a whole (MAX_LINKS_PER_REQUEST).
    pub max_links_per_record: usize,
    /// Where the videos of lists, dead letters and results go; `None` for the topics of `kafka`.
    pub publishing: Option<Publishing>,
    /// Where, and how often, it writes what it does; `None` for nowhere.
    pub beats: Option<Beats>,
}

/// How a consumer tells what it does.
#[derive(Debug, Clone)]
pub struct Beats {
    /// The store in which its row is.
    pub store: Arc<dyn ProcessStore>,
    /// How often it writes the row (HEARTBEAT_INTERVAL).
    pub interval: Duration,
}

impl ConsumerParts {
    /// Makes a client for the group, which has not joined yet.
    ///
    /// # Errors
    /// [`SettingsError`] if librdkafka refuses a setting.
    pub(crate) fn client(&self) -> Result<BaseConsumer<GroupContext>, SettingsError> {
        let config = self.kafka.consumer(&self.group);
        let context = GroupContext::new(RelayContext::new(&self.kafka), &config);
        config.create_with_context(context).map_err(|error| unknown_key(&error))
    }
}
