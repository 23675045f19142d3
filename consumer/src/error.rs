//! Why the consumer cannot start, or had to end. Failures of single links and records are not
//! errors of this kind: `attempt` decides what follows from them.

use linkrelay_common::SettingsError;
use linkrelay_http::ListenError;
use rdkafka::error::KafkaError;

/// Why the whole consumer ended.
#[derive(Debug, thiserror::Error)]
pub enum ConsumerError {
    /// A setting that cannot work.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The consumer cannot listen on its address.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// A Kafka client has failed permanently.
    #[error("the Kafka client cannot go on: {0}")]
    Fatal(String),
    /// Another member has the name of this static member, or the broker believes so: with KIP-848
    /// until the session of a killed member has ended, with the classic protocol if a broker that
    /// was killed has lost which member joined last. For librdkafka it is final; a new client may
    /// join.
    #[error("KAFKA_GROUP_INSTANCE_ID is still in use by another member of the group")]
    InstanceIdInUse,
    /// librdkafka refused a call that needs no broker.
    #[error("the Kafka client failed: {0}")]
    Kafka(#[from] KafkaError),
    /// A thread or task ended that must not end before the consumer.
    #[error("{0} ended unexpectedly")]
    Died(&'static str),
    /// The operating system refused a thread or a signal handler.
    #[error("{0}")]
    Io(#[from] std::io::Error),
}
