//! The thread that owns the Kafka consumer. It polls, routes and commits, and never waits for
//! work: so heartbeats, rebalances and max.poll.interval are always served.

use std::sync::Arc;
use std::time::{Duration, Instant};

use linkrelay_common::Partition;
use linkrelay_common::health::Part;
use linkrelay_common::metrics as names;
use metrics::{Counter, counter};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::assignment::Assignment;
use crate::commit::{self, Position};
use crate::committer::Committer;
use crate::context::{GroupContext, GroupEvent};
use crate::error::ConsumerError;
use crate::gauges::Gauges;
use crate::liveness::Watchdog;
use crate::missed::Missed;
use crate::queues::Queues;
use crate::record::{Completion, Record};

/// How long the thread waits for records when nothing else is expected.
const IDLE_WAIT: Duration = Duration::from_millis(50);
/// How long it waits while completions are looked for: nothing wakes it for those.
const HELD_WAIT: Duration = Duration::from_millis(1);
/// Events of the group's queue in one turn. One poll serves one (logs and errors among them) and
/// does not say whether more are there, and only the first of several wakes the thread.
const GROUP_EVENTS: usize = 8;
/// How many records of one partition are taken before the next one gets its turn.
const BURST: usize = 100;
/// How often gauges are published and lanes are looked at.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);
/// After commits that could not be read.
const FAILED_READ_PAUSE: Duration = Duration::from_secs(1);

/// Lanes on their way to their end.
struct Drain {
    partitions: Vec<Partition>,
    deadline: Instant,
    /// The group waits for them; otherwise the close gives them back.
    is_revoked: bool,
}

/// Partitions that the group gave us, to be taken over once their commits are read.
struct TakeOver {
    partitions: Vec<Partition>,
    next_try: Instant,
}

/// What the thread is given.
pub(crate) struct PollParts {
    pub(crate) topic: Arc<str>,
    pub(crate) assignment: Assignment,
    pub(crate) completions: mpsc::Receiver<Vec<Completion>>,
    pub(crate) group_part: Part,
    pub(crate) watchdog: Watchdog,
    pub(crate) gauges: Gauges,
    /// Where a partition begins that the group has no commit of.
    pub(crate) without_commit: rdkafka::Offset,
    pub(crate) commit_interval: Duration,
    pub(crate) drain_timeout: Duration,
    pub(crate) stop: CancellationToken,
}

/// The thread's whole state.
pub(crate) struct PollLoop {
    queues: Queues,
    parts: PollParts,
    take_overs: Vec<TakeOver>,
    drains: Vec<Drain>,
    committer: Committer,
    next_report: Instant,
    is_stopping: bool,
    missed: Missed,
    /// Looked up once: it counts every record.
    records_total: Counter,
}

impl PollLoop {
    /// For the thread that will run it, and wakes whenever the consumer has something.
    pub(crate) fn new(consumer: BaseConsumer<GroupContext>, parts: PollParts) -> Self {
        let queues = Queues::new(consumer, Arc::clone(&parts.topic));
        let records_total = counter!(names::RECORDS, "topic" => parts.topic.to_string());
        let now = Instant::now();
        let committed = parts.gauges.committed.clone();
        let committer = Committer::new(Arc::clone(&parts.topic), parts.commit_interval, committed);
        let missed = Missed::new(Arc::clone(&parts.topic), parts.group_part.clone());
        Self {
            queues,
            parts,
            take_overs: Vec::new(),
            drains: Vec::new(),
            committer,
            next_report: now,
            is_stopping: false,
            missed,
            records_total,
        }
    }

