//! Which offsets of one partition are taken, which are complete, and what may be committed.
//!
//! Pure: no Kafka type, no clock, no lock. It lives for one assignment of its partition, and is
//! told what an earlier one completed beyond the prefix.
//!
//! The *prefix* is the next offset to commit, as it stands: every record below it is complete.
//! Offsets that Kafka never delivers (compacted, transaction markers) are no records, so a
//! complete record before such a gap moves the prefix over it once the next one is taken.

use std::collections::VecDeque;
use std::ops::Range;

/// A misuse of the tracker, or offsets that went backwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TrackerError {
    /// The topic was truncated or made anew: offsets go backwards.
    #[error("offset {offset} came after offset {newest}")]
    Backwards { offset: i64, newest: i64 },
    /// Never taken, or complete and below the prefix already.
    #[error("offset {0} is not in work")]
    NotInWork(i64),
    /// Reported twice.
    #[error("offset {0} was complete already")]
    AlreadyComplete(i64),
}

/// What is to be done with a record that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// Work on it.
    New,
    /// Nothing: an earlier assignment completed it.
    AlreadyComplete,
}

/// What a commit says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CommitPoint {
    /// The next offset: all below it are complete.
    pub(crate) prefix: i64,
    /// What is complete beyond it: ascending, not touching.
    pub(crate) complete_beyond: Vec<Range<i64>>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    offset: i64,
    is_complete: bool,
}

/// Offsets by their order; complete in any order.
#[derive(Debug, Default)]
pub(crate) struct OffsetTracker {
    /// From the first incomplete record to the newest taken; the front is never complete.
    entries: VecDeque<Entry>,
    newest: Option<i64>,
    /// Complete since an earlier assignment, and not yet delivered to this one.
    remembered: VecDeque<Range<i64>>,
    in_work_count: usize,
    /// Something was completed since the last commit.
    has_news: bool,
}

impl OffsetTracker {
    /// Begins with what an earlier assignment completed: ascending ranges that do not touch.
    pub(crate) fn resume(remembered: Vec<Range<i64>>) -> Self {
        Self { remembered: remembered.into(), ..Self::default() }
    }

    /// A record was delivered.
    pub(crate) fn take(&mut self, offset: i64) -> Result<Taken, TrackerError> {
        if let Some(newest) = self.newest.filter(|newest| offset <= *newest) {
            return Err(TrackerError::Backwards { offset, newest });
        }
        self.newest = Some(offset);
        while self.remembered.front().is_some_and(|range| range.end <= offset) {
            self.remembered.pop_front();
        }
        let is_complete = self.remembered.front().is_some_and(|range| range.contains(&offset));
        self.entries.push_back(Entry { offset, is_complete });
        if is_complete {
            self.move_prefix();
            Ok(Taken::AlreadyComplete)
        } else {
            self.in_work_count += 1;
            Ok(Taken::New)
        }
    }

    /// A record's documents are stored, or its dead letter is.
    pub(crate) fn complete(&mut self, offset: i64) -> Result<(), TrackerError> {
        let index = self
            .entries
            .binary_search_by_key(&offset, |entry| entry.offset)
            .map_err(|_| TrackerError::NotInWork(offset))?;
        let entry = &mut self.entries[index];
        if entry.is_complete {
            return Err(TrackerError::AlreadyComplete(offset));
        }
        entry.is_complete = true;
        self.in_work_count -= 1;
        self.has_news = true;
        self.move_prefix();
        Ok(())
    }

    /// The next offset to commit; `None` before the first record.
    pub(crate) fn prefix(&self) -> Option<i64> {
        match self.entries.front() {
            Some(first_incomplete) => Some(first_incomplete.offset),
            None => self.newest.map(|newest| newest + 1),
        }
    }

    /// What is to be committed, if anything was completed since [`mark_committed`](Self::mark_committed).
    pub(crate) fn commit_point(&self) -> Option<CommitPoint> {
        let prefix = self.prefix().filter(|_| self.has_news)?;
        Some(CommitPoint { prefix, complete_beyond: self.complete_beyond() })
    }

    /// The broker has the newest commit point.
    pub(crate) fn mark_committed(&mut self) {
        self.has_news = false;
    }

    /// How many records are taken and not complete.
    pub(crate) fn in_work_count(&self) -> usize {
        self.in_work_count
    }

    /// How many records lie between the prefix and the newest taken, complete or not.
    pub(crate) fn gap(&self) -> usize {
        self.entries.len()
    }

