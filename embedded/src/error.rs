//! The errors of the embedded mode.

use std::path::PathBuf;

use linkrelay_common::{DocumentId, SettingsError};
use linkrelay_kafka::publish::{PublishError, WriteError};
use linkrelay_kafka::topic::TopicError;
use linkrelay_producer::dlq::DlqError;
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

/// Why a folder is not moved, or not moved completely. Another run goes on where this one ended.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// A setting is wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The file of the folder cannot be used, or another process uses it.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: StoreError,
    },
    /// The file or MongoDB fails.
    #[error("{doing}: {source}")]
    Store {
        /// What was tried.
        doing: &'static str,
        /// Its error.
        source: StoreError,
    },
    /// The broker does not answer, or has no such topic.
    #[error("{asked}: {source}")]
    Topic {
        /// What was asked.
        asked: String,
        /// The answer.
        source: TopicError,
    },
    /// A dead letter is not known to be in its topic.
    #[error("the dead letter of {document_id} is not published: {source}")]
    DeadLetter {
        /// The document of its link.
        document_id: DocumentId,
        /// The reason.
        source: WriteError,
    },
    /// The topic of dead letters cannot be read, or the topic of links is missing.
    #[error(transparent)]
    DeadLetters(#[from] DlqError),
    /// A replay of a dead letter is not known to be in the topic of links.
    #[error("a replay is not published: {0}")]
    Replay(KafkaError),
    /// A pending link is not known to be in the topic of links.
    #[error("the link of {document_id} is not published: {source}")]
    Pending {
        /// The document that it will have.
        document_id: DocumentId,
        /// The reason.
        source: PublishError,
    },
    /// A thread of the process has ended unexpectedly.
    #[error("a task ended: {0}")]
    Ended(String),
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
