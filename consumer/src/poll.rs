//! The thread that owns the Kafka consumer. It polls, routes and commits, and never waits for
//! links, so that heartbeats, rebalances and max.poll.interval are always served.

use std::sync::Arc;
use std::time::{Duration, Instant};

use linkrelay_common::Partition;
use linkrelay_common::health::Part;
use linkrelay_common::metrics as names;
use metrics::{Counter, counter};
use rdkafka::consumer::{BaseConsumer, Consumer};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::assignment::Assignment;
use crate::commit::Found;
use crate::committer::Committer;
use crate::context::{GroupContext, GroupEvent};
use crate::error::ConsumerError;
use crate::gauges::Gauges;
use crate::liveness::Watchdog;
use crate::lookup::Lookup;
use crate::missed::Missed;
use crate::progress::{Progress, UnreadLimits};
use crate::queues::Queues;
use crate::record::{Completion, Record};

/// How long the thread waits for records when nothing else is expected.
const IDLE_WAIT: Duration = Duration::from_millis(50);
/// How long it waits while it needs completions, which do not wake it.
const HELD_WAIT: Duration = Duration::from_millis(1);
/// Events of the group's queue in one iteration. One poll serves one event (also a log line or an
/// error) and does not report whether there are more, and only the first of several wakes the
/// thread.
const GROUP_EVENTS: usize = 8;
/// How many records of one partition are taken before those of the next one.
const BURST: usize = 100;
/// How often gauges are published and lanes are checked for a standstill.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);
/// The wait after commits that could not be read.
const FAILED_READ_PAUSE: Duration = Duration::from_secs(1);

/// Lanes that drain.
struct Drain {
    partitions: Vec<Partition>,
    deadline: Instant,
    /// Whether the group waits for them; otherwise the close of the client gives them back.
    is_revoked: bool,
}

/// Partitions that the group assigned, to be taken over once their commits are read.
struct TakeOver {
    partitions: Vec<Partition>,
    next_attempt: Instant,
    lookup: Option<Lookup>,
}

/// What the thread is made of.
pub(crate) struct PollParts {
    pub(crate) topic: Arc<str>,
    pub(crate) assignment: Assignment,
    pub(crate) completions: mpsc::Receiver<Vec<Completion>>,
    pub(crate) group_part: Part,
    pub(crate) watchdog: Watchdog,
    pub(crate) gauges: Gauges,
    /// Where a partition is read from if the group has no commit of it.
    pub(crate) without_commit: rdkafka::Offset,
    pub(crate) commit_interval: Duration,
    pub(crate) drain_timeout: Duration,
    pub(crate) unread_limits: UnreadLimits,
    pub(crate) stop: CancellationToken,
}

/// The state of the thread.
pub(crate) struct PollLoop {
    queues: Queues,
    parts: PollParts,
    take_overs: Vec<TakeOver>,
    drains: Vec<Drain>,
    committer: Committer,
    next_report: Instant,
    is_stopping: bool,
    missed: Missed,
    progress: Progress,
    /// Looked up once: it counts every record.
    records_total: Counter,
}

impl PollLoop {
    /// Must be called on the thread that will run it, because the queues of the consumer wake that
    /// thread.
    pub(crate) fn new(consumer: BaseConsumer<GroupContext>, parts: PollParts) -> Self {
        let queues = Queues::new(consumer, Arc::clone(&parts.topic));
        let records_total = counter!(names::RECORDS, "topic" => parts.topic.to_string());
        let now = Instant::now();
        let committed = parts.gauges.committed.clone();
        let committer = Committer::new(Arc::clone(&parts.topic), parts.commit_interval, committed);
        let missed = Missed::new(Arc::clone(&parts.topic), parts.group_part.clone());
        let progress = Progress::new(
            Arc::clone(&parts.topic),
            parts.group_part.clone(),
            parts.unread_limits,
            parts.without_commit,
        );
        Self {
            queues,
            parts,
            take_overs: Vec::new(),
            drains: Vec::new(),
            committer,
            next_report: now,
            is_stopping: false,
            missed,
            progress,
            records_total,
        }
    }

    /// Runs until stopped and drained, sends how that ended, then leaves the group. It blocks, so it
    /// needs its own thread, where the drop of the consumer may also wait for the broker.
    ///
    /// It sends a [`ConsumerError`] if librdkafka reports that this consumer can never work again, or
    /// the worker of a partition has ended.
    pub(crate) fn run(mut self, drained: oneshot::Sender<Result<(), ConsumerError>>) {
        let ended = self.poll_until_drained();
        // After any end, only the callback itself can answer a revocation.
        self.queues.consumer().context().begin_close();
        // The receiver is dropped only if the process ends.
        drop(drained.send(ended));
    }

