//! librdkafka's own queues: one for what the group decides, and one for each partition's records.
//!
//! A lane that is full is simply not read from: librdkafka then stops fetching for that partition
//! alone, and what it has fetched stays. Pausing would throw the fetched away, and after a resume
//! librdkafka looks at the partition again only up to a second later.
//!
//! It must not know what becomes of a record.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::{self, Thread};
use std::time::Duration;

use linkrelay_common::Partition;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;

use crate::context::{GroupContext, GroupEvent, give_back, take_over};
use crate::error::ConsumerError;
use crate::topic_id::TopicIdRequest;

/// A record in librdkafka's memory, or why there is none.
pub(crate) type Polled<'a> = KafkaResult<BorrowedMessage<'a>>;

/// The consumer and the queues of the partitions it has. Belongs to the thread that made it.
pub(crate) struct Queues {
    /// Before the consumer, which waits for them to be gone.
    partitions: BTreeMap<Partition, PartitionQueue<GroupContext>>,
    consumer: Arc<BaseConsumer<GroupContext>>,
    topic: Arc<str>,
    thread: Thread,
}

impl Queues {
    /// Whatever comes into any queue from now on ends a [`Queues::wait`] of the calling thread.
    pub(crate) fn new(mut consumer: BaseConsumer<GroupContext>, topic: Arc<str>) -> Self {
        let thread = thread::current();
        consumer.set_nonempty_callback(wake(&thread));
        Self { partitions: BTreeMap::new(), consumer: Arc::new(consumer), topic, thread }
    }

    /// The client itself.
    pub(crate) fn consumer(&self) -> &BaseConsumer<GroupContext> {
        &self.consumer
    }

    /// Asks the broker which topic has our topic's name.
    pub(crate) fn ask_for_topic_id(&self) -> TopicIdRequest {
        TopicIdRequest::ask(Arc::clone(&self.consumer), &self.topic)
    }

    /// Reads a partition from its beginning; what is fetched of it is thrown away.
    ///
    /// # Errors
    /// If librdkafka refuses.
    pub(crate) fn seek_to_beginning(&self, partition: Partition) -> KafkaResult<()> {
        self.consumer.seek(&self.topic, partition.0, rdkafka::Offset::Beginning, Duration::ZERO)
    }

    /// Joins the group.
    pub(crate) fn subscribe(&self) -> KafkaResult<()> {
        self.consumer.subscribe(&[&self.topic])
    }

    /// Lets librdkafka call back. Records do not come this way: each partition has been given a
    /// queue before the first of them was fetched. So one that does is a bug, and going on would
    /// lose it.
    ///
    /// # Errors
    /// For a record that no queue of a partition has taken.
    pub(crate) fn poll_group(&self) -> Result<Option<KafkaError>, ConsumerError> {
        match self.consumer.poll(Duration::ZERO) {
            None => Ok(None),
            Some(Err(error)) => Ok(Some(error)),
            Some(Ok(_)) => Err(ConsumerError::Died("the queue of a partition")),
        }
    }

    /// Judges an error of a poll: librdkafka goes on by itself after most.
    ///
    /// # Errors
    /// If this consumer can never work again.
    pub(crate) fn report(&self, error: &KafkaError) -> Result<(), ConsumerError> {
        let topic = &self.topic;
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::Fatal) => return Err(self.fatal_error(error)),
            // The watch of the broker and its topics reports these, once a while.
            Some(
                RDKafkaErrorCode::AllBrokersDown
                | RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::UnknownTopic
                // Is waited for, and reported as the group's trouble.
                | RDKafkaErrorCode::UnreleasedInstanceId
                | RDKafkaErrorCode::FencedInstanceId,
            ) => {}
            _ => tracing::warn!(%topic, %error, "a poll failed; it will be tried again"),
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

    /// What the group decided, in order.
    pub(crate) fn next_event(&self) -> Option<GroupEvent> {
        self.consumer.context().next_event()
    }

    /// The partition's next record, if one is there.
    pub(crate) fn poll_partition(&self, partition: Partition) -> Option<Polled<'_>> {
        self.partitions.get(&partition)?.poll(Duration::ZERO)
    }

    /// Takes partitions over from these offsets, each with a queue of its own.
    ///
    /// The offsets are given, because librdkafka 2.12.1 may leave a partition for ever where it is
    /// if its own question for the committed one fails (`rd_kafka_assignment_handle_OffsetFetch`).
    ///
    /// # Errors
    /// If librdkafka refuses.
    pub(crate) fn take_over(
        &mut self,
        offsets: &[(Partition, rdkafka::Offset)],
    ) -> KafkaResult<()> {
        let mut list = TopicPartitionList::with_capacity(offsets.len());
        for (partition, offset) in offsets {
            // Before the partition is taken over, so that none of its records goes another way.
            let queue = self.consumer.split_partition_queue(&self.topic, partition.0);
            if let Some(mut queue) = queue {
                queue.set_nonempty_callback(wake(&self.thread));
                self.partitions.insert(*partition, queue);
            }
            list.add_partition_offset(&self.topic, partition.0, *offset)?;
        }
        take_over(&self.consumer, &list)
    }

    /// Gives partitions back; what is fetched of them is thrown away.
    ///
    /// # Errors
    /// If librdkafka refuses.
    pub(crate) fn give_back(&mut self, partitions: &[Partition]) -> KafkaResult<()> {
        self.forget(partitions);
        give_back(&self.consumer, &self.list(partitions))
    }

    /// For partitions that are not ours any more.
    pub(crate) fn forget(&mut self, partitions: &[Partition]) {
        self.partitions.retain(|partition, _| !partitions.contains(partition));
    }

    /// Waits until something comes, and no longer than `timeout`.
    pub(crate) fn wait(&self, timeout: Duration) {
        thread::park_timeout(timeout);
    }

    /// These partitions of our topic.
    pub(crate) fn list(&self, partitions: &[Partition]) -> TopicPartitionList {
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for partition in partitions {
            list.add_partition(&self.topic, partition.0);
        }
        list
    }
}

/// Runs on librdkafka's threads, with the queue locked: so it only leaves a word.
fn wake(thread: &Thread) -> impl Fn() + Send + Sync + 'static {
    let thread = thread.clone();
    move || thread.unpark()
}
