//! The errors of the embedded mode.

use linkrelay_common::SettingsError;
use linkrelay_store::StoreError;
use rdkafka::error::KafkaError;

/// Why the embedded mode cannot start.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// A setting is wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// librdkafka has made no mock cluster.
    #[error("the embedded broker does not start: {0}")]
    NotStarted(KafkaError),
    /// The mock cluster does not exist, or has no valid address.
    #[error("the embedded broker cannot be used: {0}")]
    NotThere(String),
    /// A topic cannot be created in the broker.
    #[error("the embedded broker cannot create the topic {topic}: {error}")]
    NoTopic {
        /// The topic's name.
        topic: String,
        /// The error of librdkafka.
        error: KafkaError,
    },
}

/// Why marked dead letters are not replayed yet.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReplaysError {
    /// The file or the store of documents fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The broker does not accept a record.
    #[error("the embedded broker: {0}")]
    Broker(#[from] KafkaError),
}
