//! The errors of reading and replaying dead letters.

use std::io;
use std::time::Duration;

use linkrelay_common::{ErrorClass, SettingsError};
use linkrelay_kafka::topic::TopicError;
use linkrelay_store::StoreError;
use rdkafka::error::KafkaError;
use tokio::task::JoinError;

/// Why dead letters cannot be read or replayed. A dead letter that the broker refuses alone is only
/// counted.
#[derive(Debug, thiserror::Error)]
pub enum DlqError {
    /// A setting is wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The broker does not answer, or has no such topic.
    #[error("{asked}")]
    Asking {
        /// What was asked.
        asked: String,
        /// The answer.
        source: TopicError,
    },
    /// The process stops, or the time is over, before the broker was asked for all.
    #[error("stopped before the broker had answered")]
    Stopped,
    /// The broker does not let a topic be read.
    #[error("reading {topic}")]
    Reading {
        /// The topic.
        topic: String,
        /// What librdkafka says.
        source: KafkaError,
    },
    /// The broker sends nothing, although there is more to read.
    #[error(
        "reading {topic}: the broker sent nothing for {silence:?}{}",
        .last_error.as_ref().map(|error| format!(": {error}")).unwrap_or_default()
    )]
    Silent {
        /// The topic.
        topic: String,
        /// For how long.
        silence: Duration,
        /// The last error that librdkafka has retried after.
        last_error: Option<KafkaError>,
    },
    /// The store, or the file with the dead letters, fails.
    #[error("{doing}")]
    Store {
        /// What it was asked for.
        doing: &'static str,
        /// Its error.
        source: StoreError,
    },
    /// The broker refuses a record.
    #[error(transparent)]
    Publishing(#[from] KafkaError),
    /// Every record of several was refused, so the cause is not in the records.
    #[error("no dead letter can be published")]
    NonePublished(#[source] Box<DlqError>),
    /// There are more than one replay may have.
    #[error(
        "there are more than {0} dead letters: choose by class, code, request or time, or use \
         `linkrelay dlq replay`, which has no limit"
    )]
    TooMany(u64),
    /// What a replay would publish cannot be shown.
    #[error("showing a dead letter")]
    Output(#[from] io::Error),
    /// A thread ended unexpectedly.
    #[error("a thread ended unexpectedly")]
    Ended(#[from] JoinError),
}

impl DlqError {
    /// Whether another attempt can help.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Settings(_) | Self::TooMany(_) | Self::Output(_) | Self::Ended(_) => {
                ErrorClass::Permanent
            }
            Self::Store { source, .. } => source.class(),
            // An operator can create a missing topic, and grant a missing permission.
            Self::Asking { .. }
            | Self::Stopped
            | Self::Reading { .. }
            | Self::Silent { .. }
            | Self::Publishing(_)
            | Self::NonePublished(_) => ErrorClass::Transient,
        }
    }
}

/// Returns what clients see of an error; hosts and accounts are only logged.
pub(crate) fn for_clients(error: &DlqError) -> String {
    match error {
        DlqError::Asking { source: missing @ TopicError::Missing(_), .. } => missing.to_string(),
        DlqError::TooMany(_) => error.to_string(),
        DlqError::Store { .. } => "the store cannot be reached".to_owned(),
        DlqError::Settings(_) | DlqError::Output(_) | DlqError::Ended(_) => {
            "this server cannot replay; its log says why".to_owned()
        }
        _ => "the broker does not answer, or refuses; the server's log says why".to_owned(),
    }
}
