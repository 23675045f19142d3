//! librdkafka's own queues: one for the events of the group, and one for the records of each
//! partition.
//!
//! A partition whose lane is full is not read: librdkafka then stops fetching for that partition
//! alone, and keeps what it has fetched. A pause would discard what was fetched, and after a resume
//! librdkafka serves the partition only up to a second later.
//!
//! It must not know: what happens to a record.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::{self, Thread};
use std::time::Duration;

use linkrelay_common::{Offset, Partition};
use rdkafka::TopicPartitionList;
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;

use crate::context::{GroupContext, GroupEvent, give_back, take_over};
use crate::error::ConsumerError;
use crate::lookup::{Lookup, Lookups};
use crate::topic_id::TopicIdRequest;

/// A record in librdkafka's memory, or the error of the poll.
pub(crate) type Polled<'a> = KafkaResult<BorrowedMessage<'a>>;

/// The consumer and the queues of its partitions. Owned by the thread that made it.
pub(crate) struct Queues {
    /// Declared first: they end before the client is dropped.
    lookups: Lookups,
    /// Declared before the consumer, whose drop waits until they are dropped.
    partitions: BTreeMap<Partition, PartitionQueue<GroupContext>>,
    consumer: Arc<BaseConsumer<GroupContext>>,
    topic: Arc<str>,
    thread: Thread,
}

impl Queues {
    /// Makes the queues of the calling thread: what comes into any of them ends its
    /// [`Queues::wait`].
    pub(crate) fn new(mut consumer: BaseConsumer<GroupContext>, topic: Arc<str>) -> Self {
        let thread = thread::current();
        consumer.set_nonempty_callback(wake(&thread));
        Self {
            lookups: Lookups::default(),
            partitions: BTreeMap::new(),
            consumer: Arc::new(consumer),
            topic,
            thread,
        }
    }

    /// Returns the client.
    pub(crate) fn consumer(&self) -> &BaseConsumer<GroupContext> {
        &self.consumer
    }

    /// Requests the id of the topic from the broker.
    pub(crate) fn ask_for_topic_id(&self) -> TopicIdRequest {
        TopicIdRequest::ask(Arc::clone(&self.consumer), &self.topic)
    }

    /// Begins to look up commits and logs of these partitions. The answer wakes the thread.
    pub(crate) fn look_up(&mut self, partitions: &[Partition]) -> Lookup {
        let list = self.list(partitions);
        self.lookups.begin(Arc::clone(&self.consumer), list, wake(&self.thread))
    }

    /// Reads a partition from its beginning; what was fetched of it is discarded.
    ///
    /// # Errors
    /// If librdkafka refuses to seek.
    pub(crate) fn seek_to_beginning(&self, partition: Partition) -> KafkaResult<()> {
        self.consumer.seek(&self.topic, partition.0, rdkafka::Offset::Beginning, Duration::ZERO)
    }

    /// Joins the group.
    ///
    /// # Errors
    /// If librdkafka refuses to subscribe.
    pub(crate) fn subscribe(&self) -> KafkaResult<()> {
        self.consumer.subscribe(&[&self.topic])
    }

    /// Lets librdkafka call back, and returns the error of the poll, if there is one. Each
    /// partition gets its queue before its first record is fetched, so a record that comes from
    /// this poll is a bug, and would be lost.
    ///
    /// # Errors
    /// [`ConsumerError::Died`] for a record that came outside the queue of its partition.
    pub(crate) fn poll_group(&self) -> Result<Option<KafkaError>, ConsumerError> {
        match self.consumer.poll(Duration::ZERO) {
            None => Ok(None),
            Some(Err(error)) => Ok(Some(error)),
            Some(Ok(_)) => Err(ConsumerError::Died("the queue of a partition")),
        }
    }

