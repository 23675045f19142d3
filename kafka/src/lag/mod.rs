//! How far a group is behind its topic: commits and ends of all partitions, as the broker has them,
//! and which member has which partition, where the broker tells it.
//!
//! Nothing is joined and nothing is committed. `partition` says what one partition's figures mean,
//! and `owners` reads who has it.
//!
//! It must not know: its callers, or what consumers say in their heartbeats.

mod owners;
mod partition;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use linkrelay_common::SettingsError;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::topic_partition_list::TopicPartitionListElem;

use crate::topic::{self, TopicError};
use crate::{GroupSettings, KafkaSettings, RelayContext, unknown_key};
pub use partition::PartitionLag;
use partition::{Asked, figures};

/// The longest that one request may take.
const ONE_REQUEST: Duration = Duration::from_secs(2);
/// The longest that the leader of one partition may take, when that of another does not answer.
const ONE_PARTITION: Duration = Duration::from_millis(500);

/// Why the lag is not known at all.
#[derive(Debug, thiserror::Error)]
pub enum LagError {
    /// A setting is wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The broker does not answer, or has no such topic.
    #[error(transparent)]
    Topic(#[from] TopicError),
}

/// The lag of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupLag {
    /// The topic.
    pub topic: String,
    /// The group.
    pub group: String,
    /// When the broker was asked.
    pub as_of: Timestamp,
    /// All partitions, by number.
    pub partitions: Vec<PartitionLag>,
}

impl GroupLag {
    /// Returns the records that the group has to read; `None` if that of one partition is not known.
    pub fn total(&self) -> Option<i64> {
        self.partitions.iter().map(|partition| partition.lag).sum()
    }
}

/// Asks for the lag of the group that reads the topic of links. Blocks until `deadline` at most, and
/// not much longer than until `is_stopped`. What is not answered by then is unknown.
///
/// # Errors
/// [`LagError`] if the broker does not even answer which partitions there are.
pub fn read(
    kafka: &KafkaSettings,
    group: &GroupSettings,
    deadline: Instant,
    is_stopped: &dyn Fn() -> bool,
) -> Result<GroupLag, LagError> {
    let config = kafka.consumer(group);
    let consumer: BaseConsumer<RelayContext> = config
        .create_with_context(RelayContext::new(kafka))
        .map_err(|error| unknown_key(&error))?;
    let asking = Asking { consumer: &consumer, topic: &kafka.kafka_topic, deadline, is_stopped };
    let as_of = Timestamp::now();
    let led = asking.partitions()?;
    let committed = asking.committed(led.keys().copied());
    let with_leader = led.iter().filter(|(_, has_leader)| **has_leader).map(|(number, _)| *number);
    // After the commits, so that no commit is beyond an end that was asked before it.
    let bounds = asking.bounds(with_leader);
    let mut owners = asking.owners(&group.kafka_group_id);
    let without_commit = kafka.without_commit();
    let partitions = led.iter().map(|(number, has_leader)| {
        let unknown = Err(RDKafkaErrorCode::RequestTimedOut);
        let no_leader = Err(RDKafkaErrorCode::LeaderNotAvailable);
        let without = if *has_leader { (unknown, unknown) } else { (no_leader, no_leader) };
        let (start, end) = bounds.get(number).copied().unwrap_or(without);
        let committed = committed.get(number).copied().unwrap_or(unknown);
        let owner = owners.remove(number);
        figures(*number, committed, start, end, without_commit, owner)
    });
    let partitions = partitions.collect();
    let (topic, group) = (kafka.kafka_topic.clone(), group.kafka_group_id.clone());
    Ok(GroupLag { topic, group, as_of, partitions })
}

/// The requests of one reading.
struct Asking<'a> {
    consumer: &'a BaseConsumer<RelayContext>,
    topic: &'a str,
    deadline: Instant,
    is_stopped: &'a dyn Fn() -> bool,
}

