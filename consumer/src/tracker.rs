//! Which offsets of one partition are taken, which are complete, and what may be committed.
//!
//! Pure: no Kafka client, no clock, no lock. It lives for one assignment of its partition. No other
//! state records what is complete beyond the prefix: after a take-over the documents show it.
//!
//! The *prefix* is the next offset to commit: every record below it is complete. Offsets that Kafka
//! never delivers (compacted, transaction markers) are not records, so a complete record before
//! such a gap moves the prefix over it once the next one is taken.

use std::collections::VecDeque;

use linkrelay_common::Offset;

use crate::record::Epoch;

/// A wrong use of the tracker, or an offset that goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TrackerError {
    /// The log was truncated, or its topic created again.
    #[error("offset {offset} came after offset {newest}")]
    Backwards { offset: Offset, newest: Offset },
    /// The record was never taken in this epoch, or is complete and below the prefix already.
    #[error("offset {0} is not in flight")]
    NotInFlight(Offset),
    /// The completion was reported twice.
    #[error("offset {0} was complete already")]
    AlreadyComplete(Offset),
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    offset: Offset,
    epoch: Epoch,
    is_complete: bool,
}

/// The offsets of one partition: taken in order, completed in any order.
#[derive(Debug, Default)]
pub(crate) struct OffsetTracker {
    /// From the first incomplete record to the newest taken; the front is never complete.
    entries: VecDeque<Entry>,
    newest: Option<Offset>,
    in_flight_count: usize,
    /// The prefix has moved since the last commit.
    has_news: bool,
}

impl From<Offset> for OffsetTracker {
    /// Returns the tracker of a partition that is read from this offset.
    fn from(first: Offset) -> Self {
        Self { newest: Some(first.previous()), ..Self::default() }
    }
}

impl OffsetTracker {
    /// Takes a record that was delivered.
    ///
    /// # Errors
    /// [`TrackerError::Backwards`] if the offset is not above the newest one.
    pub(crate) fn take(&mut self, offset: Offset, epoch: Epoch) -> Result<(), TrackerError> {
        if let Some(newest) = self.newest.filter(|newest| offset <= *newest) {
            return Err(TrackerError::Backwards { offset, newest });
        }
        self.newest = Some(offset);
        self.entries.push_back(Entry { offset, epoch, is_complete: false });
        self.in_flight_count += 1;
        Ok(())
    }

    /// Completes a record: its documents are stored, or its dead letter is.
    ///
    /// # Errors
    /// [`TrackerError::NotInFlight`] or [`TrackerError::AlreadyComplete`]; then nothing changes.
    pub(crate) fn complete(&mut self, offset: Offset, epoch: Epoch) -> Result<(), TrackerError> {
        let found = self.entries.binary_search_by_key(&offset, |entry| entry.offset);
        let entry = found.ok().and_then(|index| self.entries.get_mut(index));
        let Some(entry) = entry.filter(|entry| entry.epoch == epoch) else {
            return Err(TrackerError::NotInFlight(offset));
        };
        if entry.is_complete {
            return Err(TrackerError::AlreadyComplete(offset));
        }
        entry.is_complete = true;
        self.in_flight_count -= 1;
        self.move_prefix();
        Ok(())
    }

    /// Continues from `offset`, at or below the newest, because the log now does. What was taken at
    /// or above it is dropped, because the log has other records there; what is below stays in
    /// flight.
    pub(crate) fn rewind(&mut self, offset: Offset) {
        let kept = self.entries.partition_point(|entry| entry.offset < offset);
        let dropped = self.entries.drain(kept..);
        self.in_flight_count -= dropped.filter(|entry| !entry.is_complete).count();
        self.newest = Some(offset.previous());
        // A commit beyond the new end of the log has to go back as well.
        self.has_news = true;
        self.move_prefix();
    }

    /// Returns the next offset to commit; `None` before the first record.
    pub(crate) fn prefix(&self) -> Option<Offset> {
        match self.entries.front() {
            Some(first_incomplete) => Some(first_incomplete.offset),
            None => self.newest.map(Offset::next),
        }
    }

    /// Returns the prefix, if it has moved since [`mark_committed`](Self::mark_committed).
    pub(crate) fn commit_point(&self) -> Option<Offset> {
        self.prefix().filter(|_| self.has_news)
    }

