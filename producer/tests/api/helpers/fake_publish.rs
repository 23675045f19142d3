//! A publisher for what a broker cannot be made to do: fail at exactly the n-th record, hold an
//! acknowledgement until a test releases it, panic.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use linkrelay_kafka::LinkRecord;
use linkrelay_kafka::publish::{AckFuture, AckSender, KafkaPublisher, Publish, PublishError};
use linkrelay_kafka::topic::TopicError;
use rdkafka::types::RDKafkaErrorCode;

/// What to do with one record.
pub(crate) enum Do {
    Ack,
    Refuse(PublishError),
    FailLater(RDKafkaErrorCode),
    /// Until [`FakePublish::release`].
    Hold,
    Panic,
}

/// Follows a script that decides about the n-th record, from 0.
pub(crate) struct FakePublish {
    script: Box<dyn Fn(usize) -> Do + Send + Sync>,
    sent: Mutex<Vec<LinkRecord>>,
    held: Mutex<Vec<AckSender>>,
    /// Whether the next check of the broker panics.
    pub(crate) check_panics: AtomicBool,
}

impl FakePublish {
    pub(crate) fn new(script: impl Fn(usize) -> Do + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self {
            script: Box::new(script),
            sent: Mutex::default(),
            held: Mutex::default(),
            check_panics: AtomicBool::new(false),
        })
    }

    /// Returns all records that were sent, no matter with which outcome.
    pub(crate) fn sent(&self) -> Vec<LinkRecord> {
        self.sent.lock().unwrap().clone()
    }

    /// Acknowledges the held records.
    pub(crate) fn release(&self) {
        for held in self.held.lock().unwrap().drain(..) {
            held.answer(Ok(()));
        }
    }
}

#[async_trait]
impl Publish for FakePublish {
    fn send(&self, record: &LinkRecord) -> Result<AckFuture, PublishError> {
        let index = {
            let mut sent = self.sent.lock().unwrap();
            sent.push(record.clone());
            sent.len() - 1
        };
        let (sender, future) = AckFuture::pair();
        match (self.script)(index) {
            Do::Ack => sender.answer(Ok(())),
            Do::Refuse(error) => return Err(error),
            Do::FailLater(error) => sender.answer(Err(error)),
            Do::Hold => self.held.lock().unwrap().push(sender),
            Do::Panic => panic!("this panic is part of the test"),
        }
        Ok(future)
    }

    async fn check(&self) -> Result<(), TopicError> {
        assert!(!self.check_panics.load(Ordering::Relaxed), "this panic is part of the test");
        Ok(())
    }

    fn fatal_error(&self) -> Option<String> {
        None
    }

    async fn flush(&self, _timeout: Duration) -> usize {
        self.held.lock().unwrap().len()
    }
}

impl fmt::Debug for FakePublish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakePublish").finish_non_exhaustive()
    }
}

/// The real publisher; counts the records that are sent.
#[derive(Debug)]
pub(crate) struct Observed {
    inner: KafkaPublisher,
    sent_count: AtomicUsize,
}

impl Observed {
    pub(crate) fn new(inner: KafkaPublisher) -> Arc<Self> {
        Arc::new(Self { inner, sent_count: AtomicUsize::new(0) })
    }

    pub(crate) fn sent_count(&self) -> usize {
        self.sent_count.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl Publish for Observed {
    fn send(&self, record: &LinkRecord) -> Result<AckFuture, PublishError> {
        let sent = self.inner.send(record);
        self.sent_count.fetch_add(1, Ordering::Relaxed);
        sent
    }

    async fn check(&self) -> Result<(), TopicError> {
        self.inner.check().await
    }

    fn fatal_error(&self) -> Option<String> {
        self.inner.fatal_error()
    }

    async fn flush(&self, timeout: Duration) -> usize {
        self.inner.flush(timeout).await
    }
}
