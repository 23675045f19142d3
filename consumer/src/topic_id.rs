//! Notices that the topic was deleted and created again under the running group.
//!
//! Then the same offsets are other records, and librdkafka 2.12.1 reads on from where it was
//! (`rd_kafka_topic_metadata_update0` takes the new id and resets no offset): whatever the new log
//! holds below that is never read. Only the topic's id (KIP-516) tells the two topics apart, and
//! rust-rdkafka has no call for it; so it is asked for here, without waiting for the answer.
#![expect(unsafe_code, reason = "rust-rdkafka has no safe call for a topic's id")]

use std::ffi::CString;
use std::ptr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::bindings as native;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::types::RDKafkaRespErr;

use crate::context::GroupContext;

/// Between an answer and the next question.
const INTERVAL: Duration = Duration::from_secs(1);

/// A topic's id, as two halves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TopicId(i64, i64);

/// Asks for the topic's id, now and again. Belongs to the poll thread.
pub(crate) struct TopicIdWatch {
    topic: CString,
    known: Option<TopicId>,
    /// `None` while an answer is awaited.
    next_question: Option<Instant>,
    /// Where answers come. Destroyed before `consumer` goes, which it belongs to.
    answers: *mut native::rd_kafka_queue_t,
    consumer: Arc<BaseConsumer<GroupContext>>,
}

impl TopicIdWatch {
    pub(crate) fn new(consumer: Arc<BaseConsumer<GroupContext>>, topic: &str) -> Self {
        // SAFETY: the client is alive, and stays so for as long as this value has it.
        let answers = unsafe { native::rd_kafka_queue_new(consumer.client().native_ptr()) };
        Self {
            // A topic's name has no zero byte: `KAFKA_TOPIC` is checked.
            topic: CString::new(topic).unwrap_or_default(),
            known: None,
            next_question: Some(Instant::now()),
            answers,
            consumer,
        }
    }

    /// The topic's id, if it is another than the known one; told again until it is
    /// [known](Self::knows). Never waits.
    pub(crate) fn new_topic(&mut self) -> Option<TopicId> {
        match self.next_question {
            Some(at) if at > Instant::now() => None,
            Some(_) => {
                self.ask();
                None
            }
            None => self.take_answer(),
        }
    }

    /// From now on this one is read.
    pub(crate) fn knows(&mut self, id: TopicId) {
        self.known = Some(id);
    }

    fn ask(&mut self) {
        let mut names = [self.topic.as_ptr()];
        // SAFETY: the names are copied by the first call, the collection is destroyed after the
        // second, which copies it as well, and null stands for the default options.
        unsafe {
            let topics =
                native::rd_kafka_TopicCollection_of_topic_names(names.as_mut_ptr(), names.len());
            native::rd_kafka_DescribeTopics(
                self.consumer.client().native_ptr(),
                topics,
                ptr::null(),
                self.answers,
            );
            native::rd_kafka_TopicCollection_destroy(topics);
        }
        self.next_question = None;
    }

    fn take_answer(&mut self) -> Option<TopicId> {
        // SAFETY: the queue is alive; the event is ours, and destroyed when it was read.
        let answered = unsafe {
            let event = native::rd_kafka_queue_poll(self.answers, 0);
            if event.is_null() {
                return None;
            }
            let id = id_of(event);
            native::rd_kafka_event_destroy(event);
            id
        };
        self.next_question = Some(Instant::now() + INTERVAL);
        // A topic that is away for a moment, or a broker that knows no ids, says nothing.
        let id = answered?;
        let known = *self.known.get_or_insert(id);
        (known != id).then_some(id)
    }
}

/// The id of the one topic that was asked for, if the broker has it.
///
/// # Safety
/// The event must be alive.
unsafe fn id_of(event: *mut native::rd_kafka_event_t) -> Option<TopicId> {
    // SAFETY: everything that is read belongs to the event, and null means that it is not there.
    unsafe {
        let result = native::rd_kafka_event_DescribeTopics_result(event);
        if result.is_null()
            || native::rd_kafka_event_error(event) != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR
        {
            return None;
        }
        let mut count = 0;
        let topics = native::rd_kafka_DescribeTopics_result_topics(result, &raw mut count);
        if topics.is_null() || count == 0 {
            return None;
        }
        let error = native::rd_kafka_TopicDescription_error(*topics);
        if native::rd_kafka_error_code(error) != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
            return None;
        }
        let id = native::rd_kafka_TopicDescription_topic_id(*topics);
        let id = TopicId(
            native::rd_kafka_Uuid_most_significant_bits(id),
            native::rd_kafka_Uuid_least_significant_bits(id),
        );
        (id != TopicId(0, 0)).then_some(id)
    }
}

impl Drop for TopicIdWatch {
    fn drop(&mut self) {
        // SAFETY: made by `new`, destroyed once, and before the client that it belongs to.
        unsafe { native::rd_kafka_queue_destroy(self.answers) };
    }
}