    /// Notes that the broker has this commit point.
    pub(crate) fn mark_committed(&mut self, prefix: Offset) {
        self.has_news = self.prefix() != Some(prefix);
    }

    /// Returns the newest offset taken.
    pub(crate) fn newest(&self) -> Option<Offset> {
        self.newest
    }

    /// Returns how many records are taken and not complete.
    pub(crate) fn in_flight_count(&self) -> usize {
        self.in_flight_count
    }

    /// Returns how many records are between the prefix and the newest taken, complete or not.
    pub(crate) fn gap(&self) -> usize {
        self.entries.len()
    }

    fn move_prefix(&mut self) {
        while self.entries.front().is_some_and(|entry| entry.is_complete) {
            self.entries.pop_front();
            self.has_news = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    const EPOCH: Epoch = Epoch(1);

    fn tracker(offsets: &[i64]) -> OffsetTracker {
        let mut tracker = OffsetTracker::default();
        for offset in offsets {
            tracker.take(Offset(*offset), EPOCH).unwrap();
        }
        tracker
    }

    #[test]
    fn the_prefix_waits_for_the_first_incomplete_record() {
        let mut tracker = tracker(&[5, 6, 9]);
        assert_eq!(OffsetTracker::default().prefix(), None);
        tracker.complete(Offset(6), EPOCH).unwrap();
        assert_eq!((tracker.prefix(), tracker.gap()), (Some(Offset(5)), 3));
        assert_eq!(tracker.commit_point(), None, "nothing new below the prefix");
        tracker.complete(Offset(5), EPOCH).unwrap();
        assert_eq!((tracker.commit_point(), tracker.gap()), (Some(Offset(9)), 1));
        tracker.complete(Offset(9), EPOCH).unwrap();
        assert_eq!((tracker.prefix(), tracker.gap()), (Some(Offset(10)), 0));
        tracker.mark_committed(Offset(9));
        assert_eq!(tracker.commit_point(), Some(Offset(10)), "an older point was committed");
        tracker.mark_committed(Offset(10));
        assert_eq!(tracker.commit_point(), None);
    }

    #[test]
    fn a_wrong_use_is_an_error_and_changes_nothing() {
        let mut tracker = tracker(&[5, 6]);
        tracker.complete(Offset(6), EPOCH).unwrap();
        let backwards = TrackerError::Backwards { offset: Offset(6), newest: Offset(6) };
        assert_eq!(tracker.take(Offset(6), EPOCH), Err(backwards));
        assert_eq!(
            tracker.complete(Offset(6), EPOCH),
            Err(TrackerError::AlreadyComplete(Offset(6)))
        );
        assert_eq!(tracker.complete(Offset(7), EPOCH), Err(TrackerError::NotInFlight(Offset(7))));
        assert_eq!(
            tracker.complete(Offset(5), Epoch(0)),
            Err(TrackerError::NotInFlight(Offset(5)))
        );
        assert_eq!(tracker.prefix(), Some(Offset(5)));
    }

    #[test]
    fn a_truncated_log_keeps_what_is_in_flight_below_its_end() {
        let mut tracker = tracker(&[3, 4, 7, 8]);
        tracker.complete(Offset(8), EPOCH).unwrap();
        tracker.complete(Offset(3), EPOCH).unwrap();
        tracker.mark_committed(Offset(4));
        tracker.rewind(Offset(7));
        assert_eq!((tracker.in_flight_count(), tracker.gap()), (1, 1));
        assert_eq!(tracker.commit_point(), Some(Offset(4)));
        tracker.take(Offset(7), Epoch(2)).unwrap();
        // The completion of the record that was at 7 before does not count for the one there now.
        assert_eq!(tracker.complete(Offset(7), EPOCH), Err(TrackerError::NotInFlight(Offset(7))));
        tracker.complete(Offset(4), EPOCH).unwrap();
        assert_eq!(tracker.commit_point(), Some(Offset(7)));
        tracker.complete(Offset(7), Epoch(2)).unwrap();
        assert_eq!(tracker.commit_point(), Some(Offset(8)));
    }

    #[derive(Debug, Clone)]
    enum Step {
        /// A record is delivered, `gap` offsets after the end of the log.
        Take {
            gap: i64,
        },
        /// A record in flight is completed, with the epoch in which it was taken.
        Complete {
            nth_in_flight: usize,
        },
        Commit,
        /// The log is truncated to `back` offsets below its newest, and others follow.
        Truncate {
            back: i64,
        },
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            8 => (0_i64..4).prop_map(|gap| Step::Take { gap }),
            8 => any::<usize>().prop_map(|nth_in_flight| Step::Complete { nth_in_flight }),
            2 => Just(Step::Commit),
            1 => (0_i64..60).prop_map(|back| Step::Truncate { back }),
        ];
        proptest::collection::vec(step, 0..300)
    }

    /// The naive model: every record of the log as it is now, by offset, with its epoch and whether
    /// it is complete; and those in flight that the log no longer has.
    #[derive(Default)]
    struct Model {
        log: BTreeMap<i64, (Epoch, bool)>,
        truncated: Vec<(i64, Epoch)>,
        next: i64,
    }

    impl Model {
        fn in_flight(&self) -> Vec<(i64, Epoch)> {
            let in_log = self.log.iter().filter(|(_, (_, is_complete))| !is_complete);
            let in_log = in_log.map(|(offset, (epoch, _))| (*offset, *epoch));
            in_log.chain(self.truncated.iter().copied()).collect()
        }

        fn first_incomplete(&self) -> Option<i64> {
            self.log.iter().find(|(_, (_, is_complete))| !is_complete).map(|(offset, _)| *offset)
        }
    }

    proptest! {
        #[test]
        fn it_agrees_with_a_map_of_all_offsets_through_commits_and_truncations(first in 100_i64..1_000_000, steps in steps()) {
            let (mut tracker, mut epoch) = (OffsetTracker::default(), Epoch(1));
            let mut model = Model { next: first, ..Model::default() };
            for step in steps {
                match step {
                    Step::Take { gap } => {
                        let offset = model.next + gap;
                        tracker.take(Offset(offset), epoch).unwrap();
                        model.log.insert(offset, (epoch, false));
                        model.next = offset + 1;
                    }
                    Step::Complete { nth_in_flight } => {
                        let in_flight = model.in_flight();
                        let Some(done) = in_flight.get(nth_in_flight % in_flight.len().max(1)) else { continue };
                        match model.log.get_mut(&done.0).filter(|(epoch, _)| *epoch == done.1) {
                            Some((_, is_complete)) => {
                                *is_complete = true;
                                tracker.complete(Offset(done.0), done.1).unwrap();
                            }
                            None => {
                                prop_assert_eq!(tracker.complete(Offset(done.0), done.1), Err(TrackerError::NotInFlight(Offset(done.0))));
                                model.truncated.retain(|truncated| truncated != done);
                            }
                        }
                    }
                    Step::Commit => {
                        let point = tracker.commit_point();
                        // Nothing incomplete is ever below a commit.
                        prop_assert!(point.is_none_or(|point| model.first_incomplete().is_none_or(|first| point <= Offset(first))));
                        if let Some(point) = point {
                            tracker.mark_committed(point);
                            prop_assert_eq!(tracker.commit_point(), None);
                        }
                    }
                    Step::Truncate { back } => {
                        let Some(newest) = tracker.newest() else { continue };
                        let offset = newest.0 - back;
                        epoch = Epoch(epoch.0 + 1);
                        tracker.rewind(Offset(offset));
                        prop_assert_eq!(tracker.commit_point(), tracker.prefix());
                        let truncated = model.log.split_off(&offset).into_iter();
                        model.truncated.extend(truncated.filter(|(_, (_, is_complete))| !is_complete).map(|(offset, (epoch, _))| (offset, epoch)));
                        model.next = offset;
                    }
                }
                let end = tracker.newest().map(|newest| newest.next().0);
                prop_assert_eq!(tracker.prefix().map(|prefix| prefix.0), model.first_incomplete().or(end));
                prop_assert_eq!(end, (tracker.newest().is_some()).then_some(model.next));
                let gap = model.first_incomplete().map_or(0, |from| model.log.range(from..).count());
                prop_assert_eq!(tracker.gap(), gap);
                prop_assert_eq!(tracker.in_flight_count(), model.log.values().filter(|(_, is_complete)| !is_complete).count());
            }
        }
    }
}
