//! What the broker says of partitions, looked up on a thread of its own: a broker that answers
//! slowly or not at all must not block the poll thread.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::{self, JoinHandle};

use rdkafka::TopicPartitionList;
use rdkafka::consumer::BaseConsumer;
use rdkafka::error::KafkaError;

use crate::commit::{self, Found};
use crate::context::GroupContext;

/// Why a lookup has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LookupError {
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    /// The operating system started no thread, or it ended early.
    #[error("the lookup did not run")]
    DidNotRun,
}

type Answer = Result<Found, LookupError>;

/// A lookup in flight. If it is dropped, its answer is discarded.
#[derive(Debug)]
pub(crate) struct Lookup(Receiver<Answer>);

impl Lookup {
    /// Returns the answer, once, when there is one.
    pub(crate) fn answer(&self) -> Option<Answer> {
        match self.0.try_recv() {
            Ok(answer) => Some(answer),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Err(LookupError::DidNotRun)),
        }
    }
}

/// The threads of lookups. Each holds the client, which must not be dropped there: the owner of the
/// client drops this first.
#[derive(Debug, Default)]
pub(crate) struct Lookups(Vec<JoinHandle<()>>);

impl Lookups {
    /// Begins to look up the commits and logs of these partitions, and calls `wake` when there is
    /// an answer.
    pub(crate) fn begin(
        &mut self,
        consumer: Arc<BaseConsumer<GroupContext>>,
        partitions: TopicPartitionList,
        wake: impl Fn() + Send + 'static,
    ) -> Lookup {
        self.0.retain(|thread| !thread.is_finished());
        let (sender, answer): (SyncSender<Answer>, _) = sync_channel(1);
        let look_up = move || {
            // The receiver is dropped when the answer is no longer needed.
            drop(sender.send(commit::look_up(&consumer, partitions).map_err(LookupError::from)));
            wake();
        };
        // Without a thread the sender is dropped, which is the answer.
        let started = thread::Builder::new().name("kafka-lookup".to_owned()).spawn(look_up);
        self.0.extend(started);
        Lookup(answer)
    }
}

impl Drop for Lookups {
    /// Waits for the last lookups, whose time is limited.
    fn drop(&mut self) {
        for thread in self.0.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a lookup of commits panicked");
            }
        }
    }
}
