//! Kafka: the brokers, both topics, and the coordinator of the group, which is not joined.

use std::time::{Duration, Instant};

use linkrelay_kafka::topic::settings::{self, Difference, TopicRole, TopicSettings};
use linkrelay_kafka::topic::{self, TopicDescription, TopicError};
use linkrelay_kafka::{GroupSettings, KafkaSettings, RelayContext, unknown_key};
use rdkafka::TopicPartitionList;
use rdkafka::admin::AdminClient;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;

use super::part::{Answer, Failure, Part};

/// Below the part's own deadline, so that it is librdkafka that says why.
const ANSWER_LIMIT: Duration = Duration::from_secs(8);
/// For a question that is asked once the broker has answered another.
const SETTINGS_LIMIT: Duration = Duration::from_secs(3);
const AWAY: &str = "see that a broker runs there, and what KAFKA_BROKERS and KAFKA_CONFIG say";

/// With no brokers set, `up` brings one along, and there is nothing to reach.
pub(super) fn parts(kafka: &KafkaSettings, group: &GroupSettings) -> Vec<Part> {
    if kafka.kafka_brokers.is_none() {
        return vec![Part::fine("kafka", "embedded in `linkrelay up` (KAFKA_BROKERS is not set)")];
    }
    let mut parts = Vec::new();
    let settings = kafka.clone();
    parts.push(Part::blocking("kafka", AWAY, move || brokers(&settings)));
    for (topic, role) in
        [(&kafka.kafka_topic, TopicRole::Links), (&kafka.kafka_dlq_topic, TopicRole::DeadLetters)]
    {
        let question = topic_answer(kafka.clone(), topic.clone(), role);
        parts.push(Part::new(format!("topic {topic}"), AWAY, question));
    }
    let (settings, group) = (kafka.clone(), group.clone());
    let name = format!("group {}", group.kafka_group_id);
    parts.push(Part::blocking(name, AWAY, move || coordinator(&settings, &group)));
    parts
}

fn brokers(kafka: &KafkaSettings) -> Answer {
    let consumer = reader(kafka)?;
    let asked = consumer.client().fetch_metadata(Some(&kafka.kafka_topic), ANSWER_LIMIT);
    let asked = topic::explained_to(&consumer, asked).map_err(|error| failure(kafka, &error))?;
    let brokers = asked.brokers().len();
    let s = if brokers == 1 { "" } else { "s" };
    Ok(format!("{brokers} broker{s}, found at {}", kafka.brokers()))
}

async fn topic_answer(kafka: KafkaSettings, topic: String, role: TopicRole) -> Answer {
    let (settings, name) = (kafka.clone(), topic.clone());
    let described = tokio::task::spawn_blocking(move || describe(&settings, &name)).await;
    let described = described.unwrap_or_else(|error| Err(Failure::new(error, AWAY)))?;
    let (partitions, replicas) = (described.partitions_count, described.replicas_count);
    let size = format!("{partitions} partitions, {replicas} replicas");
    match differences(&kafka, &topic, role, replicas).await {
        Ok(differences) if differences.is_empty() => Ok(size),
        Ok(differences) => {
            let said: Vec<String> = differences.iter().map(Difference::to_string).collect();
            let command = settings::command(kafka.brokers(), &topic, &differences);
            let copies = "more copies need more brokers and kafka-reassign-partitions.sh";
            let remedy = command.unwrap_or_else(|| copies.to_owned());
            Err(Failure::warning(format!("{size}; {}", said.join("; ")), remedy))
        }
        Err(error) => Ok(format!("{size}, settings unknown: {error}")),
    }
}

/// In what the topic's settings differ from those that lose nothing, as far as this user may know.
async fn differences(
    kafka: &KafkaSettings,
    topic: &str,
    role: TopicRole,
    replicas_count: usize,
) -> Result<Vec<Difference>, KafkaError> {
    let admin: AdminClient<RelayContext> =
        kafka.client().create_with_context(RelayContext::default())?;
    let found = TopicSettings::read(&admin, topic, SETTINGS_LIMIT).await?;
    let links = match role {
        TopicRole::Links => None,
        TopicRole::DeadLetters => {
            TopicSettings::read(&admin, &kafka.kafka_topic, SETTINGS_LIMIT).await.ok()
        }
    };
    let largest_link_bytes = links.and_then(|links| links.max_message_bytes);
    // Joins the client's threads.
    tokio::task::spawn_blocking(move || drop(admin)).await.ok();
    Ok(found.differences(role, replicas_count, largest_link_bytes))
}

fn describe(kafka: &KafkaSettings, topic: &str) -> Result<TopicDescription, Failure> {
    let consumer = reader(kafka)?;
    let described = topic::describe(consumer.client(), topic, ANSWER_LIMIT);
    topic::explained_to(&consumer, described).map_err(|error| failure(kafka, &error))
}

/// Asks for what the group has committed: only its coordinator can say, and no member is needed.
fn coordinator(kafka: &KafkaSettings, group: &GroupSettings) -> Answer {
    let deadline = Instant::now() + ANSWER_LIMIT;
    let consumer = client(kafka, &kafka.consumer(group))?;
    let described = topic::describe(consumer.client(), &kafka.kafka_topic, ANSWER_LIMIT);
    let partitions = match topic::explained_to(&consumer, described) {
        Ok(found) => found.partitions_count,
        Err(error @ (TopicError::Kafka(_) | TopicError::Unreachable(_))) => {
            return Err(failure(kafka, &error));
        }
        // The topic's own row tells of that failure.
        Err(_) => 1,
    };
    let mut list = TopicPartitionList::new();
    for partition in 0..i32::try_from(partitions).unwrap_or(i32::MAX) {
        list.add_partition(&kafka.kafka_topic, partition);
    }
    let committed =
        consumer.committed_offsets(list, deadline.saturating_duration_since(Instant::now()));
    let committed = topic::explained_to(&consumer, committed).map_err(|error| {
        let error = error.to_string().replacen("no answer from the broker: ", "", 1);
        Failure::new(
            format!("no answer from its coordinator: {error}"),
            "see that the brokers are whole, and that this user may use the group",
        )
    })?;
    let is_committed = |element: &rdkafka::topic_partition_list::TopicPartitionListElem<'_>| {
        element.offset().to_raw().is_some_and(|offset| offset >= 0)
    };
    let count = committed.elements().iter().filter(|element| is_committed(element)).count();
    Ok(format!("its coordinator answers; offsets committed for {count} partitions"))
}

fn reader(kafka: &KafkaSettings) -> Result<BaseConsumer<RelayContext>, Failure> {
    client(kafka, &kafka.reader())
}

fn client(
    kafka: &KafkaSettings,
    config: &rdkafka::ClientConfig,
) -> Result<BaseConsumer<RelayContext>, Failure> {
    config
        .create_with_context(RelayContext::new(kafka))
        .map_err(|error| Failure::new(unknown_key(&error), "correct it"))
}

fn failure(kafka: &KafkaSettings, error: &TopicError) -> Failure {
    let away = |problem: &dyn std::fmt::Display, remedy| {
        Failure::new(format!("no answer from {}: {problem}", kafka.brokers()), remedy)
    };
    match error {
        TopicError::Missing(_) => {
            Failure::new("does not exist", linkrelay_kafka::topic::HOW_TO_CREATE)
        }
        TopicError::Unreachable(reason) if reason.advice().is_empty() => away(reason, AWAY),
        TopicError::Unreachable(reason) => away(&reason.problem(), reason.advice()),
        TopicError::Kafka(error) => away(error, AWAY),
        error => Failure::new(error, "see what this user may do there"),
    }
}