    fn poll_until_drained(&mut self) -> Result<(), ConsumerError> {
        self.queues.subscribe()?;
        while !(self.is_stopping && self.drains.is_empty() && self.take_overs.is_empty()) {
            self.parts.watchdog.liveness.iterations.note();
            for _ in 0..GROUP_EVENTS {
                self.poll_group()?;
            }
            let is_anything_taken = self.take_records()?;
            self.receive_completions();
            self.check_workers()?;
            self.committer.commit_if_due(&self.queues, &mut self.parts.assignment);
            self.report_if_due();
            self.finish_drains();
            self.begin_stop_if_asked();
            if !is_anything_taken {
                let is_held = self.parts.assignment.is_held();
                self.queues.wait(if is_held { HELD_WAIT } else { IDLE_WAIT });
            }
        }
        Ok(())
    }

    fn poll_group(&mut self) -> Result<(), ConsumerError> {
        let error = self.queues.poll_group()?;
        self.follow_group();
        self.take_over_assigned()?;
        error.map_or(Ok(()), |error| self.queues.report(&error))
    }

    /// Takes records for every lane that has room. Returns whether there were any.
    fn take_records(&mut self) -> Result<bool, ConsumerError> {
        let mut is_anything_taken = false;
        for partition in self.parts.assignment.partitions() {
            for _ in 0..BURST {
                if !self.parts.assignment.has_room(partition) {
                    break;
                }
                match self.queues.poll_partition(partition) {
                    None => break,
                    Some(Err(error)) => self.queues.report(&error)?,
                    Some(Ok(message)) => {
                        let record = Record::copy(&self.parts.topic, &message);
                        self.records_total.increment(1);
                        if let Some(gap) = self.parts.assignment.gap_before(&record) {
                            let count = self.queues.consumer().context().statistics_count();
                            self.missed.note_gap(partition, gap, count);
                        }
                        self.parts.assignment.take(record);
                        is_anything_taken = true;
                    }
                }
            }
        }
        Ok(is_anything_taken)
    }

    fn follow_group(&mut self) {
        while let Some(event) = self.queues.next_event() {
            match event {
                GroupEvent::Assigned(partitions) => {
                    tracing::info!(topic = %self.parts.topic, ?partitions, "the group assigned partitions to this consumer");
                    self.take_overs.push(TakeOver {
                        partitions,
                        next_attempt: Instant::now(),
                        lookup: None,
                    });
                }
                GroupEvent::Revoked(partitions) => {
                    tracing::info!(topic = %self.parts.topic, ?partitions, "the group revoked partitions: their lanes drain");
                    self.begin_drain(partitions, true);
                }
                GroupEvent::Lost(partitions) => {
                    tracing::warn!(topic = %self.parts.topic, ?partitions, "the group has given partitions away: their lanes are fenced without a commit");
                    self.parts.assignment.fence(&partitions);
                    self.queues.drop_queues(&partitions);
                    self.take_overs
                        .retain_mut(|pending| remove_lost(&mut pending.partitions, &partitions));
                    self.drains.retain_mut(|drain| remove_lost(&mut drain.partitions, &partitions));
                }
            }
        }
    }

    /// Takes over what was assigned, once its commits are read, and retries until they are. Nothing
    /// waits for them: the other lanes keep working in the meantime.
    fn take_over_assigned(&mut self) -> Result<(), ConsumerError> {
        for mut take_over in std::mem::take(&mut self.take_overs) {
            let partitions = take_over.partitions.as_slice();
            if self.is_stopping {
                // Nothing is read from them; the close of the client gives them back.
                let unread: Vec<_> = partitions.iter().map(|of| (*of, None)).collect();
                self.queues.take_over(&unread, rdkafka::Offset::End)?;
            } else if partitions.is_empty() {
                // The group also reports an assignment without partitions.
                self.take_over(&Found::default())?;
            } else if let Some(lookup) = &take_over.lookup {
                match lookup.answer() {
                    None => self.take_overs.push(take_over),
                    Some(Ok(mut found)) => {
                        // Some may have been lost in the meantime.
                        found.committed.retain(|partition, _| partitions.contains(partition));
                        self.take_over(&found)?;
                    }
                    Some(Err(error)) => {
                        tracing::warn!(topic = %self.parts.topic, ?partitions, %error, "the commits of new partitions could not be read; they are requested again");
                        take_over.lookup = None;
                        take_over.next_attempt = Instant::now() + FAILED_READ_PAUSE;
                        self.take_overs.push(take_over);
                    }
                }
            } else {
                if Instant::now() >= take_over.next_attempt {
                    take_over.lookup = Some(self.queues.look_up(partitions));
                }
                self.take_overs.push(take_over);
            }
        }
        Ok(())
    }

