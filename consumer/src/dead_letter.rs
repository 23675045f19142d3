//! Writes dead letters; a record is complete only when the broker has its dead letter.

use std::time::Duration;

use jiff::Timestamp;
use linkrelay_common::kafka::RelayContext;
use linkrelay_common::metrics as names;
use linkrelay_common::topic::{self, TopicError};
use linkrelay_common::{DeadLetterHeaders, ErrorClass, LinkMessage};
use metrics::counter;
use rdkafka::message::OwnedHeaders;
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};
use rdkafka::util::Timeout;

use crate::process::LinkJob;
use crate::record::Record;
use crate::retry::waits_for_ever;

const BACKOFF_MIN: Duration = Duration::from_millis(200);
const BACKOFF_MAX: Duration = Duration::from_secs(10);

/// Why something is given up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reason<'a> {
    pub(crate) class: ErrorClass,
    pub(crate) error: &'a str,
    pub(crate) attempts: u32,
}

/// The writer of the dead-letter topic.
pub(crate) struct DeadLetters {
    producer: FutureProducer<RelayContext>,
    topic: String,
}

impl std::fmt::Debug for DeadLetters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeadLetters").field("topic", &self.topic).finish_non_exhaustive()
    }
}

impl DeadLetters {
    pub(crate) fn new(producer: FutureProducer<RelayContext>, topic: String) -> Self {
        Self { producer, topic }
    }

    /// Gives up a whole record: key, value and headers go through unchanged. Tries until the
    /// broker has it.
    ///
    /// # Cancel safety
    /// When dropped, the dead letter may be there or not; the record is delivered again.
    pub(crate) async fn write_record(&self, record: &Record, reason: Reason<'_>) {
        let headers = with_reason(record, reason, record.headers.clone().unwrap_or_default());
        self.write(record, &record.value, headers, reason.class).await;
    }

    /// Gives up one link. Of a record with several links, only this one becomes a dead letter,
    /// with its index.
    pub(crate) async fn write_link(&self, job: &LinkJob, reason: Reason<'_>) {
        let record = &job.ticket.record;
        if job.is_whole_record {
            return self.write_record(record, reason).await;
        }
        let own = record.headers.clone().unwrap_or_default();
        let headers = with_reason(record, reason, DeadLetterHeaders::with_index(own, job.index));
        let value = LinkMessage::one(&job.link, job.force).encode();
        self.write(record, &value, headers, reason.class).await;
    }

    /// Asks the broker for a topic. Blocks: not for an async worker thread.
    pub(crate) fn describe(&self, topic: &str, timeout: Duration) -> Result<(), TopicError> {
        topic::describe(self.producer.client(), topic, timeout).map(|_| ())
    }

    /// Waits until nothing is on its way, up to `timeout`. Blocks: not for an async worker thread.
    pub(crate) fn flush(&self, timeout: Duration) {
        if let Err(error) = self.producer.flush(timeout) {
            tracing::warn!(topic = self.topic, %error, "dead letters on their way at the end");
        }
    }

    async fn write(&self, record: &Record, value: &[u8], headers: OwnedHeaders, class: ErrorClass) {
        for wait in waits_for_ever(BACKOFF_MIN, BACKOFF_MAX) {
            let mut dead_letter =
                FutureRecord::to(&self.topic).payload(value).headers(headers.clone());
            if let Some(key) = &record.key {
                dead_letter = dead_letter.key(key);
            }
            match self
                .producer
                .send::<Vec<u8>, [u8], _>(dead_letter, Timeout::After(Duration::ZERO))
                .await
            {
                Ok(_) => {
                    counter!(names::DEAD_LETTERS, "class" => class.as_str()).increment(1);
                    return;
                }
                Err((error, _)) => tracing::warn!(
                    topic = self.topic, origin_partition = record.partition, origin_offset = record.offset, %error,
                    "a dead letter could not be written, trying again"
                ),
            }
            tokio::time::sleep(wait).await;
        }
    }
}

fn with_reason(record: &Record, reason: Reason<'_>, headers: OwnedHeaders) -> OwnedHeaders {
    let dead_letter = DeadLetterHeaders {
        class: reason.class,
        error: reason.error.to_owned(),
        attempts: reason.attempts,
        topic: record.topic.to_string(),
        partition: record.partition,
        offset: record.offset,
        failed_at: Timestamp::now(),
    };
    dead_letter.add_to(headers)
}
