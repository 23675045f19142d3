//! Partitions with records that are not read: noticed, logged, and shown beside readiness.
//!
//! Of its own partitions this consumer knows the position: one that does not move although the
//! lane has room means that librdkafka does not fetch, which a restart fixes. Of the others it
//! knows the commit alone. A commit that does not move is only a warning: their consumer may have
//! a reason that this one cannot see, or no consumer has the partition.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use linkrelay_common::health::Part;
use linkrelay_common::metrics as names;
use linkrelay_common::{Offset, Partition};
use metrics::gauge;

use crate::assignment::Assignment;
use crate::behind::{Behind, Behinds, Seen};
use crate::commit::{Found, first_without_commit};
use crate::context::LogBounds;
use crate::lookup::Lookup;
use crate::queues::Queues;

/// The names of the two warnings.
const UNREAD: &str = "partitions_unread";
const UNCOMMITTED: &str = "partitions_uncommitted";
/// How often the broker is asked for commits and ends of logs, at most.
const LOOKUP_INTERVAL: Duration = Duration::from_secs(10);
/// How often a partition that stays unread is logged again.
const REMINDER: Duration = Duration::from_secs(60);

/// After how long a partition that is not read is a warning, and after how long a standstill.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UnreadLimits {
    pub(crate) warn_after: Duration,
    pub(crate) fail_after: Duration,
}

/// Watches all partitions of the topic; owned by the poll thread.
pub(crate) struct Progress {
    topic: Arc<str>,
    group: Part,
    limits: UnreadLimits,
    without_commit: rdkafka::Offset,
    lookup: Option<Lookup>,
    next_lookup: Instant,
    /// The last answer of the broker; empty if it did not answer.
    found: Found,
    /// The bounds of all logs that are known, by the broker or by librdkafka.
    logs: BTreeMap<Partition, Range<Offset>>,
    unread: Behinds,
    uncommitted: Behinds,
    next_log_line: Instant,
}

impl Progress {
    /// Makes a watch whose warnings are those of `group`.
    pub(crate) fn new(
        topic: Arc<str>,
        group: Part,
        limits: UnreadLimits,
        without_commit: rdkafka::Offset,
    ) -> Self {
        let now = Instant::now();
        Self {
            topic,
            group,
            limits,
            without_commit,
            lookup: None,
            next_lookup: now,
            found: Found::default(),
            logs: BTreeMap::new(),
            unread: Behinds::default(),
            uncommitted: Behinds::default(),
            next_log_line: now,
        }
    }

    /// Returns the bounds of the logs that are known.
    pub(crate) fn logs(&self) -> &BTreeMap<Partition, Range<Offset>> {
        &self.logs
    }

    /// Notes what the broker said of partitions that are taken over now.
    pub(crate) fn begin(&mut self, found: &Found) {
        let partitions: Vec<Partition> = found.committed.keys().copied().collect();
        self.unread.forget(&partitions);
        self.logs.extend(found.logs.iter().map(|(partition, log)| (*partition, log.clone())));
    }

    /// Asks the broker when that is due, and judges by what it said last. While `is_held`, work
    /// waits for something that is reported elsewhere, and nothing is judged. Returns whether a
    /// partition of this consumer has been unread for more than the limit, so that only a restart helps.
    pub(crate) fn check(
        &mut self,
        queues: &mut Queues,
        assignment: &Assignment,
        known: &LogBounds,
        is_held: bool,
    ) -> bool {
        let now = Instant::now();
        self.look_up(now, queues, assignment, known);
        let (mut own, mut others) = (Vec::new(), Vec::new());
        if !is_held {
            own = self.own_partitions(assignment, known);
            others = self.other_partitions(assignment);
        }
        let unread = self.unread.observe(now, own);
        let uncommitted = self.uncommitted.observe(now, others);
        self.report(now, assignment, &unread, &uncommitted);
        unread.iter().any(|behind| behind.lasts >= self.limits.fail_after)
    }