    /// Runs until stopped and drained, then leaves the group. Blocks: for a thread of its own,
    /// where the consumer's drop, too, may wait for the broker.
    ///
    /// # Errors
    /// If librdkafka says that this consumer can never work again.
    pub(crate) fn run(mut self) -> Result<(), ConsumerError> {
        let ended = self.poll_until_drained();
        // Whatever the end, nobody is left to answer a revocation but the callback itself.
        self.queues.consumer().context().begin_close();
        ended
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

    /// Takes records for every lane that has room; says whether there were any.
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
                            self.missed.met_gap(partition, gap, count);
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
                    tracing::info!(topic = %self.parts.topic, ?partitions, "assigned");
                    self.take_overs.push(TakeOver { partitions, next_try: Instant::now() });
                }
                GroupEvent::Revoked(partitions) => {
                    tracing::info!(topic = %self.parts.topic, ?partitions, "revoked: draining");
                    self.begin_drain(partitions, true);
                }
                GroupEvent::Lost(partitions) => {
                    tracing::warn!(topic = %self.parts.topic, ?partitions, "lost: fenced without a commit");
                    self.parts.assignment.fence(&partitions);
                    self.queues.forget(&partitions);
                    self.take_overs
                        .retain_mut(|pending| let_go(&mut pending.partitions, &partitions));
                    self.drains.retain_mut(|drain| let_go(&mut drain.partitions, &partitions));
                }
            }
        }
    }

    /// Takes over what was assigned, once its commits are read; asks again until they are. Other
    /// lanes go on meanwhile.
    fn take_over_assigned(&mut self) -> Result<(), ConsumerError> {
        for mut take_over in std::mem::take(&mut self.take_overs) {
            let partitions = take_over.partitions.as_slice();
            if self.is_stopping {
                // Nothing is read any more; the close gives them back.
                let ends: Vec<_> =
                    partitions.iter().map(|of| (*of, rdkafka::Offset::End)).collect();
                self.queues.take_over(&ends)?;
            } else if Instant::now() < take_over.next_try {
                self.take_overs.push(take_over);
            } else {
                match self.positions(partitions) {
                    Ok(positions) => self.take_over(positions)?,
                    Err(error) => {
                        tracing::warn!(topic = %self.parts.topic, ?partitions, %error, "the commits could not be read; they will be asked for again");
                        take_over.next_try = Instant::now() + FAILED_READ_PAUSE;
                        self.take_overs.push(take_over);
                    }
                }
            }
        }
        Ok(())
    }

    fn positions(&self, partitions: &[Partition]) -> Result<Vec<Position>, KafkaError> {
        // A member that gets no partition is told so, too.
        if partitions.is_empty() {
            return Ok(Vec::new());
        }
        let list = self.queues.list(partitions);
        commit::read(self.queues.consumer(), list, self.parts.without_commit)
    }

    fn take_over(&mut self, positions: Vec<Position>) -> Result<(), ConsumerError> {
        let offsets: Vec<_> = positions.iter().map(|of| (of.partition, of.offset)).collect();
        self.queues.take_over(&offsets)?;
        self.parts.assignment.assign(positions.iter().map(|of| (of.partition, of.first())));
        for position in positions {
            self.missed.report(position.partition, position.missed);
        }
        self.parts.group_part.ok();
        Ok(())
    }

    fn receive_completions(&mut self) {
        while let Ok(completions) = self.parts.completions.try_recv() {
            for completion in &completions {
                self.parts.assignment.complete(completion);
            }
        }
    }

    fn check_workers(&self) -> Result<(), ConsumerError> {
        let Some(partition) = self.parts.assignment.dead_partition() else { return Ok(()) };
        tracing::error!(topic = %self.parts.topic, partition = partition.0, "the worker of a partition ended by itself");
        Err(ConsumerError::Died("the worker of a partition"))
    }

    /// Publishes gauges, and looks for lanes that stand still.
    fn report_if_due(&mut self) {
        let now = Instant::now();
        if now < self.next_report {
            return;
        }
        self.next_report = now + REPORT_INTERVAL;
        let assignment = &self.parts.assignment;
        let logs = self.queues.consumer().context().logs();
        self.parts.gauges.publish(assignment, &logs.partitions);
        self.missed.judge(&logs);
        let at_work = assignment.lanes().filter(|(_, lane)| lane.in_flight_count() > 0);
        let at_work = at_work.map(|(partition, lane)| (partition, lane.activity()));
        self.parts.watchdog.check(&self.parts.topic, at_work);
    }

    fn begin_drain(&mut self, partitions: Vec<Partition>, is_revoked: bool) {
        self.parts.assignment.drain(&partitions);
        self.drains.push(Drain {
            partitions,
            deadline: Instant::now() + self.parts.drain_timeout,
            is_revoked,
        });
    }

    /// Gives back what is drained, or what has had its time; commits first.
    fn finish_drains(&mut self) {
        let now = Instant::now();
        for drain in std::mem::take(&mut self.drains) {
            let is_drained = self.parts.assignment.is_drained(&drain.partitions);
            if !is_drained && now < drain.deadline {
                self.drains.push(drain);
                continue;
            }
            if !is_drained {
                tracing::warn!(partitions = ?drain.partitions, "not drained in time: what is in flight will be delivered again");
            }
            // A completion is sent before its ticket is dropped, so all of them are here by now.
            self.receive_completions();
            let assignment = &mut self.parts.assignment;
            self.committer.commit_last(&drain.partitions, &self.queues, assignment);
            self.parts.assignment.fence(&drain.partitions);
            if drain.is_revoked
                && let Err(error) = self.queues.give_back(&drain.partitions)
            {
                tracing::warn!(partitions = ?drain.partitions, %error, "could not be given back");
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
        tracing::info!(topic = %self.parts.topic, ?partitions, "stopping: draining");
        self.begin_drain(partitions, false);
    }
}

/// What is lost is neither given back (it may be ours again by the time its drain would end) nor
/// taken over (it may be another's by the time its commits are read). Says whether anything is
/// left.
fn let_go(partitions: &mut Vec<Partition>, lost: &[Partition]) -> bool {
    partitions.retain(|partition| !lost.contains(partition));
    !partitions.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lost_is_let_go_of() {
        let mut partitions = vec![Partition(0), Partition(1)];
        assert!(let_go(&mut partitions, &[1, 2, 3].map(Partition)));
        assert_eq!(partitions, [Partition(0)]);
        assert!(!let_go(&mut partitions, &[Partition(0)]));
    }
}
