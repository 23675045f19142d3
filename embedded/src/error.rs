//! What the embedded mode fails with.

use linkrelay_common::SettingsError;
use linkrelay_store::StoreError;
use rdkafka::error::KafkaError;

/// Why the embedded mode cannot start.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// A setting is wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// librdkafka makes no mock cluster.
    #[error("the embedded broker does not start: {0}")]
    NotStarted(KafkaError),
    /// The mock cluster has gone, or cannot be understood.
    #[error("the embedded broker is not there: {0}")]
    NotThere(String),
    /// A topic cannot be created in it.
    #[error("the embedded broker cannot create the topic {topic}: {error}")]
    NoTopic {
        /// Its name.
        topic: String,
        /// What librdkafka says.
        error: KafkaError,
    },
}

/// Why marked dead letters are not replayed yet.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReplayError {
    /// The file or the store of documents does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The broker does not take a letter.
    #[error("the embedded broker: {0}")]
    Broker(#[from] KafkaError),
}
