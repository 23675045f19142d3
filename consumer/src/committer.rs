//! When prefixes are committed: once the broker has said that the topic is still the one that they
//! were read from.
//!
//! A topic that was deleted and created again has other records at the same offsets, and the broker
//! takes a commit for a name, whichever topic has it now. So each commit is of the prefixes as they
//! were when the broker was asked for the topic's id; if another answers, the topic is read from
//! its beginning. It must not know how a prefix moves.

use std::sync::Arc;
use std::time::{Duration, Instant};

use linkrelay_common::metrics as names;
use linkrelay_common::{Offset, Partition};
use metrics::counter;

use crate::assignment::Assignment;
use crate::commit;
use crate::liveness::Activity;
use crate::queues::Queues;
use crate::topic_id::{TopicId, TopicIdAnswer, TopicIdRequest};

/// What takes so long before it fails met no broker, and a commit holds the poll thread. Then the
/// next one waits longer.
const SLOW_FAILURE: Duration = Duration::from_secs(1);
const FAILURE_PAUSE: Duration = Duration::from_secs(5);

/// Partitions and the offset that each is to be read from next.
type Points = Vec<(Partition, Offset)>;

/// A commit that waits for the answer about its topic.
struct PendingCommit {
    request: TopicIdRequest,
    points: Points,
    at: Instant,
}

/// Asks and commits. Belongs to the poll thread.
pub(crate) struct Committer {
    topic: Arc<str>,
    interval: Duration,
    /// The topic that is read. Until the broker has told (some never do), nothing can be compared,
    /// and no commit waits for it.
    known: Option<TopicId>,
    pending: Option<PendingCommit>,
    next: Instant,
    committed: Activity,
}

impl Committer {
    /// Commits every `interval`, and notes it in `committed`.
    pub(crate) fn new(topic: Arc<str>, interval: Duration, committed: Activity) -> Self {
        let next = Instant::now();
        Self { topic, interval, known: None, pending: None, next, committed }
    }

    /// Asks when it is time, and commits once there is an answer. Waits for nothing but the commit.
    pub(crate) fn commit_if_due(&mut self, queues: &Queues, assignment: &mut Assignment) {
        let now = Instant::now();
        if now >= self.next {
            self.next = now + self.interval;
            let mut points = assignment.commit_points(&assignment.partitions());
            if self.known.is_none() {
                let points = std::mem::take(&mut points);
                let is_done = self.settle(&TopicIdAnswer::HasNoId, points, queues, assignment);
                self.pause_if_broker_is_away(is_done, now);
            }
            if self.pending.is_none() {
                self.pending =
                    Some(PendingCommit { request: queues.ask_for_topic_id(), points, at: now });
            }
        }
        let Some(answer) = self.pending.as_ref().and_then(|pending| pending.request.answer())
        else {
            return;
        };
        if let Some(pending) = self.pending.take() {
            let is_done = self.settle(&answer, pending.points, queues, assignment);
            self.pause_if_broker_is_away(is_done, pending.at);
        }
    }

    fn pause_if_broker_is_away(&mut self, is_done: bool, begun: Instant) {
        if !is_done && begun.elapsed() >= SLOW_FAILURE {
            self.next = Instant::now() + FAILURE_PAUSE;
        }
    }

    /// Commits what these have done, now, and waits for the answers.
    pub(crate) fn commit_last(
        &mut self,
        partitions: &[Partition],
        queues: &Queues,
        assignment: &mut Assignment,
    ) {
        let points = assignment.commit_points(partitions);
        if points.is_empty() {
            return;
        }
        let answer = match self.known {
            Some(_) => queues.ask_for_topic_id().wait(),
            None => TopicIdAnswer::HasNoId,
        };
        self.settle(&answer, points, queues, assignment);
    }

    /// Does what the answer allows; says whether it worked.
    fn settle(
        &mut self,
        answer: &TopicIdAnswer,
        mut points: Points,
        queues: &Queues,
        assignment: &mut Assignment,
    ) -> bool {
        match answer {
            TopicIdAnswer::Id(id) if *self.known.get_or_insert(*id) != *id => {
                self.begin_again(*id, queues, assignment);
                points = assignment.commit_points(&assignment.partitions());
            }
            TopicIdAnswer::Id(_) | TopicIdAnswer::HasNoId => {}
            TopicIdAnswer::Failed(_) if points.is_empty() => return true,
            TopicIdAnswer::Failed(reason) => {
                self.warn(&points, reason);
                return false;
            }
        }
        // What was given back or has gone back meanwhile is not ours to commit.
        points.retain(|(partition, prefix)| assignment.is_done_before(*partition, *prefix));
        points.is_empty() || self.write(&points, queues, assignment)
    }

    /// Waits for the broker's answer: an asynchronous commit has none (rust-rdkafka #856).
    fn write(
        &self,
        points: &[(Partition, Offset)],
        queues: &Queues,
        assignment: &mut Assignment,
    ) -> bool {
        match commit::write(queues.consumer(), &self.topic, points) {
            Ok(()) => {
                counter!(names::COMMITS, "outcome" => "committed").increment(1);
                self.committed.note();
                assignment.mark_committed(points);
                true
            }
            Err(error) => {
                self.warn(points, &error.to_string());
                false
            }
        }
    }

    fn warn(&self, points: &[(Partition, Offset)], reason: &str) {
        counter!(names::COMMITS, "outcome" => "failed").increment(1);
        let partitions: Vec<Partition> = points.iter().map(|(partition, _)| *partition).collect();
        tracing::warn!(topic = %self.topic, ?partitions, error = reason, "a commit failed; it will be tried again");
    }

    /// Reads every partition of the new topic from its beginning. The documents tell what of it is
    /// done, so that nothing is done twice.
    fn begin_again(&mut self, id: TopicId, queues: &Queues, assignment: &mut Assignment) {
        tracing::warn!(topic = %self.topic, "the topic was created again: it is read from its beginning");
        let mut is_read_again = true;
        for partition in assignment.partitions() {
            // Every one, also if it cannot be read yet: what was read of the old topic must not be
            // committed to the new one.
            assignment.rewind(partition, Offset(0));
            if let Err(error) = queues.seek_to_beginning(partition) {
                tracing::warn!(topic = %self.topic, partition = partition.0, %error, "a partition cannot be read from its beginning yet; it will be tried again");
                is_read_again = false;
            }
        }
        if is_read_again {
            self.known = Some(id);
        }
    }
}
