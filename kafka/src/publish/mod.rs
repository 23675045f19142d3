//! Publishing in two steps: hand a record over, then await its acknowledgement.
//!
//! A full queue refuses immediately, and no caller waits for room: an HTTP client does better to
//! retry later. All acknowledgements of a request are awaited under one deadline.
//!
//! It must not know: HTTP, or what a request is.

mod append;
mod durable;
mod letters;
mod links;
mod producer;
mod results;

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use linkrelay_common::until::until_it_works_with;
use rdkafka::types::RDKafkaErrorCode;
use tokio::time::{Instant, timeout_at};

pub use append::{AppendExpanded, TopicAppend};
pub use durable::WriteError;
pub use letters::{KeepLetters, Letter, TopicLetters};
pub use links::KafkaPublisher;
pub use producer::{AckFuture, AckSender, TopicProducer};
pub use results::{PublishResults, ResultRecord, TopicResults};

use crate::record::LinkRecord;
use crate::topic::{HOW_TO_CREATE, TopicError};

const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(1);

/// What callers need of a broker to publish links.
#[async_trait]
pub trait Publish: Debug + Send + Sync {
    /// Hands a record over; never blocks. The future is ready when all in-sync replicas of the
    /// broker have the record, or never will have it.
    ///
    /// # Errors
    /// [`PublishError`] if the record was not taken: it will never arrive.
    fn send(&self, record: &LinkRecord) -> Result<AckFuture, PublishError>;

    /// Checks whether the broker answers and has the topic.
    ///
    /// # Errors
    /// [`TopicError`] if it does not.
    async fn check(&self) -> Result<(), TopicError>;

    /// Returns why this publisher will never work again; `None` if it works. Only a new process
    /// fixes it.
    fn fatal_error(&self) -> Option<String>;

    /// Waits until everything that was sent has its answer, for up to `timeout`. Returns how many
    /// records have none then.
    async fn flush(&self, timeout: Duration) -> usize;
}

/// Why a record is not known to have arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// The queue of records that wait for the broker is full.
    #[error("too many links are waiting for the broker")]
    QueueFull,
    /// There was no acknowledgement in time. The record may still arrive.
    #[error(
        "the broker did not acknowledge the link in time; it may still arrive, under this same id"
    )]
    TimedOut,
    /// There is no topic to publish to.
    #[error("the topic does not exist; {HOW_TO_CREATE}")]
    TopicMissing,
    /// The broker, or librdkafka, refuses the record.
    #[error("the broker refuses the link: {0}")]
    Refused(RDKafkaErrorCode),
    /// The process ended first. The record may still arrive.
    #[error("the server stopped before the broker answered; the link may still arrive")]
    Stopped,
}

impl From<RDKafkaErrorCode> for PublishError {
    fn from(code: RDKafkaErrorCode) -> Self {
        use RDKafkaErrorCode as Code;
        match code {
            Code::QueueFull => Self::QueueFull,
            Code::MessageTimedOut => Self::TimedOut,
            Code::UnknownTopic | Code::UnknownTopicOrPartition => Self::TopicMissing,
            Code::PurgeQueue | Code::PurgeInflight => Self::Stopped,
            code => Self::Refused(code),
        }
    }
}

impl PublishError {
    /// Returns the stable code for programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::TimedOut => "delivery_timeout",
            Self::TopicMissing => "topic_missing",
            Self::Refused(_) => "broker_refused",
            Self::Stopped => "stopping",
        }
    }

    /// Returns after how many seconds the client should retry.
    pub fn retry_after_seconds(self) -> u64 {
        match self {
            Self::QueueFull | Self::Stopped => 1,
            Self::TimedOut | Self::Refused(_) => 5,
            Self::TopicMissing => 10,
        }
    }
}

/// A record that is not known to have arrived: its index among those to publish, and why.
pub type PublishFailure = (usize, PublishError);

/// Publishes records and awaits their acknowledgements for up to `timeout`. Returns those that
/// failed, by index; an empty list means that the broker has all of them.
///
/// # Cancel safety
/// When dropped, the acknowledgements are lost; what was sent may arrive.
pub async fn publish_all(
    publish: &dyn Publish,
    records: &[LinkRecord],
    timeout: Duration,
) -> Vec<PublishFailure> {
    let deadline = Instant::now() + timeout;
    let (acks, mut failures) = send_all(publish, records);
    for (index, ack) in acks {
        // After the deadline this still takes the answers that have already arrived.
        let answer = timeout_at(deadline, ack).await;
        match answer.map(|answer| answer.map_err(PublishError::from)) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => failures.push((index, error)),
            Err(_) => failures.push((index, PublishError::TimedOut)),
        }
    }
    failures.sort_unstable_by_key(|(index, _)| *index);
    failures
}

/// Publishes records until the broker has all of them. Each attempt may take up to `timeout`;
/// `failed` is called with the error of each one that failed.
///
/// A record may be published twice (its acknowledgement was late); both have the same document
/// id, so there is one document.
///
/// # Cancel safety
/// The same as of [`publish_all`].
pub async fn publish_until_acked(
    publish: &dyn Publish,
    records: Vec<LinkRecord>,
    timeout: Duration,
    failed: impl FnMut(PublishError) + Send,
) {
    let pauses = std::iter::repeat(PAUSE_AFTER_FAILURE);
    let attempt = |records| publish_or_keep(publish, records, timeout);
    until_it_works_with(records, pauses, attempt, failed).await;
}