    fn move_prefix(&mut self) {
        while self.entries.front().is_some_and(|entry| entry.is_complete) {
            self.entries.pop_front();
            self.has_news = true;
        }
    }

    /// Offsets between two complete records that were never delivered never will be, so they
    /// count as complete, which makes fewer ranges.
    fn complete_beyond(&self) -> Vec<Range<i64>> {
        let mut ranges: Vec<Range<i64>> = Vec::new();
        let mut is_run = false;
        for entry in &self.entries {
            match ranges.last_mut().filter(|_| is_run && entry.is_complete) {
                Some(range) => range.end = entry.offset + 1,
                None if entry.is_complete => ranges.push(entry.offset..entry.offset + 1),
                None => {}
            }
            is_run = entry.is_complete;
        }
        let next = self.newest.map_or(0, |newest| newest + 1);
        for range in self.remembered.iter().filter(|range| range.end > next) {
            let start = range.start.max(next);
            match ranges.last_mut() {
                Some(last) if last.end == start => last.end = range.end,
                _ => ranges.push(start..range.end),
            }
        }
        ranges
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::metadata;

    #[test]
    fn the_prefix_waits_for_the_first_incomplete_record() {
        let mut tracker = OffsetTracker::default();
        assert_eq!(tracker.prefix(), None);
        for offset in [5, 6, 9] {
            tracker.take(offset).unwrap();
        }
        tracker.complete(6).unwrap();
        assert_eq!((tracker.prefix(), tracker.gap()), (Some(5), 3));
        assert_eq!(
            tracker.commit_point(),
            Some(CommitPoint { prefix: 5, complete_beyond: vec![6..7] })
        );
        tracker.complete(5).unwrap();
        assert_eq!((tracker.prefix(), tracker.gap()), (Some(9), 1));
        tracker.complete(9).unwrap();
        assert_eq!((tracker.prefix(), tracker.gap()), (Some(10), 0));
        tracker.mark_committed();
        assert_eq!(tracker.commit_point(), None);
    }

    #[test]
    fn what_was_complete_before_is_not_worked_on_again() {
        let mut tracker = OffsetTracker::resume(vec![6..8, 20..30]);
        assert_eq!(tracker.take(5), Ok(Taken::New));
        assert_eq!(tracker.take(6), Ok(Taken::AlreadyComplete));
        assert_eq!(tracker.take(7), Ok(Taken::AlreadyComplete));
        assert_eq!(tracker.take(8), Ok(Taken::New));
        tracker.complete(8).unwrap();
        // What was not delivered yet is remembered by the next commit, too.
        assert_eq!(
            tracker.commit_point(),
            Some(CommitPoint { prefix: 5, complete_beyond: vec![6..9, 20..30] })
        );
        tracker.complete(5).unwrap();
        assert_eq!(tracker.prefix(), Some(9));
        // Compacted: nothing between 9 and 25 will be delivered.
        assert_eq!(tracker.take(25), Ok(Taken::AlreadyComplete));
        assert_eq!(
            tracker.commit_point(),
            Some(CommitPoint { prefix: 26, complete_beyond: vec![26..30] })
        );
    }

    #[test]
    fn a_misuse_is_an_error_and_changes_nothing() {
        let mut tracker = OffsetTracker::default();
        tracker.take(5).unwrap();
        tracker.take(6).unwrap();
        tracker.complete(6).unwrap();
        assert_eq!(tracker.take(6), Err(TrackerError::Backwards { offset: 6, newest: 6 }));
        assert_eq!(tracker.complete(6), Err(TrackerError::AlreadyComplete(6)));
        assert_eq!(tracker.complete(7), Err(TrackerError::NotInWork(7)));
        assert_eq!(tracker.prefix(), Some(5));
    }

    #[derive(Debug, Clone)]
    enum Step {
        /// A new record comes into the log, so many offsets after the last one, and is delivered.
        Take {
            gap: i64,
        },
        Complete {
            nth_in_work: usize,
        },
        Commit,
        /// The process dies; another reads the last commit, and everything from its prefix on is
        /// delivered again, a part of it at once.
        Restart {
            redelivered: usize,
        },
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            8 => (0_i64..4).prop_map(|gap| Step::Take { gap }),
            8 => any::<usize>().prop_map(|nth_in_work| Step::Complete { nth_in_work }),
            2 => Just(Step::Commit),
            1 => (0_usize..50).prop_map(|redelivered| Step::Restart { redelivered }),
        ];
        proptest::collection::vec(step, 0..300)
    }

