//! Wires the path of a record: poll thread, lanes, batcher. It begins with the Kafka client and
//! ends when every lane is drained and the last batch is written.

use std::sync::Arc;
use std::time::Duration;

use linkrelay_common::health::Part;
use linkrelay_kafka::publish::AppendExpanded;
use rdkafka::consumer::BaseConsumer;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::assignment::{Assignment, StartWorker};
use crate::attempt::{OutageBreaker, Permits};
use crate::batcher::{self, BatchWriter};
use crate::beats::Noted;
use crate::context::GroupContext;
use crate::dead_letter::DeadLetters;
use crate::documents::Documents;
use crate::error::ConsumerError;
use crate::gauges::Gauges;
use crate::liveness::{Activity, Liveness, Watchdog};
use crate::parts::ConsumerParts;
use crate::poll::{PollLoop, PollParts};
use crate::process::{Finished, Processor};
use crate::record::Completion;
use crate::results::Results;
use crate::worker::{self, WorkerLimits};

/// How many reports of completed batches may wait for the poll thread.
const COMPLETIONS_QUEUE: usize = 1_024;
/// How long the consumer may take to leave the group, after everything is drained and committed.
/// librdkafka loses a request that it takes from its queue after it has left (`rkcg_terminated` in
/// rdkafka_cgrp.c, 2.12), and then a callback of this time would wait forever for its answer.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// The parts by which a pipeline reports its state.
#[derive(Clone)]
pub(crate) struct Reports {
    pub(crate) group: Part,
    pub(crate) extraction: Part,
    pub(crate) store: Part,
    pub(crate) broker: Part,
    pub(crate) dead_letters: Part,
    pub(crate) lists: Part,
    /// `None` without a topic of results.
    pub(crate) results: Option<Part>,
    pub(crate) liveness: Arc<Liveness>,
    pub(crate) noted: Noted,
}

/// A running pipeline.
pub(crate) struct Pipeline {
    poll_thread: PollThread,
    batcher: tokio::task::JoinHandle<()>,
    abandon: CancellationToken,
    workers: TaskTracker,
}

impl Pipeline {
    /// Starts the poll thread and the batcher.
    ///
    /// # Errors
    /// [`ConsumerError::Io`] if the operating system starts no thread.
    pub(crate) fn start(
        parts: &ConsumerParts,
        client: BaseConsumer<GroupContext>,
        dead_letters: &Arc<DeadLetters>,
        append: &Arc<dyn AppendExpanded>,
        results: &Results,
        reports: Reports,
        stop: CancellationToken,
    ) -> Result<Self, ConsumerError> {
        let settings = &parts.pipeline;
        let (finished, to_write) = mpsc::channel::<Finished>(settings.batch_documents);
        let (completions, completed) = mpsc::channel::<Vec<Completion>>(COMPLETIONS_QUEUE);
        let writer = BatchWriter {
            store: Arc::clone(&parts.store),
            store_part: reports.store.clone(),
            dead_letters: Arc::clone(dead_letters),
            results: results.clone(),
            completions: completions.clone(),
        };
        let breaker = OutageBreaker::new(settings.breaker_policy(), reports.extraction);
        let permits = Arc::new(Permits::new(settings.max_in_flight, breaker));
        let processor = Arc::new(Processor {
            group: Arc::from(parts.group.kafka_group_id.as_str()),
            extractor: Arc::clone(&parts.extractor),
            permits: Arc::clone(&permits),
            retry: settings.retry_policy(),
            dead_letters: Arc::clone(dead_letters),
            documents: Documents(Arc::clone(&parts.store)),
            results: results.clone(),
            append: Arc::clone(append),
            expand_limit: settings.expand_limit,
            finished,
            completions,
        });
        let (abandon, workers) = (CancellationToken::new(), TaskTracker::new());
        let watchdog = Watchdog {
            liveness: reports.liveness,
            permits: Arc::clone(&permits),
            parts: [reports.store, reports.broker, reports.dead_letters, reports.lists]
                .into_iter()
                .chain(reports.results)
                .collect(),
            limit: Watchdog::limit(settings.retry_backoff_max),
        };
        let gauges = Gauges {
            topic: Arc::from(parts.kafka.kafka_topic.as_str()),
            permits,
            extractor: Arc::clone(&parts.extractor),
            committed: Activity::new(),
            noted: reports.noted,
        };
        let worker_limits = settings.worker_limits(parts.max_links_per_record);
        let start_worker = lane_starter(processor, worker_limits, &workers);
        let poll = PollParts {
            topic: Arc::clone(&gauges.topic),
            assignment: Assignment::new(settings.assignment_limits(), start_worker),
            completions: completed,
            group_part: reports.group,
            watchdog,
            gauges,
            without_commit: parts.kafka.without_commit(),
            commit_interval: settings.commit_interval,
            drain_timeout: settings.drain_timeout,
            unread_limits: settings.unread_limits(),
            stop,
        };
        let batcher =
            tokio::spawn(batcher::run(to_write, writer, settings.batch_limits(), abandon.clone()));
        Ok(Self { poll_thread: PollThread::start(client, poll)?, batcher, abandon, workers })
    }

