//! Which offsets of one partition are taken, which are complete, and what may be committed.
//!
//! Pure: no Kafka type, no clock, no lock. It lives for one assignment of its partition.
//!
//! The *prefix* is the next offset to commit, as it stands: every record below it is complete.
//! Offsets that Kafka never delivers (compacted, transaction markers) are no records, so a
//! complete record before such a gap moves the prefix over it once the next one is taken.

use std::collections::VecDeque;

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
}

impl OffsetTracker {
    /// A record was delivered and will be worked on.
    pub(crate) fn take(&mut self, offset: i64) -> Result<(), TrackerError> {
        if let Some(newest) = self.newest.filter(|newest| offset <= *newest) {
            return Err(TrackerError::Backwards { offset, newest });
        }
        self.newest = Some(offset);
        self.entries.push_back(Entry { offset, is_complete: false });
        Ok(())
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
        while self.entries.front().is_some_and(|entry| entry.is_complete) {
            self.entries.pop_front();
        }
        Ok(())
    }

    /// The next offset to commit; `None` before the first record.
    pub(crate) fn prefix(&self) -> Option<i64> {
        match self.entries.front() {
            Some(first_incomplete) => Some(first_incomplete.offset),
            None => self.newest.map(|newest| newest + 1),
        }
    }

    /// How many records lie between the prefix and the newest taken, complete or not.
    pub(crate) fn gap(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_prefix_waits_for_the_first_incomplete_record() {
        let mut tracker = OffsetTracker::default();
        assert_eq!(tracker.prefix(), None);
        for offset in [5, 6, 9] {
            tracker.take(offset).unwrap();
        }
        tracker.complete(6).unwrap();
        assert_eq!((tracker.prefix(), tracker.gap()), (Some(5), 3));
        tracker.complete(5).unwrap();
        assert_eq!((tracker.prefix(), tracker.gap()), (Some(9), 1));
        tracker.complete(9).unwrap();
        assert_eq!((tracker.prefix(), tracker.gap()), (Some(10), 0));
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
        Take { gap: i64 },
        Complete { nth_in_work: usize },
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let take = (0_i64..4).prop_map(|gap| Step::Take { gap });
        let complete = any::<usize>().prop_map(|nth_in_work| Step::Complete { nth_in_work });
        proptest::collection::vec(prop_oneof![take, complete], 0..200)
    }

    proptest! {
        #[test]
        fn it_agrees_with_a_map_of_all_offsets(first in 0_i64..1_000_000, steps in steps()) {
            let mut tracker = OffsetTracker::default();
            let mut all: BTreeMap<i64, bool> = BTreeMap::new();
            for step in steps {
                match step {
                    Step::Take { gap } => {
                        let offset = all.keys().next_back().map_or(first, |newest| newest + 1 + gap);
                        tracker.take(offset).unwrap();
                        all.insert(offset, false);
                    }
                    Step::Complete { nth_in_work } => {
                        let in_work: Vec<i64> =
                            all.iter().filter(|(_, complete)| !**complete).map(|(offset, _)| *offset).collect();
                        if in_work.is_empty() {
                            continue;
                        }
                        let offset = in_work[nth_in_work % in_work.len()];
                        tracker.complete(offset).unwrap();
                        all.insert(offset, true);
                    }
                }
                let first_incomplete = all.iter().find(|(_, complete)| !**complete).map(|(offset, _)| *offset);
                let end = all.keys().next_back().map(|newest| newest + 1);
                prop_assert_eq!(tracker.prefix(), first_incomplete.or(end));
                let gap = first_incomplete.map_or(0, |first| all.range(first..).count());
                prop_assert_eq!(tracker.gap(), gap);
            }
        }
    }
}