    fn look_up(
        &mut self,
        now: Instant,
        queues: &mut Queues,
        assignment: &Assignment,
        known: &LogBounds,
    ) {
        for (partition, log) in &known.partitions {
            let seen = self.logs.entry(*partition).or_insert_with(|| log.clone());
            *seen = log.start..seen.end.max(log.end);
        }
        if let Some(answer) = self.lookup.as_ref().and_then(Lookup::answer) {
            self.lookup = None;
            self.found = answer.unwrap_or_else(|error| {
                tracing::debug!(topic = %self.topic, %error, "the broker did not say what is committed");
                Found::default()
            });
            self.logs.extend(self.found.logs.clone());
        }
        if self.lookup.is_none() && now >= self.next_lookup {
            let own: BTreeSet<Partition> = assignment.partitions().into_iter().collect();
            let partitions: Vec<Partition> = own.union(&known.all).copied().collect();
            if !partitions.is_empty() {
                self.next_lookup = now + LOOKUP_INTERVAL.min(self.limits.warn_after / 6);
                self.lookup = Some(queues.look_up(&partitions));
            }
        }
    }

    /// Returns the partitions of this consumer whose lanes have room, and whose leaders answered.
    fn own_partitions(&self, assignment: &Assignment, known: &LogBounds) -> Vec<(Partition, Seen)> {
        let lanes = assignment.lanes().filter(|(partition, _)| assignment.has_room(*partition));
        let seen = lanes.filter_map(|(partition, lane)| {
            let log = self.found.logs.get(&partition)?;
            let taken_to = lane.tracker().newest().map(Offset::next);
            let fetched_to = known.fetched_to.get(&partition).copied();
            let seen = seen(taken_to.max(fetched_to), log, self.without_commit)?;
            Some((partition, seen))
        });
        seen.collect()
    }

    /// Returns the partitions that this consumer does not have.
    fn other_partitions(&self, assignment: &Assignment) -> Vec<(Partition, Seen)> {
        let own = assignment.partitions();
        let others = self.found.committed.iter().filter(|(partition, _)| !own.contains(partition));
        let seen = others.filter_map(|(partition, committed)| {
            let log = self.found.logs.get(partition)?;
            Some((*partition, seen(*committed, log, self.without_commit)?))
        });
        seen.collect()
    }

    fn report(
        &mut self,
        now: Instant,
        assignment: &Assignment,
        unread: &[Behind],
        uncommitted: &[Behind],
    ) {
        for partition in assignment.partitions() {
            let lasts = unread.iter().find(|behind| behind.partition == partition);
            let labels = [("topic", self.topic.to_string()), ("partition", partition.to_string())];
            gauge!(names::PARTITION_UNREAD, &labels)
                .set(lasts.map_or(0.0, |behind| behind.lasts.as_secs_f64()));
        }
        let UnreadLimits { warn_after, fail_after } = self.limits;
        let unread = longer_than(warn_after, unread);
        // The other consumer may be busy with one slow link that holds its commit.
        let uncommitted = longer_than(fail_after, uncommitted);
        self.warn(UNREAD, "not read, although there is room for them", &unread);
        self.warn(
            UNCOMMITTED,
            "not committed by another consumer, or no consumer has them",
            &uncommitted,
        );
        if unread.is_empty() && uncommitted.is_empty() {
            self.next_log_line = now;
        } else if now >= self.next_log_line {
            self.next_log_line = now + REMINDER;
            self.log(
                &unread,
                "a partition has records and is not read, although its lane has room",
            );
            self.log(&uncommitted, "a partition of another consumer, or of none, has records and its commit does not move");
        }
    }