    /// Runs until the poll thread, every worker and the batcher have ended. Documents that are not
    /// written `drain_timeout` after the poll thread's end are left to be delivered again.
    ///
    /// # Errors
    /// The error of the poll thread, or [`ConsumerError::Died`] if one of them panicked.
    pub(crate) async fn run(self, drain_timeout: Duration) -> Result<(), ConsumerError> {
        let PollThread { drained, closed } = self.poll_thread;
        let ended = drained.await.unwrap_or(Err(ConsumerError::Died("the poll thread")));
        self.workers.close();
        // By now every lane is drained or fenced, so the workers and then the batcher end.
        let abandon = self.abandon;
        let last_writes = async {
            self.workers.wait().await;
            self.batcher.await
        };
        tokio::pin!(last_writes);
        let written = tokio::select! {
            written = &mut last_writes => written,
            () = tokio::time::sleep(drain_timeout) => {
                tracing::warn!("documents were not written in time at the stop: their records will be delivered again");
                abandon.cancel();
                last_writes.await
            }
        };
        written.map_err(|_| ConsumerError::Died("the batcher"))?;
        until_closed(closed).await;
        ended
    }
}

/// The thread that owns the consumer.
struct PollThread {
    /// How it ended, once everything is drained and committed.
    drained: oneshot::Receiver<Result<(), ConsumerError>>,
    /// Its sender is dropped at the thread's end, when the consumer has left the group.
    closed: oneshot::Receiver<()>,
}

impl PollThread {
    fn start(client: BaseConsumer<GroupContext>, poll: PollParts) -> std::io::Result<Self> {
        let (report, drained) = oneshot::channel();
        let (end, closed) = oneshot::channel();
        std::thread::Builder::new().name("kafka-poll".to_owned()).spawn(move || {
            PollLoop::new(client, poll).run(report);
            drop(end);
        })?;
        Ok(Self { drained, closed })
    }
}

/// Waits until the consumer has left the group, but no longer than [`CLOSE_TIMEOUT`].
async fn until_closed(closed: oneshot::Receiver<()>) {
    if timeout(CLOSE_TIMEOUT, closed).await.is_err() {
        tracing::warn!(
            seconds = CLOSE_TIMEOUT.as_secs(),
            "librdkafka has not closed the consumer in time; everything is committed, and the group \
             notices at the end of the session that this consumer has left"
        );
    }
}

fn lane_starter(
    processor: Arc<Processor>,
    limits: WorkerLimits,
    workers: &TaskTracker,
) -> StartWorker {
    let (runtime, workers) = (Handle::current(), workers.clone());
    Box::new(move |end| {
        workers.spawn_on(worker::run(end, Arc::clone(&processor), limits), &runtime)
    })
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_stop_waits_for_the_close_and_not_forever() {
        let begun = Instant::now();
        let (end, closed) = oneshot::channel();
        drop(end);
        until_closed(closed).await;
        assert_eq!(begun.elapsed(), Duration::ZERO);
        let (_never_ends, closed) = oneshot::channel();
        until_closed(closed).await;
        assert!(begun.elapsed() >= CLOSE_TIMEOUT);
    }
}
