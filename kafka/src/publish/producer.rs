//! A librdkafka producer of one topic: links, dead letters and replays all go through it.
//!
//! `ThreadedProducer` and not `FutureProducer`: the same poll thread, but the answer goes
//! directly into linkrelay's own future, without a copy of the record.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use linkrelay_common::SettingsError;
use linkrelay_telemetry::Span;
use rdkafka::ClientContext;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::error::KafkaError;
use rdkafka::message::OwnedHeaders;
use rdkafka::producer::{
    BaseRecord, DeliveryResult, NoCustomPartitioner, Producer, ProducerContext, ThreadedProducer,
};
use rdkafka::types::RDKafkaErrorCode;
use tokio::sync::oneshot;

use crate::topic::{self, TopicError};
use crate::{KafkaSettings, RelayContext, unknown_key};

/// Publishes to one topic, each record once, acknowledged by all in-sync replicas. Cheap to clone;
/// all clones share one producer.
#[derive(Clone)]
pub struct TopicProducer {
    producer: Arc<ThreadedProducer<AckContext>>,
    topic: Arc<str>,
}

impl TopicProducer {
    /// Makes a producer that gives a record up after `delivery_timeout`. It asks no broker yet.
    ///
    /// # Errors
    /// [`SettingsError`] for `KAFKA_CONFIG` if librdkafka refuses a setting.
    pub fn new(
        kafka: &KafkaSettings,
        topic: &str,
        delivery_timeout: Duration,
    ) -> Result<Self, SettingsError> {
        let config = kafka.producer(delivery_timeout);
        let context = AckContext(RelayContext::new(kafka));
        let producer = ThreadedProducer::from_config_and_context(&config, context);
        let producer = Arc::new(producer.map_err(|error| unknown_key(&error))?);
        Ok(Self { producer, topic: topic.into() })
    }

    /// Returns the topic to which it publishes.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// Hands a record over; never blocks. The future is ready when the broker has the record, or
    /// never will have it; the span shows that.
    ///
    /// # Errors
    /// The code of librdkafka if the record was not taken: it will never arrive.
    pub fn send(
        &self,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: OwnedHeaders,
        span: Span,
    ) -> Result<AckFuture, RDKafkaErrorCode> {
        let (sender, future) = AckFuture::pair();
        let sender = AckSender { span, ..sender };
        let mut record = BaseRecord::<[u8], [u8], _>::with_opaque_to(&self.topic, Box::new(sender))
            .headers(headers);
        record.key = key;
        record.payload = value;
        match self.producer.send(record) {
            Ok(()) => Ok(future),
            Err((error, _)) => Err(code_of(&error)),
        }
    }

    /// Checks whether the broker answers and has the topic. Blocks for up to `timeout`, so it must
    /// not be called on an async worker thread.
    ///
    /// # Errors
    /// The same as of [`topic::describe`], with the reason if the broker is unreachable.
    pub fn describe(&self, timeout: Duration) -> Result<(), TopicError> {
        let client = self.producer.client();
        let described = topic::describe(client, &self.topic, timeout);
        topic::explained(&client.context().0, described).map(drop)
    }

    /// Like [`describe`](Self::describe), but for an async worker thread.
    ///
    /// # Errors
    /// The same as of [`describe`](Self::describe).
    pub async fn check(&self, timeout: Duration) -> Result<(), TopicError> {
        let producer = self.clone();
        let described = tokio::task::spawn_blocking(move || producer.describe(timeout)).await;
        // It fails only if the runtime ends, and then nothing reads the answer.
        described.map_err(|_| KafkaError::Canceled)?
    }

    /// Returns why this producer will never work again; `None` if it works. Only a new process
    /// fixes it.
    pub fn fatal_error(&self) -> Option<String> {
        self.producer.client().fatal_error().map(|(code, reason)| format!("{code}: {reason}"))
    }

    /// Returns how many records wait for their acknowledgement.
    pub fn in_flight_count(&self) -> usize {
        usize::try_from(self.producer.in_flight_count()).unwrap_or(0)
    }

    /// Waits until everything that was sent has its answer, for up to `timeout`. Returns how many
    /// records have none then.
    pub async fn flush(&self, timeout: Duration) -> usize {
        let producer = self.clone();
        let flush = move || match producer.producer.flush(timeout) {
            Ok(()) => 0,
            Err(_) => producer.in_flight_count(),
        };
        // It fails only if the runtime ends.
        tokio::task::spawn_blocking(flush).await.unwrap_or(0)
    }
}

impl fmt::Debug for TopicProducer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TopicProducer").field("topic", &self.topic).finish_non_exhaustive()
    }
}

/// The second step of publishing: ready when the broker has the record, or never will have it. An
/// answer that will never come is [`RDKafkaErrorCode::PurgeQueue`], as of a producer that ended.
#[derive(Debug)]
pub struct AckFuture(oneshot::Receiver<Result<(), RDKafkaErrorCode>>);

/// The other end of an [`AckFuture`].
#[derive(Debug)]
pub struct AckSender {
    sender: oneshot::Sender<Result<(), RDKafkaErrorCode>>,
    /// The sending of the record.
    span: Span,
}

impl AckFuture {
    /// Makes a future and the sender that makes it ready.
    pub fn pair() -> (AckSender, Self) {
        let (sender, receiver) = oneshot::channel();
        (AckSender { sender, span: Span::default() }, Self(receiver))
    }
}

impl AckSender {
    /// Sends the answer for the record, if it is still awaited.
    pub fn answer(self, answer: Result<(), RDKafkaErrorCode>) {
        if let Err(code) = answer {
            failed(&self.span, code);
        }
        self.sender.send(answer).ok();
    }
}

impl Future for AckFuture {
    type Output = Result<(), RDKafkaErrorCode>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = ready!(Pin::new(&mut self.0).poll(context));
        Poll::Ready(answer.unwrap_or(Err(RDKafkaErrorCode::PurgeQueue)))
    }
}

/// Sends the answer of a delivery to its future.
struct AckContext(RelayContext);

impl ClientContext for AckContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.0.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.0.error(error, reason);
    }
}

impl ProducerContext<NoCustomPartitioner> for AckContext {
    type DeliveryOpaque = Box<AckSender>;

    fn delivery(&self, result: &DeliveryResult<'_>, sender: Box<AckSender>) {
        sender.answer(match result {
            Ok(_) => Ok(()),
            Err((error, _)) => Err(code_of(error)),
        });
    }
}

/// Notes in the span of a record that it was not taken, or did not arrive.
pub(super) fn failed(span: &Span, code: RDKafkaErrorCode) {
    if span.is_recorded() {
        span.failed(format!("{code:?}"), code);
    }
}

fn code_of(error: &KafkaError) -> RDKafkaErrorCode {
    error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail)
}
