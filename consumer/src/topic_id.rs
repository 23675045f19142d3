//! The id of the topic, because a topic can be deleted and created again while the group reads it.
//!
//! Then the same offsets are other records, and librdkafka 2.12.1 continues from the old offset
//! (`rd_kafka_topic_metadata_update0` takes the new id and resets no offset): the records of the
//! new log below it are never read. Only the topic's id (KIP-516) distinguishes the two topics, and
//! rust-rdkafka has no call for it, so it is requested here. The caller chooses whether to wait.
#![expect(unsafe_code, reason = "rust-rdkafka has no safe call for a topic's id")]

use std::ffi::CString;
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::bindings as native;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::types::{RDKafkaErrorCode, RDKafkaRespErr};

use crate::context::GroupContext;

/// How long the broker may take to answer. Far below every time-out of the group.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);

/// A topic's id, as two halves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TopicId(i64, i64);

/// The broker's answer about the topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TopicIdAnswer {
    /// The topic has this id.
    Id(TopicId),
    /// The broker gives topics no ids: it is older than Kafka 2.8.
    HasNoId,
    /// There is no answer, for this reason: the topic does not exist, or the broker is unreachable.
    Failed(String),
}

impl Default for TopicIdAnswer {
    fn default() -> Self {
        Self::Failed("the broker did not answer in time which id the topic has".to_owned())
    }
}

/// A request to the broker, sent when it is made. An answer that comes after its drop is discarded.
pub(crate) struct TopicIdRequest {
    /// The queue of the answer. It belongs to the client, so it is destroyed before the client is.
    answers: *mut native::rd_kafka_queue_t,
    _consumer: Arc<BaseConsumer<GroupContext>>,
}

impl TopicIdRequest {
    /// Requests the id of this topic.
    pub(crate) fn ask(consumer: Arc<BaseConsumer<GroupContext>>, topic: &str) -> Self {
        // A topic's name has no zero byte: `KAFKA_TOPIC` is checked.
        let topic = CString::new(topic).unwrap_or_default();
        let mut names = [topic.as_ptr()];
        let timeout_ms = i32::try_from(ANSWER_TIMEOUT.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: this value holds the client, so it stays alive. The first call that takes the
        // names copies them; options and collection are destroyed after DescribeTopics, which
        // copies both. The buffer for an error's text is null with length 0, which is allowed.
        unsafe {
            let client = consumer.client().native_ptr();
            let answers = native::rd_kafka_queue_new(client);
            let options = native::rd_kafka_AdminOptions_new(
                client,
                native::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS,
            );
            native::rd_kafka_AdminOptions_set_request_timeout(
                options,
                timeout_ms,
                ptr::null_mut(),
                0,
            );
            let topics =
                native::rd_kafka_TopicCollection_of_topic_names(names.as_mut_ptr(), names.len());
            native::rd_kafka_DescribeTopics(client, topics, options, answers);
            native::rd_kafka_TopicCollection_destroy(topics);
            native::rd_kafka_AdminOptions_destroy(options);
            Self { answers, _consumer: consumer }
        }
    }

    /// Returns the answer, once, if the broker has given it.
    pub(crate) fn answer(&self) -> Option<TopicIdAnswer> {
        self.take(Duration::ZERO)
    }

    /// Waits for the answer, and blocks for up to [`ANSWER_TIMEOUT`].
    pub(crate) fn wait(&self) -> TopicIdAnswer {
        self.take(ANSWER_TIMEOUT).unwrap_or_default()
    }

    fn take(&self, timeout: Duration) -> Option<TopicIdAnswer> {
        let timeout_ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: the queue is alive; this function owns the event, and destroys it once read.
        unsafe {
            let event = native::rd_kafka_queue_poll(self.answers, timeout_ms);
            if event.is_null() {
                return None;
            }
            let answer = read(event);
            native::rd_kafka_event_destroy(event);
            Some(answer)
        }
    }
}

/// Reads the answer about the one topic that was requested.
///
/// # Safety
/// The event must be alive.
unsafe fn read(event: *mut native::rd_kafka_event_t) -> TopicIdAnswer {
    let no_error = RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR;
    let failed = |code: RDKafkaRespErr| match RDKafkaErrorCode::from(code) {
        RDKafkaErrorCode::UnsupportedFeature => TopicIdAnswer::HasNoId,
        code => TopicIdAnswer::Failed(code.to_string()),
    };
    // SAFETY: everything that is read belongs to the event, and each pointer is checked for null.
    unsafe {
        let code = native::rd_kafka_event_error(event);
        if code != no_error {
            return failed(code);
        }
        let result = native::rd_kafka_event_DescribeTopics_result(event);
        if result.is_null() {
            return TopicIdAnswer::default();
        }
        let mut count = 0;
        let topics = native::rd_kafka_DescribeTopics_result_topics(result, &raw mut count);
        if topics.is_null() || count == 0 {
            return TopicIdAnswer::default();
        }
        let code = native::rd_kafka_error_code(native::rd_kafka_TopicDescription_error(*topics));
        if code != no_error {
            return failed(code);
        }
        let id = native::rd_kafka_TopicDescription_topic_id(*topics);
        let id = TopicId(
            native::rd_kafka_Uuid_most_significant_bits(id),
            native::rd_kafka_Uuid_least_significant_bits(id),
        );
        if id == TopicId(0, 0) { TopicIdAnswer::HasNoId } else { TopicIdAnswer::Id(id) }
    }
}

impl Drop for TopicIdRequest {
    fn drop(&mut self) {
        // SAFETY: `ask` made the queue; it is destroyed once, and before the client it belongs to.
        unsafe { native::rd_kafka_queue_destroy(self.answers) };
    }
}
