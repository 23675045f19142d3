//! Why the consumer cannot start, or had to end. What happens to single links and records is no
//! error of this kind: it is decided in `attempt`.

use linkrelay_common::SettingsError;
use rdkafka::error::KafkaError;

/// An end of the consumer as a whole.
#[derive(Debug, thiserror::Error)]
pub enum ConsumerError {
    /// A setting that cannot work.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// librdkafka refuses to go on, for ever.
    #[error("the Kafka client cannot go on: {0}")]
    Fatal(String),
    /// Another member has this static member's name, or the broker believes so: with KIP-848 until
    /// the session of a killed one has ended, with the classic protocol if a broker that was
    /// killed has forgotten who came last. librdkafka holds it to be final; a new client may join.
    #[error("KAFKA_GROUP_INSTANCE_ID is still in use by another member of the group")]
    InstanceIdInUse,
    /// librdkafka refused a call that cannot fail for a reason of the broker's.
    #[error("the Kafka client failed: {0}")]
    Kafka(#[from] KafkaError),
    /// A thread or task ended that may not.
    #[error("{0} ended unexpectedly")]
    Died(&'static str),
    /// The operating system refused.
    #[error("{0}")]
    Io(#[from] std::io::Error),
}