impl Asking<'_> {
    /// Returns how long the next request may take; zero if there may be none.
    fn time(&self, most: Duration) -> Duration {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if (self.is_stopped)() { Duration::ZERO } else { most.min(left) }
    }

    /// Returns the partitions of the topic, and whether each has a leader.
    fn partitions(&self) -> Result<BTreeMap<i32, bool>, TopicError> {
        let client = self.consumer.client();
        let described = topic::describe(client, self.topic, self.time(ONE_REQUEST * 2));
        let described = topic::explained_to(self.consumer, described)?;
        let metadata = self.consumer.fetch_metadata(Some(self.topic), self.time(ONE_REQUEST));
        let numbers = 0..i32::try_from(described.partitions_count).unwrap_or(i32::MAX);
        let mut led: BTreeMap<i32, bool> = numbers.map(|number| (number, true)).collect();
        for partition in metadata?.topics().iter().flat_map(|topic| topic.partitions()) {
            led.insert(partition.id(), partition.leader() >= 0);
        }
        Ok(led)
    }

    fn list(&self, numbers: impl Iterator<Item = i32>) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for number in numbers {
            list.add_partition(self.topic, number);
        }
        list
    }

    /// Returns the commit of each partition, -1 without one.
    fn committed(&self, numbers: impl Iterator<Item = i32>) -> BTreeMap<i32, Asked> {
        let list = self.list(numbers);
        let committed = self.consumer.committed_offsets(list.clone(), self.time(ONE_REQUEST));
        committed.map(|answered| answers(&answered, -1)).unwrap_or_else(|error| {
            let unknown = Err(code(&error));
            list.elements().iter().map(|element| (element.partition(), unknown)).collect()
        })
    }

    /// Returns the first offset and the end of each partition, with two requests to each leader; or,
    /// if one of the leaders does not answer, one by one: librdkafka then keeps the answers of the
    /// others to itself.
    fn bounds(&self, numbers: impl Iterator<Item = i32>) -> BTreeMap<i32, (Asked, Asked)> {
        let list = self.list(numbers);
        let ask = |which| {
            let mut asked = list.clone();
            asked.set_all_offsets(which).ok()?;
            let answered = self.consumer.offsets_for_times(asked, self.time(ONE_REQUEST)).ok()?;
            Some(answers(&answered, 0))
        };
        let both = ask(rdkafka::Offset::Beginning)
            .and_then(|starts| Some((starts, ask(rdkafka::Offset::End)?)));
        let Some((starts, ends)) = both else { return self.bounds_one_by_one(&list) };
        let pairs = starts
            .into_iter()
            .filter_map(|(number, start)| Some((number, (start, *ends.get(&number)?))));
        pairs.collect()
    }

    fn bounds_one_by_one(&self, list: &TopicPartitionList) -> BTreeMap<i32, (Asked, Asked)> {
        let elements = list.elements();
        let asked = elements.iter().map_while(|element| {
            let (number, time) = (element.partition(), self.time(ONE_PARTITION));
            if time.is_zero() {
                return None;
            }
            let marks = self.consumer.fetch_watermarks(self.topic, number, time);
            let marks = marks.map_err(|error| code(&error));
            Some((number, (marks.map(|(start, _)| start), marks.map(|(_, end)| end))))
        });
        asked.collect()
    }

    /// Returns the member that has each partition. A broker that does not tell it has an unknown
    /// owner for each.
    fn owners(&self, group: &str) -> BTreeMap<i32, String> {
        let time = self.time(ONE_REQUEST);
        if time.is_zero() {
            return BTreeMap::new();
        }
        match self.consumer.fetch_group_list(Some(group), time) {
            Ok(list) => owners::of(&list, self.topic),
            Err(error) => {
                tracing::debug!(group, "which member has which partition is not known: {error}");
                BTreeMap::new()
            }
        }
    }
}

/// Returns the answer for each partition; `otherwise` counts where it is no offset.
fn answers(list: &TopicPartitionList, otherwise: i64) -> BTreeMap<i32, Asked> {
    let answer = |element: &TopicPartitionListElem<'_>| {
        let offset = match element.offset() {
            rdkafka::Offset::Offset(offset) => offset,
            _ => otherwise,
        };
        let asked = element.error().map(|()| offset).map_err(|error| code(&error));
        (element.partition(), asked)
    };
    list.elements().iter().map(answer).collect()
}

fn code(error: &KafkaError) -> RDKafkaErrorCode {
    error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail)
}
