//! Why the embedded mode cannot start.

use linkrelay_common::SettingsError;
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