    fn take_over(&mut self, found: &Found) -> Result<(), ConsumerError> {
        let positions = found.positions(self.parts.without_commit);
        let firsts: Vec<_> = positions.iter().map(|of| (of.partition, of.first)).collect();
        self.queues.take_over(&firsts, self.parts.without_commit)?;
        self.parts.assignment.assign(firsts);
        for position in positions {
            self.missed.report(position.partition, position.missed);
        }
        self.progress.begin(found);
        // The gauges of the partitions begin here.
        self.next_report = Instant::now();
        self.parts.group_part.ok();
        Ok(())
    }

    fn receive_completions(&mut self) {
        while let Ok(completions) = self.parts.completions.try_recv() {
            self.parts.gauges.noted.completed(completions.len());
            for completion in &completions {
                self.parts.assignment.complete(completion);
            }
        }
    }

    fn check_workers(&self) -> Result<(), ConsumerError> {
        let Some(partition) = self.parts.assignment.dead_partition() else { return Ok(()) };
        tracing::error!(topic = %self.parts.topic, partition = partition.0, "the worker of a partition ended unexpectedly");
        Err(ConsumerError::Died("the worker of a partition"))
    }

    /// Publishes gauges, and looks for lanes that make no progress.
    fn report_if_due(&mut self) {
        let now = Instant::now();
        if now < self.next_report {
            return;
        }
        self.next_report = now + REPORT_INTERVAL;
        let assignment = &self.parts.assignment;
        let logs = self.queues.consumer().context().logs();
        self.missed.evaluate(&logs);
        let watchdog = &self.parts.watchdog;
        let is_held = watchdog.is_held();
        // A lookup that begins now would only delay the end of a consumer that stops.
        let is_unread =
            !self.is_stopping && self.progress.check(&mut self.queues, assignment, &logs, is_held);
        self.parts.gauges.publish(assignment, self.progress.logs(), self.parts.without_commit);
        let busy = assignment.lanes().filter(|(_, lane)| lane.tracker().in_flight_count() > 0);
        let busy = busy.map(|(partition, lane)| (partition, lane.activity()));
        watchdog.check(&self.parts.topic, busy, is_unread);
    }

    fn begin_drain(&mut self, partitions: Vec<Partition>, is_revoked: bool) {
        self.parts.assignment.drain(&partitions);
        self.drains.push(Drain {
            partitions,
            deadline: Instant::now() + self.parts.drain_timeout,
            is_revoked,
        });
    }

    /// Gives back the partitions that are drained or whose deadline is over. Commits them first.
    fn finish_drains(&mut self) {
        let now = Instant::now();
        for drain in std::mem::take(&mut self.drains) {
            let is_drained = self.parts.assignment.is_drained(&drain.partitions);
            if !is_drained && now < drain.deadline {
                self.drains.push(drain);
                continue;
            }
            if !is_drained {
                tracing::warn!(partitions = ?drain.partitions, "partitions were not drained in time: their records in flight will be delivered again");
            }
            // A completion is sent before its ticket is dropped, so all have arrived by now.
            self.receive_completions();
            let assignment = &mut self.parts.assignment;
            self.committer.commit_now(&drain.partitions, &self.queues, assignment);
            self.parts.assignment.fence(&drain.partitions);
            if drain.is_revoked
                && let Err(error) = self.queues.give_back(&drain.partitions)
            {
                tracing::warn!(partitions = ?drain.partitions, %error, "revoked partitions could not be given back");
            }
        }
    }

    fn begin_stop_if_asked(&mut self) {
        if self.is_stopping || !self.parts.stop.is_cancelled() {
            return;
        }
        self.is_stopping = true;
        let is_draining = |partition: &Partition| {
            self.drains.iter().any(|drain| drain.partitions.contains(partition))
        };
        let mut partitions = self.parts.assignment.partitions();
        partitions.retain(|partition| !is_draining(partition));
        tracing::info!(topic = %self.parts.topic, ?partitions, "the consumer stops: its lanes drain");
        self.begin_drain(partitions, false);
    }
}

/// Removes lost partitions. They are neither given back (when their drain would end, they may be
/// assigned to this consumer again) nor taken over (when their commits are read, they may be
/// another consumer's). Returns whether any partition is left.
fn remove_lost(partitions: &mut Vec<Partition>, lost: &[Partition]) -> bool {
    partitions.retain(|partition| !lost.contains(partition));
    !partitions.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_partitions_are_removed() {
        let mut partitions = vec![Partition(0), Partition(1)];
        assert!(remove_lost(&mut partitions, &[1, 2, 3].map(Partition)));
        assert_eq!(partitions, [Partition(0)]);
        assert!(!remove_lost(&mut partitions, &[Partition(0)]));
    }
}