/// Publishes the records once.
///
/// # Errors
/// The records that the broker does not have, with the error of the first of them.
async fn publish_or_keep(
    publish: &dyn Publish,
    records: Vec<LinkRecord>,
    timeout: Duration,
) -> Result<(), (Vec<LinkRecord>, PublishError)> {
    let failures = publish_all(publish, &records, timeout).await;
    let Some((_, error)) = failures.first() else { return Ok(()) };
    let links_total = failures.len();
    tracing::warn!(links_total, "{links_total} links are not published yet: {error}");
    Err((failures.iter().map(|(index, _)| records[*index].clone()).collect(), *error))
}

fn send_all(
    publish: &dyn Publish,
    records: &[LinkRecord],
) -> (Vec<(usize, AckFuture)>, Vec<PublishFailure>) {
    let mut acks = Vec::with_capacity(records.len());
    let mut failures = Vec::new();
    for (index, record) in records.iter().enumerate() {
        match publish.send(record) {
            Ok(ack) => acks.push((index, ack)),
            Err(PublishError::QueueFull) => {
                // The others would only compete with other callers for the room in the queue.
                let others = index..records.len();
                failures.extend(others.map(|index| (index, PublishError::QueueFull)));
                break;
            }
            Err(error) => failures.push((index, error)),
        }
    }
    (acks, failures)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use jiff::Timestamp;
    use linkrelay_common::{LinkIdentity, LinkTarget, RequestId};

    /// Takes `room` records and acknowledges the first `acked` of them.
    #[derive(Debug, Default)]
    struct Fake {
        room: usize,
        acked: usize,
        sent: AtomicUsize,
        unanswered: Mutex<Vec<AckSender>>,
    }

    #[async_trait]
    impl Publish for Fake {
        fn send(&self, _record: &LinkRecord) -> Result<AckFuture, PublishError> {
            let index = self.sent.fetch_add(1, Ordering::Relaxed);
            if index >= self.room {
                return Err(PublishError::QueueFull);
            }
            let (sender, future) = AckFuture::pair();
            if index < self.acked {
                sender.answer(Ok(()));
            } else {
                self.unanswered.lock().unwrap().push(sender);
            }
            Ok(future)
        }

        async fn check(&self) -> Result<(), TopicError> {
            Ok(())
        }

        fn fatal_error(&self) -> Option<String> {
            None
        }

        async fn flush(&self, _timeout: Duration) -> usize {
            0
        }
    }

    fn records(count: usize) -> Vec<LinkRecord> {
        let record = LinkRecord {
            target: LinkTarget::Video("5fR9AHlSDtc".parse().unwrap()),
            link: "youtu.be/5fR9AHlSDtc".to_owned(),
            force: false,
            identity: LinkIdentity::OfRequest { request_id: RequestId::new(1), index: 0 },
            submitted_at: Timestamp::UNIX_EPOCH,
            trace_parent: None,
            failed_in: None,
        };
        vec![record; count]
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_queue_fails_all_following_records_without_sending_them() {
        let fake = Fake { room: 2, acked: 2, ..Fake::default() };
        let failures = publish_all(&fake, &records(5), Duration::from_secs(1)).await;
        let full = PublishError::QueueFull;
        assert_eq!(failures, [(2, full), (3, full), (4, full)]);
        assert_eq!(fake.sent.load(Ordering::Relaxed), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn one_deadline_holds_for_all() {
        let fake = Fake { room: 9, acked: 1, ..Fake::default() };
        let started = Instant::now();
        let failures = publish_all(&fake, &records(4), Duration::from_secs(7)).await;
        let late = PublishError::TimedOut;
        assert_eq!(failures, [(1, late), (2, late), (3, late)]);
        assert_eq!(started.elapsed().as_secs(), 7, "in paused time");
    }

    #[tokio::test]
    async fn an_answer_that_never_comes_is_a_stop() {
        let (sender, future) = AckFuture::pair();
        drop(sender);
        assert_eq!(future.await.map_err(PublishError::from), Err(PublishError::Stopped));
    }

    #[test]
    fn librdkafka_s_codes_become_publish_errors() {
        for (code, error) in [
            (RDKafkaErrorCode::QueueFull, PublishError::QueueFull),
            (RDKafkaErrorCode::MessageTimedOut, PublishError::TimedOut),
            (RDKafkaErrorCode::UnknownTopic, PublishError::TopicMissing),
            (RDKafkaErrorCode::UnknownTopicOrPartition, PublishError::TopicMissing),
            (RDKafkaErrorCode::PurgeQueue, PublishError::Stopped),
            (
                RDKafkaErrorCode::NotEnoughReplicas,
                PublishError::Refused(RDKafkaErrorCode::NotEnoughReplicas),
            ),
        ] {
            assert_eq!(PublishError::from(code), error);
        }
    }
}
