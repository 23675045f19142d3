//! librdkafka's callbacks, turned into events that the poll thread takes when it is ready.
//!
//! A callback runs inside the poll thread's own `poll`, so it must never wait for work. What is
//! assigned and what is revoked is only reported: the poll thread takes a partition over itself,
//! once it has a queue and a lane for it, and gives it back itself, once its lane is drained and
//! committed, while the other lanes keep working. A lost assignment, a close and an error are
//! answered immediately.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use linkrelay_common::metrics as names;
use linkrelay_common::{Offset, Partition};
use linkrelay_kafka::RelayContext;
use metrics::counter;
use rdkafka::ClientContext;
use rdkafka::Statistics;
use rdkafka::TopicPartitionList;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::statistics::Partition as PartitionStatistics;
use rdkafka::types::RDKafkaRespErr;

/// An event of the group's rebalance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum GroupEvent {
    /// The group assigned these partitions, which are to be taken over.
    Assigned(Vec<Partition>),
    /// The group asks for these partitions, which are to be given back once they are drained.
    Revoked(Vec<Partition>),
    /// The group has given these partitions away: another consumer may read them already.
    Lost(Vec<Partition>),
}

/// The context of the consumer's client.
#[derive(Debug, Default)]
pub(crate) struct GroupContext {
    relay: RelayContext,
    /// Whether partitions are assigned and revoked one by one. It is not asked of librdkafka, whose
    /// answer is lost if the group is left at the same time.
    is_cooperative: bool,
    events: Mutex<VecDeque<GroupEvent>>,
    is_closing: AtomicBool,
    logs: Mutex<LogBounds>,
}

/// The bounds of the partitions' logs, by librdkafka's last statistics.
#[derive(Debug, Clone, Default)]
pub(crate) struct LogBounds {
    /// The first offset and the end of each log, if librdkafka knows them.
    pub(crate) partitions: BTreeMap<Partition, Range<Offset>>,
    /// Every partition of the topic, whether the group has assigned it to this consumer or not.
    pub(crate) all: BTreeSet<Partition>,
    /// The next offset that librdkafka fetches of each partition of which everything fetched was
    /// polled. It also passes offsets that are not records, like the markers of transactions.
    pub(crate) fetched_to: BTreeMap<Partition, Offset>,
    /// How many statistics there have been.
    pub(crate) statistics_count: u64,
}

impl GroupContext {
    /// Makes a context for a member with this configuration, whose log lines and errors go to
    /// `relay`.
    pub(crate) fn new(relay: RelayContext, config: &ClientConfig) -> Self {
        Self { relay, is_cooperative: is_cooperative(config), ..Self::default() }
    }

    /// Returns the next event, in the order in which they came.
    pub(crate) fn next_event(&self) -> Option<GroupEvent> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    /// Makes the callback answer the group immediately from this call on: everything is drained and
    /// committed, and rdkafka's drop polls until the close is complete.
    pub(crate) fn begin_close(&self) {
        self.is_closing.store(true, Ordering::Release);
    }

    /// Returns the bounds of the partitions' logs.
    pub(crate) fn logs(&self) -> LogBounds {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns how many statistics there have been.
    pub(crate) fn statistics_count(&self) -> u64 {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner).statistics_count
    }

    fn report(&self, event: GroupEvent) {
        let name = match event {
            GroupEvent::Assigned(_) => "assigned",
            GroupEvent::Revoked(_) => "revoked",
            GroupEvent::Lost(_) => "lost",
        };
        counter!(names::REBALANCES, "event" => name).increment(1);
        self.events.lock().unwrap_or_else(PoisonError::into_inner).push_back(event);
    }
}

/// Gives partitions back by the protocol of the group.
///
/// # Errors
/// If librdkafka refuses to unassign.
pub(crate) fn give_back(
    consumer: &BaseConsumer<GroupContext>,
    partitions: &TopicPartitionList,
) -> KafkaResult<()> {
    if consumer.context().is_cooperative {
        consumer.incremental_unassign(partitions)
    } else {
        consumer.unassign()
    }
}

/// Takes partitions over by the protocol of the group.
///
/// # Errors
/// If librdkafka refuses to assign.
pub(crate) fn take_over(
    consumer: &BaseConsumer<GroupContext>,
    partitions: &TopicPartitionList,
) -> KafkaResult<()> {
    if consumer.context().is_cooperative {
        consumer.incremental_assign(partitions)
    } else {
        consumer.assign(partitions)
    }
}

/// KIP-848 always is. All assignors of a classic member are of one kind (librdkafka refuses a mixture),
/// so each names it.
fn is_cooperative(config: &ClientConfig) -> bool {
    let has = |key, text| config.get(key).is_some_and(|value| value.contains(text));
    has("group.protocol", "consumer") || has("partition.assignment.strategy", "cooperative")
}

impl ClientContext for GroupContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.relay.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.relay.error(error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        // Only one topic is subscribed, so the number of a partition names it.
        let partitions = statistics.topics.values().flat_map(|topic| topic.partitions.values());
        let partitions = partitions.filter(|partition| partition.partition >= 0);
        let number = |partition: &PartitionStatistics| Partition(partition.partition);
        let known = partitions.clone().filter(|partition| partition.hi_offset >= 0);
        let is_polled = |partition: &&PartitionStatistics| {
            partition.fetch_state == "active" && partition.fetchq_cnt == 0
        };
        let polled = partitions.clone().filter(is_polled).filter(|of| of.next_offset >= 0);
        let bounds = |partition: &PartitionStatistics| {
            let log = Offset(partition.lo_offset)..Offset(partition.hi_offset);
            (number(partition), log)
        };
        let fetched_to =
            |partition: &PartitionStatistics| (number(partition), Offset(partition.next_offset));
        let mut logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        logs.partitions = known.map(bounds).collect();
        logs.all = partitions.map(number).collect();
        logs.fetched_to = polled.map(fetched_to).collect();
        logs.statistics_count += 1;
    }
}

impl ConsumerContext for GroupContext {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        error: RDKafkaRespErr,
        list: &mut TopicPartitionList,
    ) {
        let elements = list.elements();
        let partitions = elements.iter().map(|element| Partition(element.partition())).collect();
        let is_closing = self.is_closing.load(Ordering::Acquire);
        let answered = match error {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS if is_closing => {
                take_over(consumer, list)
            }
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => {
                self.report(GroupEvent::Assigned(partitions));
                Ok(())
            }
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS
                if !consumer.assignment_lost() && !is_closing =>
            {
                self.report(GroupEvent::Revoked(partitions));
                Ok(())
            }
            _ => {
                self.report(GroupEvent::Lost(partitions));
                give_back(consumer, list)
            }
        };
        if let Err(error) = answered {
            tracing::error!(%error, "a rebalance of the group could not be followed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_tells_how_partitions_are_assigned() {
        for (key, value, expected) in [
            ("partition.assignment.strategy", "cooperative-sticky", true),
            ("partition.assignment.strategy", "range,roundrobin", false),
            ("group.protocol", "consumer", true),
            ("group.protocol", "classic", false),
        ] {
            let config = ClientConfig::from_iter([(key.to_owned(), value.to_owned())]);
            assert_eq!(is_cooperative(&config), expected, "{key}={value}");
        }
    }
}