    fn warn(&self, name: &'static str, what: &str, behind: &[Behind]) {
        if behind.is_empty() {
            self.group.clear_warning(name);
            return;
        }
        let partitions = behind.iter().map(|Behind { partition, seen, lasts }| {
            let (position, end, seconds) = (seen.position.0, seen.end.0, lasts.as_secs());
            format!("partition {partition} from offset {position} to {end} for {seconds} s")
        });
        let partitions = partitions.collect::<Vec<_>>().join(", ");
        let topic = &self.topic;
        self.group.warn(name, format!("records of {topic} are {what}: {partitions}"));
    }

    fn log(&self, behind: &[Behind], what: &str) {
        for Behind { partition, seen, lasts } in behind {
            tracing::warn!(
                topic = %self.topic, partition = partition.0, offset = seen.position.0,
                log_end = seen.end.0, seconds = lasts.as_secs(), "{what}"
            );
        }
    }
}

/// Returns what is seen of a log that is read up to this position; `None` as the position means
/// that nothing of it was read or committed yet.
fn seen(
    position: Option<Offset>,
    log: &Range<Offset>,
    without_commit: rdkafka::Offset,
) -> Option<Seen> {
    let position = position.or_else(|| first_without_commit(log, without_commit))?;
    Some(Seen { position, end: log.end })
}

fn longer_than(limit: Duration, behind: &[Behind]) -> Vec<Behind> {
    behind.iter().filter(|behind| behind.lasts >= limit).copied().collect()
}

#[cfg(test)]
mod tests {
    use linkrelay_common::health::Health;

    use super::*;
    use crate::assignment::AssignmentLimits;
    use crate::lane::LaneLimits;
    use crate::record::Record;

    const LIMITS: AssignmentLimits =
        AssignmentLimits { lane: LaneLimits { queued: 1, prefix_gap: 9 }, held_bytes: 1_000_000 };

    fn progress(logs: impl IntoIterator<Item = i32>) -> Progress {
        let second = Duration::from_secs(1);
        let limits = UnreadLimits { warn_after: second, fail_after: second };
        let group = Health::default().part("group");
        let mut progress = Progress::new(Arc::from("T"), group, limits, rdkafka::Offset::Beginning);
        let log = |partition| (Partition(partition), Offset(2)..Offset(9));
        progress.found.logs = logs.into_iter().map(log).collect();
        progress.found.committed = (0..9).map(|number| (Partition(number), None)).collect();
        progress
    }

    fn record(partition: Partition, offset: Offset) -> Record {
        let topic = Arc::from("T");
        Record { topic, partition, offset, key: None, value: vec![], headers: None, timestamp: 7 }
    }

    #[tokio::test]
    async fn only_partitions_that_could_be_read_are_judged() {
        let start = Box::new(|end| {
            tokio::spawn(async move {
                std::future::pending::<()>().await;
                drop::<crate::lane::LaneEnd>(end);
            })
        });
        let mut assignment = Assignment::new(LIMITS, start);
        let [idle, at_end, unanswered, full, draining, fresh, marked, other] =
            [0, 1, 2, 3, 4, 5, 6, 7].map(Partition);
        let first = Some(Offset(4));
        assignment.assign([(idle, first), (unanswered, first), (full, first), (draining, first)]);
        assignment.assign([(at_end, Some(Offset(9))), (fresh, None), (marked, Some(Offset(8)))]);
        assignment.take(record(full, Offset(4)));
        assignment.drain(&[draining]);
        let progress = progress([0, 1, 3, 4, 5, 6, 7]);
        // librdkafka has passed a marker of a transaction at the end of that log.
        let fetched_to = BTreeMap::from([(marked, Offset(9))]);
        let known = LogBounds { fetched_to, ..LogBounds::default() };
        let at = |position| Seen { position: Offset(position), end: Offset(9) };
        let own = progress.own_partitions(&assignment, &known);
        assert_eq!(own, [(idle, at(4)), (at_end, at(9)), (fresh, at(2)), (marked, at(9))]);
        assert_eq!(progress.other_partitions(&assignment), [(other, at(2))]);
    }
}
