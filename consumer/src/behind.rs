//! For how long each partition has had records beyond a position that does not move.
//!
//! Pure: no Kafka client, no clock.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use linkrelay_common::{Offset, Partition};

/// A position in the log of a partition, and the end of that log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) position: Offset,
    pub(crate) end: Offset,
}

/// A partition whose position does not move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Behind {
    pub(crate) partition: Partition,
    pub(crate) seen: Seen,
    pub(crate) lasts: Duration,
}

/// Since when the position of each partition has not moved.
#[derive(Debug, Default)]
pub(crate) struct Behinds(BTreeMap<Partition, (Offset, Instant)>);

impl Behinds {
    /// Takes what is seen now of every partition that may be judged, and returns those that are
    /// behind, with how long they have been. The time of a partition begins again when its position
    /// moves, when it is at the end of its log, and when it could not be judged in between.
    pub(crate) fn observe(
        &mut self,
        now: Instant,
        judged: impl IntoIterator<Item = (Partition, Seen)>,
    ) -> Vec<Behind> {
        let before = std::mem::take(&mut self.0);
        let behind = judged.into_iter().filter(|(_, seen)| seen.position < seen.end);
        behind
            .map(|(partition, seen)| {
                let same =
                    before.get(&partition).filter(|(position, _)| *position == seen.position);
                let since = same.map_or(now, |(_, since)| *since);
                self.0.insert(partition, (seen.position, since));
                Behind { partition, seen, lasts: now.saturating_duration_since(since) }
            })
            .collect()
    }

    /// Forgets partitions that are assigned again.
    pub(crate) fn forget(&mut self, partitions: &[Partition]) {
        self.0.retain(|partition, _| !partitions.contains(partition));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Observes one partition each second, and returns after how many seconds it is behind.
    fn lasts(seconds: &[Option<(i64, i64)>]) -> Vec<Option<u64>> {
        let (mut behinds, begin) = (Behinds::default(), Instant::now());
        let mut observe = |(second, seen): (usize, &Option<(i64, i64)>)| {
            let now = begin + Duration::from_secs(second as u64);
            let seen = seen.map(|(position, end)| {
                (Partition(3), Seen { position: Offset(position), end: Offset(end) })
            });
            behinds.observe(now, seen).first().map(|behind| behind.lasts.as_secs())
        };
        seconds.iter().enumerate().map(&mut observe).collect()
    }

    #[test]
    fn the_time_runs_only_while_the_position_is_behind_and_does_not_move() {
        let behind = Some((4, 9));
        for (what, seconds, expected) in [
            ("it stays behind", vec![behind, behind, Some((4, 12))], [Some(0), Some(1), Some(2)]),
            ("it moves", vec![behind, behind, Some((5, 9))], [Some(0), Some(1), Some(0)]),
            ("it goes back", vec![behind, behind, Some((3, 9))], [Some(0), Some(1), Some(0)]),
            ("at the end", vec![behind, Some((9, 9)), behind], [Some(0), None, Some(0)]),
            ("not judged", vec![behind, None, behind], [Some(0), None, Some(0)]),
            ("an empty log", vec![Some((0, 0)); 3], [None; 3]),
        ] {
            assert_eq!(lasts(&seconds), expected, "{what}");
        }
    }

    #[test]
    fn a_partition_that_is_assigned_again_begins_again() {
        let (mut behinds, begin) = (Behinds::default(), Instant::now());
        let seen = Seen { position: Offset(0), end: Offset(1) };
        let both = [(Partition(0), seen), (Partition(1), seen)];
        behinds.observe(begin, both);
        behinds.forget(&[Partition(1)]);
        let lasts = behinds.observe(begin + Duration::from_secs(7), both);
        assert_eq!(lasts.iter().map(|behind| behind.lasts.as_secs()).collect::<Vec<_>>(), [7, 0]);
    }
}
