//! Kafka: the brokers, the topics, and the coordinator of the group, which is not joined.

use std::time::{Duration, Instant};

use linkrelay_kafka::topic::settings::{self, Difference, TopicRole, TopicSettings};
use linkrelay_kafka::topic::{self, TopicDescription, TopicError};
use linkrelay_kafka::{GroupSettings, KafkaSettings, RelayContext, unknown_key};
use rdkafka::TopicPartitionList;
use rdkafka::admin::AdminClient;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;

use super::probe::{Finding, Probe, ProbeResult};

/// Less than the deadline of the probe, so that librdkafka reports the reason.
const ANSWER_LIMIT: Duration = Duration::from_secs(8);
/// The time for a request after the broker has answered another one.
const SETTINGS_LIMIT: Duration = Duration::from_secs(3);
const BROKER: &str = "see that a broker runs there, and what KAFKA_BROKERS and KAFKA_CONFIG say";

/// Returns the probes of Kafka. Without `KAFKA_BROKERS`, `up` has its own broker, which needs none.
pub(super) fn parts(kafka: &KafkaSettings, group: &GroupSettings) -> Vec<Probe> {
    if kafka.kafka_brokers.is_none() {
        return vec![Probe::fine("kafka", "embedded in `linkrelay up` (KAFKA_BROKERS is not set)")];
    }
    let mut parts = Vec::new();
    let settings = kafka.clone();
    parts.push(Probe::blocking("kafka", BROKER, move || brokers(&settings)));
    let topics = [
        (Some(kafka.kafka_topic.as_str()), TopicRole::Links),
        (Some(kafka.kafka_dlq_topic.as_str()), TopicRole::DeadLetters),
        (kafka.results_topic(), TopicRole::Results),
    ];
    for (topic, role) in topics.into_iter().filter_map(|(topic, role)| Some((topic?, role))) {
        let request = topic_answer(kafka.clone(), topic.to_owned(), role);
        parts.push(Probe::new(format!("topic {topic}"), BROKER, request));
    }
    let (settings, group) = (kafka.clone(), group.clone());
    let name = format!("group {}", group.kafka_group_id);
    parts.push(Probe::blocking(name, BROKER, move || coordinator(&settings, &group)));
    parts
}

fn brokers(kafka: &KafkaSettings) -> ProbeResult {
    let consumer = client(kafka, &kafka.reader())?;
    let asked = consumer.client().fetch_metadata(Some(&kafka.kafka_topic), ANSWER_LIMIT);
    let asked = topic::explained_to(&consumer, asked).map_err(|error| failure(kafka, &error))?;
    let brokers = asked.brokers().len();
    let s = if brokers == 1 { "" } else { "s" };
    Ok(format!("{brokers} broker{s}, found at {}", kafka.brokers()))
}

async fn topic_answer(kafka: KafkaSettings, topic: String, role: TopicRole) -> ProbeResult {
    let (settings, name) = (kafka.clone(), topic.clone());
    let described = tokio::task::spawn_blocking(move || describe(&settings, &name)).await;
    let described = described.unwrap_or_else(|error| Err(Finding::new(error, BROKER)))?;
    let (partitions, replicas) = (described.partitions_count, described.replicas_count);
    let size = format!("{partitions} partitions, {replicas} replicas");
    match differences(&kafka, &topic, role, replicas).await {
        Ok(differences) if differences.is_empty() => Ok(size),
        Ok(differences) => {
            let texts: Vec<String> = differences.iter().map(Difference::to_string).collect();
            let command = settings::command(kafka.brokers(), &topic, &differences);
            let copies = "more copies need more brokers and kafka-reassign-partitions.sh";
            let fix = command.unwrap_or_else(|| copies.to_owned());
            Err(Finding::warning(format!("{size}; {}", texts.join("; ")), fix))
        }
        Err(error) => Ok(format!("{size}, settings unknown: {error}")),
    }
}

/// Returns how the settings of the topic differ from those that lose nothing, if this user may read
/// them.
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
        TopicRole::Links | TopicRole::Results => None,
        TopicRole::DeadLetters => {
            TopicSettings::read(&admin, &kafka.kafka_topic, SETTINGS_LIMIT).await.ok()
        }
    };
    let largest_link_bytes = links.and_then(|links| links.max_message_bytes);
    // Dropping the client joins its threads.
    tokio::task::spawn_blocking(move || drop(admin)).await.ok();
    Ok(found.differences(role, replicas_count, largest_link_bytes))
}

fn describe(kafka: &KafkaSettings, topic: &str) -> Result<TopicDescription, Finding> {
    let consumer = client(kafka, &kafka.reader())?;
    let described = topic::describe(consumer.client(), topic, ANSWER_LIMIT);
    topic::explained_to(&consumer, described).map_err(|error| failure(kafka, &error))
}

/// Asks for the commits of the group, which only its coordinator knows; no member is needed.
fn coordinator(kafka: &KafkaSettings, group: &GroupSettings) -> ProbeResult {
    let deadline = Instant::now() + ANSWER_LIMIT;
    let consumer = client(kafka, &kafka.consumer(group))?;
    let described = topic::describe(consumer.client(), &kafka.kafka_topic, ANSWER_LIMIT);
    let partitions = match topic::explained_to(&consumer, described) {
        Ok(found) => found.partitions_count,
        Err(error @ (TopicError::Kafka(_) | TopicError::Unreachable(_))) => {
            return Err(failure(kafka, &error));
        }
        // The line of the topic reports that failure.
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
        Finding::new(
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

fn client(
    kafka: &KafkaSettings,
    config: &rdkafka::ClientConfig,
) -> Result<BaseConsumer<RelayContext>, Finding> {
    config
        .create_with_context(RelayContext::new(kafka))
        .map_err(|error| Finding::new(unknown_key(&error), "correct it"))
}

fn failure(kafka: &KafkaSettings, error: &TopicError) -> Finding {
    let no_answer = |problem: &dyn std::fmt::Display, fix| {
        Finding::new(format!("no answer from {}: {problem}", kafka.brokers()), fix)
    };
    match error {
        TopicError::Missing(_) => {
            Finding::new("does not exist", linkrelay_kafka::topic::HOW_TO_CREATE)
        }
        TopicError::Unreachable(reason) if reason.advice().is_empty() => no_answer(reason, BROKER),
        TopicError::Unreachable(reason) => no_answer(&reason.problem(), reason.advice()),
        TopicError::Kafka(error) => no_answer(error, BROKER),
        error => Finding::new(error, "see what this user may do there"),
    }
}
