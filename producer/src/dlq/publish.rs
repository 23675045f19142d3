//! Publishes dead letters to the topic of links, each acknowledged by every in-sync replica; or
//! marks their rows, for `up` to publish them.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use linkrelay_common::DocumentId;
use linkrelay_kafka::publish::TopicProducer;
use linkrelay_kafka::{DeadLetterHeaders, KafkaSettings, RecordHeaders};
use linkrelay_store::sqlite::{LetterRow, SqliteStore};
use linkrelay_telemetry::{Span, is_on, spans};
use rdkafka::error::KafkaError;
use rdkafka::message::OwnedHeaders;
use rdkafka::types::RDKafkaErrorCode;
use tokio::time::Instant;

use super::asking::Asking;
use super::error::DlqError;
use super::letter::{DeadLetter, RawLetter};
use super::pages::Candidate;
use super::source::LetterSource;

/// How long the broker may take to acknowledge a record.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(30);
const DESCRIBE_TIMEOUT: Duration = Duration::from_secs(15);
/// The time between two attempts to queue a record while the producer's queue is full.
const QUEUE_FULL_PAUSE: Duration = Duration::from_millis(100);

/// Where dead letters are replayed to.
pub(super) enum ReplayTarget {
    Topic(Publisher),
    Rows(Arc<SqliteStore>),
}

impl ReplayTarget {
    /// Opens the topic of links, or takes the rows of the embedded mode. Blocks.
    ///
    /// # Errors
    /// If the topic does not exist, or the broker does not answer.
    pub(super) fn open(source: &LetterSource, asking: Asking<'_>) -> Result<Self, DlqError> {
        Ok(match source {
            LetterSource::Topic(kafka) => {
                Self::Topic(Publisher::connect_within(kafka, asking.answer_limit()?)?)
            }
            LetterSource::Rows(file) => Self::Rows(Arc::clone(file)),
        })
    }

    /// Replays all candidates. Returns their results in the same order.
    pub(super) async fn send(&self, candidates: &[Candidate]) -> Vec<Result<(), DlqError>> {
        match self {
            Self::Topic(publisher) => {
                let results = publisher.publish(candidates).await;
                results.into_iter().map(|result| result.map_err(Into::into)).collect()
            }
            Self::Rows(file) => {
                let positions: Vec<i64> =
                    candidates.iter().map(|candidate| candidate.letter.offset).collect();
                let marked = file.letters_mark(positions).await;
                let done = || {
                    let doing = "marking dead letters";
                    marked.clone().map_err(|source| DlqError::Store { doing, source })
                };
                candidates.iter().map(|_| done()).collect()
            }
        }
    }
}

/// Publishes to the topic of links.
#[derive(Debug)]
pub struct Publisher(TopicProducer);

impl Publisher {
    /// Connects, and asks the broker about the topic. Blocks.
    ///
    /// # Errors
    /// If the topic does not exist, or the broker does not answer.
    pub fn connect(kafka: &KafkaSettings) -> Result<Self, DlqError> {
        Self::connect_within(kafka, DESCRIBE_TIMEOUT)
    }

    fn connect_within(kafka: &KafkaSettings, limit: Duration) -> Result<Self, DlqError> {
        kafka.validate_clients()?;
        let producer = TopicProducer::new(kafka, &kafka.kafka_topic, DELIVERY_TIMEOUT)?;
        let described = producer.describe(limit);
        described.map_err(|source| {
            let asked = format!("asking {}", kafka.brokers());
            DlqError::Asking { asked, source }
        })?;
        Ok(Self(producer))
    }

    /// Publishes all candidates. Returns their results in the same order.
    ///
    /// # Cancel safety
    /// If it is dropped, records that were sent may still be published.
    async fn publish(&self, candidates: &[Candidate]) -> Vec<Result<(), KafkaError>> {
        join_all(candidates.iter().map(|candidate| self.send(candidate))).await
    }

    /// Returns the ids of the documents of the links in a row.
    pub fn document_ids(row: &LetterRow) -> Vec<DocumentId> {
        candidate(row.clone()).document_ids()
    }

    /// Publishes the dead letter in a row; it is in the topic when this succeeds.
    ///
    /// # Errors
    /// The error of librdkafka if the broker does not accept the record.
    ///
    /// # Cancel safety
    /// If the call is dropped, the record may still arrive.
    pub async fn publish_row(&self, row: LetterRow) -> Result<(), KafkaError> {
        self.send(&candidate(row)).await
    }

    async fn send(&self, candidate: &Candidate) -> Result<(), KafkaError> {
        let RawLetter { key, value, headers, .. } = &candidate.record;
        let (span, headers) = self.traced(headers, candidate.letter.document_id.as_ref());
        let enqueue =
            || self.0.send(key.as_deref(), value.as_deref(), headers.clone(), span.clone());
        let deadline = Instant::now() + DELIVERY_TIMEOUT;
        let mut sent = enqueue();
        while matches!(sent, Err(RDKafkaErrorCode::QueueFull)) && Instant::now() < deadline {
            tokio::time::sleep(QUEUE_FULL_PAUSE).await;
            sent = enqueue();
        }
        let acknowledged = match sent {
            Ok(acknowledgement) => acknowledgement.await,
            Err(code) => {
                span.failed(format!("{code:?}"), code);
                Err(code)
            }
        };
        acknowledged.map_err(KafkaError::MessageProduction)
    }

    /// Begins the span of a replay: a new trace, which its record carries on, with a link to the
    /// one that the dead letter kept. A process that records no spans leaves that as it is.
    fn traced(&self, headers: &OwnedHeaders, id: Option<&DocumentId>) -> (Span, OwnedHeaders) {
        if !is_on() {
            return (Span::default(), headers.clone());
        }
        let old = RecordHeaders::read(headers).trace_parent;
        let span = spans::send_again(old, self.0.topic(), id);
        let context = span.context();
        let carrying = context.map(|context| DeadLetterHeaders::with_trace(headers, context));
        (span, carrying.unwrap_or_else(|| headers.clone()))
    }
}

fn candidate(row: LetterRow) -> Candidate {
    let raw = RawLetter::of_row(row);
    Candidate::new(DeadLetter::read(&raw), raw)
}
