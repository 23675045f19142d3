//! The two topics: whether they are there, how many partitions they have, and making them.

pub mod settings;

use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::Client;
use rdkafka::consumer::BaseConsumer;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::{Reason, RelayContext, hear};

/// How to make a missing topic; said wherever one is missed.
pub const HOW_TO_CREATE: &str = "create it with ./kafka-topics.sh or `linkrelay topics create`";

/// Why a topic could not be described or made.
#[derive(Debug, thiserror::Error)]
pub enum TopicError {
    /// The broker answered, and has no such topic.
    #[error("topic {0} does not exist; {HOW_TO_CREATE}")]
    Missing(String),
    /// Fewer partitions were asked for than there are.
    #[error("topic {topic} has {existing} partitions; Kafka cannot shrink a topic to {wanted}")]
    CannotShrink {
        /// The topic.
        topic: String,
        /// Its partitions now.
        existing: usize,
        /// What was asked for.
        wanted: usize,
    },
    /// The broker refused.
    #[error("the broker refuses topic {topic}: {code}")]
    Refused {
        /// The topic.
        topic: String,
        /// Kafka's own word for it.
        code: RDKafkaErrorCode,
    },
    /// No answer, and the client knows why.
    #[error("no answer from the broker: {0}")]
    Unreachable(Reason),
    /// No answer, or none that counts.
    #[error("no answer from the broker: {0}")]
    Kafka(#[from] KafkaError),
}

/// A topic as the broker has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicDescription {
    /// Its name.
    pub name: String,
    /// How many partitions it has.
    pub partitions_count: usize,
    /// How many copies of each partition there are (of the first one's).
    pub replicas_count: usize,
}

/// What [`create`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Created {
    /// The topic is new.
    New,
    /// It had fewer partitions.
    Grown {
        /// How many it had.
        from: usize,
    },
    /// Nothing was to be done.
    Already,
}

/// Asks the broker. Blocks for up to `timeout`: not for an async worker thread.
///
/// # Errors
/// [`TopicError::Missing`] if the broker has no such topic, [`TopicError::Kafka`] if it does
/// not answer.
pub fn describe<C: ClientContext>(
    client: &Client<C>,
    topic: &str,
    timeout: Duration,
) -> Result<TopicDescription, TopicError> {
    let metadata = client.fetch_metadata(Some(topic), timeout)?;
    let found = metadata.topics().iter().find(|found| found.name() == topic);
    let Some(found) = found else {
        return Err(TopicError::Missing(topic.to_owned()));
    };
    match found.error().map(RDKafkaErrorCode::from) {
        None => {}
        Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => {
            return Err(TopicError::Missing(topic.to_owned()));
        }
        Some(code) => return Err(TopicError::Refused { topic: topic.to_owned(), code }),
    }
    if found.partitions().is_empty() {
        return Err(TopicError::Missing(topic.to_owned()));
    }
    Ok(TopicDescription {
        name: topic.to_owned(),
        partitions_count: found.partitions().len(),
        replicas_count: found
            .partitions()
            .first()
            .map_or(0, |partition| partition.replicas().len()),
    })
}

/// An answer to a client with this context; where there is none, the reason that the client heard.
/// Blocks as [`RelayContext::last_reason`] does.
///
/// # Errors
/// That of `answer`, or [`TopicError::Unreachable`] for [`TopicError::Kafka`].
pub fn explained<T>(
    context: &RelayContext,
    answer: Result<T, impl Into<TopicError>>,
) -> Result<T, TopicError> {
    match answer.map_err(Into::into) {
        Err(TopicError::Kafka(error)) => {
            let reason = context.last_reason();
            Err(reason.map_or(TopicError::Kafka(error), TopicError::Unreachable))
        }
        answered => {
            context.forget();
            answered
        }
    }
}

/// The same for a consumer that only asks, and is not polled.
///
/// # Errors
/// As [`explained`].
pub fn explained_to<T>(
    consumer: &BaseConsumer<RelayContext>,
    answer: Result<T, impl Into<TopicError>>,
) -> Result<T, TopicError> {
    if answer.is_err() { explained(hear(consumer), answer) } else { answer.map_err(Into::into) }
}

/// Makes a topic with these settings, or grows it to `partitions_count`; safe to call twice. The
/// settings of a topic that is there stay as they are.
///
/// # Errors
/// [`TopicError`]; a topic is never shrunk.
pub async fn create<C: ClientContext + 'static>(
    admin: &AdminClient<C>,
    topic: &str,
    partitions_count: usize,
    replicas_count: usize,
    settings: &[(&str, String)],
    timeout: Duration,
) -> Result<Created, TopicError> {
    let options =
        AdminOptions::new().operation_timeout(Some(timeout)).request_timeout(Some(timeout));
    let refused = |(topic, code)| TopicError::Refused { topic, code };
    let replication = TopicReplication::Fixed(i32::try_from(replicas_count).unwrap_or(i32::MAX));
    let new =
        NewTopic::new(topic, i32::try_from(partitions_count).unwrap_or(i32::MAX), replication);
    let new = settings.iter().fold(new, |new, (key, value)| new.set(key, value));
    for made in admin.create_topics(&[new], &options).await? {
        match made {
            Ok(_) => return Ok(Created::New),
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err(error) => return Err(refused(error)),
        }
    }
    let existing =
        tokio::task::block_in_place(|| describe(admin.inner(), topic, timeout))?.partitions_count;
    if existing == partitions_count {
        return Ok(Created::Already);
    }
    if existing > partitions_count {
        return Err(TopicError::CannotShrink {
            topic: topic.to_owned(),
            existing,
            wanted: partitions_count,
        });
    }
    let more = NewPartitions::new(topic, partitions_count);
    for grown in admin.create_partitions(&[more], &options).await? {
        grown.map_err(refused)?;
    }
    Ok(Created::Grown { from: existing })
}
