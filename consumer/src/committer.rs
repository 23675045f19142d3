//! When prefixes are committed: once the broker has confirmed that the topic is still the one from
//! which they were read.
//!
//! A topic that was deleted and created again has other records at the same offsets, and the broker
//! takes a commit by the name of the topic. So each commit has the prefixes as they were when the
//! id of the topic was requested; if the broker answers with another id, the topic is read from its
//! beginning. It must not know how a prefix moves.

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

/// A commit that fails only after this long found no broker, and it blocked the poll thread all the
/// time. The next one then waits for [`FAILURE_PAUSE`].
const SLOW_FAILURE: Duration = Duration::from_secs(1);
const FAILURE_PAUSE: Duration = Duration::from_secs(5);

/// The commit points: partitions, with the offset from which each is to be read next.
type Points = Vec<(Partition, Offset)>;

/// A commit that waits for the id of its topic.
struct PendingCommit {
    request: TopicIdRequest,
    points: Points,
    at: Instant,
}

/// Requests the topic's id and commits. Owned by the poll thread.
pub(crate) struct Committer {
    topic: Arc<str>,
    interval: Duration,
    /// The id of the topic that is read. Until the broker has sent it (old brokers never do), there
    /// is nothing to compare, and no commit waits for it.
    known: Option<TopicId>,
    pending: Option<PendingCommit>,
    next: Instant,
    committed: Activity,
}

impl Committer {
    /// Makes a committer that commits every `interval` and notes each commit in `committed`.
    pub(crate) fn new(topic: Arc<str>, interval: Duration, committed: Activity) -> Self {
        let next = Instant::now();
        Self { topic, interval, known: None, pending: None, next, committed }
    }

    /// Requests the topic's id when a commit is due, and commits once there is an answer. Blocks
    /// only for the commit itself.
    pub(crate) fn commit_if_due(&mut self, queues: &Queues, assignment: &mut Assignment) {
        let now = Instant::now();
        if now >= self.next {
            self.next = now + self.interval;
            let mut points = assignment.commit_points(&assignment.partitions());
            if self.known.is_none() {
                let points = std::mem::take(&mut points);
                let is_settled = self.settle(&TopicIdAnswer::HasNoId, points, queues, assignment);
                self.pause_if_broker_is_unreachable(is_settled, now);
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
            let is_settled = self.settle(&answer, pending.points, queues, assignment);
            self.pause_if_broker_is_unreachable(is_settled, pending.at);
        }
    }

    fn pause_if_broker_is_unreachable(&mut self, is_settled: bool, begun: Instant) {
        if !is_settled && begun.elapsed() >= SLOW_FAILURE {
            self.next = Instant::now() + FAILURE_PAUSE;
        }
    }

    /// Commits the prefixes of these partitions now, and blocks for the answers of the broker.
    pub(crate) fn commit_now(
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

    /// Commits if the answer allows it. Returns whether that succeeded.
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
        // A partition that was given back or whose log went back in the meantime is left out.
        points.retain(|(partition, prefix)| assignment.is_complete_below(*partition, *prefix));
        points.is_empty() || self.write(&points, queues, assignment)
    }

    /// Blocks for the broker's answer: an asynchronous commit gets none (rust-rdkafka #856).
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
        tracing::warn!(topic = %self.topic, ?partitions, error = reason, "a commit failed; it will be retried");
    }

    /// Reads every partition of the new topic from its beginning. The documents show which links
    /// are complete, so that none is processed twice.
    fn begin_again(&mut self, id: TopicId, queues: &Queues, assignment: &mut Assignment) {
        tracing::warn!(topic = %self.topic, "the topic was created again: it is read from its beginning");
        let mut is_read_again = true;
        for partition in assignment.partitions() {
            // Also those that cannot be read yet: a prefix of the old topic must not be committed
            // to the new one.
            assignment.rewind(partition, Offset(0));
            if let Err(error) = queues.seek_to_beginning(partition) {
                tracing::warn!(topic = %self.topic, partition = partition.0, %error, "a partition cannot be read from its beginning yet; it will be retried");
                is_read_again = false;
            }
        }
        if is_read_again {
            self.known = Some(id);
        }
    }
}