    /// The naive model: every offset of the log, with whether it was really completed and
    /// whether the running process knows.
    #[derive(Default)]
    struct Model {
        log: BTreeMap<i64, Fate>,
        /// What of the log this process was delivered.
        delivered_to: Option<i64>,
        committed: Option<(i64, String)>,
    }

    #[derive(Default, Clone, Copy)]
    struct Fate {
        is_done: bool,
        is_known: bool,
        is_committed: bool,
    }

    impl Model {
        fn in_work(&self) -> Vec<i64> {
            let to = self.delivered_to.unwrap_or(-1);
            let from = self.committed.as_ref().map_or(0, |(prefix, _)| *prefix);
            let delivered = self.log.range(from..).take_while(|(offset, _)| **offset <= to);
            delivered.filter(|(_, fate)| !fate.is_known).map(|(offset, _)| *offset).collect()
        }

        /// The next offset of the log that this process was not delivered.
        fn next_delivery(&self) -> Option<i64> {
            let from = match (self.delivered_to, &self.committed) {
                (Some(newest), _) => newest + 1,
                (None, Some((prefix, _))) => *prefix,
                (None, None) => 0,
            };
            self.log.range(from..).next().map(|(offset, _)| *offset)
        }

        fn deliver(&mut self, tracker: &mut OffsetTracker, offset: i64) {
            let fate = self.log[&offset];
            let expected = if fate.is_known { Taken::AlreadyComplete } else { Taken::New };
            assert_eq!(tracker.take(offset), Ok(expected), "offset {offset}");
            self.delivered_to = Some(offset);
        }

        fn commit(&mut self, tracker: &mut OffsetTracker) {
            let Some(point) = tracker.commit_point() else { return };
            // Nothing incomplete is ever below a commit, nor claimed beyond it.
            assert!(self.log.range(..point.prefix).all(|(_, fate)| fate.is_done));
            let text = metadata::encode(point.prefix, &point.complete_beyond);
            self.committed = Some((point.prefix, text));
            self.log.values_mut().for_each(|fate| fate.is_committed = fate.is_known);
            tracker.mark_committed();
        }

        fn restart(&mut self, redelivered: usize) -> OffsetTracker {
            self.log.values_mut().for_each(|fate| fate.is_known = fate.is_committed);
            self.delivered_to = None;
            let remembered =
                self.committed.as_ref().map(|(prefix, text)| metadata::decode(*prefix, text));
            let mut tracker = OffsetTracker::resume(remembered.unwrap_or_default());
            for _ in 0..redelivered {
                let Some(offset) = self.next_delivery() else { break };
                self.deliver(&mut tracker, offset);
            }
            tracker
        }
    }

    proptest! {
        #[test]
        fn it_agrees_with_a_map_of_all_offsets_through_commits_and_restarts(first in 0_i64..1_000_000, steps in steps()) {
            let (mut tracker, mut model) = (OffsetTracker::default(), Model::default());
            for step in steps {
                match step {
                    Step::Take { gap } => {
                        let next = model.log.keys().next_back().map_or(first, |newest| newest + 1 + gap);
                        model.log.insert(next, Fate::default());
                        let offset = model.next_delivery().unwrap();
                        model.deliver(&mut tracker, offset);
                    }
                    Step::Complete { nth_in_work } => {
                        let in_work = model.in_work();
                        let Some(offset) = in_work.get(nth_in_work % in_work.len().max(1)) else { continue };
                        tracker.complete(*offset).unwrap();
                        model.log.insert(*offset, Fate { is_done: true, is_known: true, is_committed: false });
                    }
                    Step::Commit => model.commit(&mut tracker),
                    Step::Restart { redelivered } => tracker = model.restart(redelivered),
                }
                let newest = model.delivered_to;
                let first_incomplete = model.in_work().first().copied();
                let end = newest.map(|newest| newest + 1);
                prop_assert_eq!(tracker.prefix(), first_incomplete.or(end));
                let delivered = |offset: i64| Some(offset) <= newest;
                let gap = first_incomplete.map_or(0, |from| model.log.range(from..).filter(|(offset, _)| delivered(**offset)).count());
                prop_assert_eq!(tracker.gap(), gap);
                prop_assert_eq!(tracker.in_work_count(), model.in_work().len());
            }
        }
    }
}