    /// Logs the error of a poll: after most of them, librdkafka continues on its own.
    ///
    /// # Errors
    /// [`ConsumerError`] if this consumer can never work again.
    pub(crate) fn report(&self, error: &KafkaError) -> Result<(), ConsumerError> {
        let topic = &self.topic;
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::Fatal) => return Err(self.fatal_error(error)),
            // The watch of the broker and its topics reports these periodically.
            Some(
                RDKafkaErrorCode::AllBrokersDown
                | RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::UnknownTopic
                // These two are retried, and reported as failures of the group.
                | RDKafkaErrorCode::UnreleasedInstanceId
                | RDKafkaErrorCode::FencedInstanceId,
            ) => {}
            _ => tracing::warn!(%topic, %error, "a poll of the topic failed; it will be retried"),
        }
        if matches!(error, KafkaError::MessageConsumptionFatal(_)) {
            Err(self.fatal_error(error))
        } else {
            Ok(())
        }
    }

    fn fatal_error(&self, error: &KafkaError) -> ConsumerError {
        match self.consumer.client().fatal_error() {
            Some((
                RDKafkaErrorCode::UnreleasedInstanceId | RDKafkaErrorCode::FencedInstanceId,
                _,
            )) => ConsumerError::InstanceIdInUse,
            Some((_, reason)) => ConsumerError::Fatal(reason),
            None => ConsumerError::Fatal(error.to_string()),
        }
    }

    /// Returns the next event of the group, in order.
    pub(crate) fn next_event(&self) -> Option<GroupEvent> {
        self.consumer.context().next_event()
    }

    /// Returns the next record of the partition, or the error of the poll, if there is one.
    pub(crate) fn poll_partition(&self, partition: Partition) -> Option<Polled<'_>> {
        self.partitions.get(&partition)?.poll(Duration::ZERO)
    }

    /// Takes partitions over, each with its own queue. A partition is read from its offset, or from
    /// `without_commit`.
    ///
    /// The offsets are always named, because librdkafka 2.12.1 may never read a partition for which
    /// its own request for the commit fails (`rd_kafka_assignment_handle_OffsetFetch`).
    ///
    /// # Errors
    /// If librdkafka refuses to assign.
    pub(crate) fn take_over(
        &mut self,
        firsts: &[(Partition, Option<Offset>)],
        without_commit: rdkafka::Offset,
    ) -> KafkaResult<()> {
        let mut list = TopicPartitionList::with_capacity(firsts.len());
        for (partition, first) in firsts {
            // Before the partition is taken over, so that all of its records go to this queue.
            let queue = self.consumer.split_partition_queue(&self.topic, partition.0);
            if let Some(mut queue) = queue {
                queue.set_nonempty_callback(wake(&self.thread));
                self.partitions.insert(*partition, queue);
            }
            let offset = first.map_or(without_commit, |first| rdkafka::Offset::Offset(first.0));
            list.add_partition_offset(&self.topic, partition.0, offset)?;
        }
        take_over(&self.consumer, &list)
    }

    /// Gives partitions back; what was fetched of them is discarded.
    ///
    /// # Errors
    /// If librdkafka refuses to unassign.
    pub(crate) fn give_back(&mut self, partitions: &[Partition]) -> KafkaResult<()> {
        self.drop_queues(partitions);
        give_back(&self.consumer, &self.list(partitions))
    }

    /// Drops the queues of partitions that this consumer no longer has.
    pub(crate) fn drop_queues(&mut self, partitions: &[Partition]) {
        self.partitions.retain(|partition, _| !partitions.contains(partition));
    }

    /// Waits until something comes into a queue, for at most `timeout`.
    pub(crate) fn wait(&self, timeout: Duration) {
        thread::park_timeout(timeout);
    }

    /// Returns these partitions of the topic as a list for rdkafka.
    fn list(&self, partitions: &[Partition]) -> TopicPartitionList {
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for partition in partitions {
            list.add_partition(&self.topic, partition.0);
        }
        list
    }
}

/// Returns what wakes the thread. It runs on librdkafka's threads, with the queue locked, so it
/// must not do more than that.
fn wake(thread: &Thread) -> impl Fn() + Send + Sync + 'static {
    let thread = thread.clone();
    move || thread.unpark()
}
