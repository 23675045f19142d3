//! Writes dead letters; a record is complete only when the broker has its dead letter.

use std::time::Duration;

use jiff::Timestamp;
use linkrelay_common::kafka::RelayContext;
use linkrelay_common::metrics as names;
use linkrelay_common::topic::{self, TopicError};
use linkrelay_common::{DeadLetterHeaders, ErrorClass, LinkMessage};
use linkrelay_store::LinkDocument;
use metrics::counter;
use rdkafka::message::OwnedHeaders;
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};
use rdkafka::util::Timeout;

use crate::job::LinkJob;
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

    /// Gives up a record that cannot be read: key, value and headers go through unchanged. Tries
    /// until the broker has it.
    ///
    /// # Cancel safety
    /// When dropped, the dead letter may be there or not; the record is delivered again.
    pub(crate) async fn write_record(&self, record: &Record, reason: Reason<'_>) {
        let own = record.headers.clone().unwrap_or_default();
        let headers = with_reason(record, reason, own);
        self.write(record, &record.value, headers, reason.class).await;
    }

    /// Gives up one link for which there is no metadata to be had.
    pub(crate) async fn write_link(&self, job: &LinkJob, reason: Reason<'_>) {
        let only = (!job.is_whole_record).then(|| LinkMessage::one(&job.link, job.force));
        let index = job.place.request_id().is_none().then_some(job.place.index());
        self.write_one(&job.ticket.record, only, index, reason).await;
    }

    /// Gives up one link whose document the store refuses.
    pub(crate) async fn write_document(
        &self,
        record: &Record,
        document: &LinkDocument,
        reason: Reason<'_>,
    ) {
        let message = LinkMessage::decode(&record.value).ok();
        let several = message.filter(|message| message.links.len() > 1);
        let only = several.map(|message| LinkMessage::one(&document.link, message.force));
        let index = document.request_id.is_none().then_some(document.index);
        self.write_one(record, only, index, reason).await;
    }

    /// Of a record with several links, `only` the one that failed becomes a dead letter. `index`
    /// is said where the record's place names the document, so that a replay finds it.
    async fn write_one(
        &self,
        record: &Record,
        only: Option<LinkMessage>,
        index: Option<u32>,
        reason: Reason<'_>,
    ) {
        let mut headers = record.headers.clone().unwrap_or_default();
        if let Some(index) = index {
            headers = DeadLetterHeaders::with_index(&headers, index);
        }
        let headers = with_reason(record, reason, headers);
        match only {
            Some(message) => self.write(record, &message.encode(), headers, reason.class).await,
            None => self.write(record, &record.value, headers, reason.class).await,
        }
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
        origin: record.place(),
        failed_at: Timestamp::now(),
    };
    let headers = match record.written_at() {
        Some(at) => DeadLetterHeaders::with_submitted_at(headers, at),
        None => headers,
    };
    dead_letter.add_to(&headers)
}
