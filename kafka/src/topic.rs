//! The topics: whether they exist, how many partitions they have, and how they are created.

pub mod settings;

use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::Client;
use rdkafka::consumer::BaseConsumer;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::{Reason, RelayContext, drain_errors};

/// How to create a missing topic; part of every message about one.
pub const HOW_TO_CREATE: &str = "create it with ./kafka-topics.sh or `linkrelay topics create`";

/// Why a topic could not be described or created.
#[derive(Debug, thiserror::Error)]
pub enum TopicError {
    /// The broker answered, and has no such topic.
    #[error("topic {0} does not exist; {HOW_TO_CREATE}")]
    Missing(String),
    /// Fewer partitions were requested than there are.
    #[error("topic {topic} has {existing} partitions; Kafka cannot shrink a topic to {wanted}")]
    CannotShrink {
        /// The topic.
        topic: String,
        /// How many partitions it has.
        existing: usize,
        /// How many were requested.
        wanted: usize,
    },
    /// The broker refused.
    #[error("the broker refuses topic {topic}: {code}")]
    Refused {
        /// The topic.
        topic: String,
        /// Kafka's error code.
        code: RDKafkaErrorCode,
    },
    /// There is no answer, and the client knows why.
    #[error("no answer from the broker: {0}")]
    Unreachable(Reason),
    /// There is no answer, or no valid one.
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
    /// How many replicas the first partition has; the others have the same number.
    pub replicas_count: usize,
}

/// What [`create`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Created {
    /// The topic was created.
    New,
    /// The topic had fewer partitions, and was grown.
    Grown {
        /// How many it had.
        from: usize,
    },
    /// The topic existed with that many partitions.
    Already,
}

/// Asks the broker for a topic. Blocks for up to `timeout`, so it must not be called on an async
/// worker thread.
///
/// # Errors
/// [`TopicError::Missing`] if the broker has no such topic, [`TopicError::Refused`] if it refuses
/// the request, [`TopicError::Kafka`] if it does not answer.
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

/// Returns the answer to a client with this context. An error without an answer gets the
/// reason that the context has. Blocks as [`RelayContext::last_reason`] does.
///
/// # Errors
/// That of `answer`, with [`TopicError::Unreachable`] instead of [`TopicError::Kafka`] if the
/// reason is known.
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
            context.clear_reason();
            answered
        }
    }
}

/// Like [`explained`], but for a consumer that only sends requests, and is not polled.
///
/// # Errors
/// The same as of [`explained`].
pub fn explained_to<T>(
    consumer: &BaseConsumer<RelayContext>,
    answer: Result<T, impl Into<TopicError>>,
) -> Result<T, TopicError> {
    if answer.is_err() {
        explained(drain_errors(consumer), answer)
    } else {
        answer.map_err(Into::into)
    }
}

/// Creates a topic with these settings, or grows it to `partitions_count`; it is safe to call
/// twice. The settings of an existing topic do not change.
///
/// # Errors
/// [`TopicError`]; [`TopicError::CannotShrink`] for a topic with more partitions.
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
