//! The indexes of the links that a client has, as compact ranges: `0-4,7,9-12`.
//!
//! They are the id of an event, which a browser returns in `Last-Event-ID`. Links become done out
//! of order, so one number would not be enough.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// The longest id that is read. An id that linkrelay writes is shorter.
const MAX_ID_BYTES: usize = 4_096;

/// A set of indexes. No two ranges overlap or touch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct IndexRanges {
    /// The last index of each range, by its first.
    last_by_first: BTreeMap<u32, u32>,
}

/// A text that is not the id of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum IndexRangesError {
    #[error("Last-Event-ID must be an id that an event of this request had, such as 0-4,7,9-12")]
    Malformed,
    #[error("Last-Event-ID must have at most {MAX_ID_BYTES} bytes")]
    TooLong,
}

impl IndexRanges {
    /// Adds the indexes from `first` to `last`, both included.
    pub(crate) fn insert(&mut self, mut first: u32, mut last: u32) {
        while let Some((&start, &end)) =
            self.last_by_first.range(..=last.saturating_add(1)).next_back()
            && end.saturating_add(1) >= first
        {
            self.last_by_first.remove(&start);
            first = first.min(start);
            last = last.max(end);
        }
        self.last_by_first.insert(first, last);
    }

    /// Returns whether the set has this index.
    pub(crate) fn contains(&self, index: u32) -> bool {
        self.last_of(index).is_some()
    }

    /// Returns the first index of `from` or more that is missing, if there is one.
    pub(crate) fn first_missing(&self, from: u32) -> Option<u32> {
        self.last_of(from).map_or(Some(from), |last| last.checked_add(1))
    }

    /// Returns how many ranges there are, on which the length of the id depends.
    pub(crate) fn count(&self) -> usize {
        self.last_by_first.len()
    }

    /// Returns the missing indexes that touch a range, so that adding one adds no range.
    pub(crate) fn neighbours(&self) -> impl Iterator<Item = u32> {
        self.last_by_first
            .iter()
            .flat_map(|(first, last)| [first.checked_sub(1), last.checked_add(1)])
            .flatten()
    }

    /// Returns the last index of the range that has this index.
    fn last_of(&self, index: u32) -> Option<u32> {
        let (_, last) = self.last_by_first.range(..=index).next_back()?;
        (*last >= index).then_some(*last)
    }
}

impl fmt::Display for IndexRanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, (first, last)) in self.last_by_first.iter().enumerate() {
            if position > 0 {
                f.write_str(",")?;
            }
            if first == last {
                write!(f, "{first}")?;
            } else {
                write!(f, "{first}-{last}")?;
            }
        }
        Ok(())
    }
}

impl FromStr for IndexRanges {
    type Err = IndexRangesError;

    fn from_str(text: &str) -> Result<Self, IndexRangesError> {
        if text.len() > MAX_ID_BYTES {
            return Err(IndexRangesError::TooLong);
        }
        let mut ranges = Self::default();
        for part in text.split(',').filter(|_| !text.is_empty()) {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let index = |text: &str| text.parse().map_err(|_| IndexRangesError::Malformed);
            let (first, last) = (index(first)?, index(last)?);
            if first > last {
                return Err(IndexRangesError::Malformed);
            }
            ranges.insert(first, last);
        }
        // One set, one spelling: what linkrelay does not write is not its id.
        if ranges.to_string() == text { Ok(ranges) } else { Err(IndexRangesError::Malformed) }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn ranges(indexes: impl IntoIterator<Item = u32>) -> IndexRanges {
        let mut ranges = IndexRanges::default();
        indexes.into_iter().for_each(|index| ranges.insert(index, index));
        ranges
    }

    #[test]
    fn an_id_is_compact_whatever_the_order() {
        for (indexes, id) in [
            (&[][..], ""),
            (&[7], "7"),
            (&[4, 2, 3, 0, 1], "0-4"),
            (&[12, 9, 0, 11, 1, 10, 7], "0-1,7,9-12"),
            (&[u32::MAX, 0, u32::MAX - 1], "0,4294967294-4294967295"),
        ] {
            assert_eq!(ranges(indexes.iter().copied()).to_string(), id);
        }
    }

    #[test]
    fn what_is_not_an_id_is_refused() {
        for text in [
            ",",
            "0,",
            ",0",
            "x",
            "-",
            "-1",
            "1-",
            "0--1",
            "0-1-2",
            "4-2",
            "3-3",
            "0,1",
            "0-2,2-4",
            "5,3",
            "3,3",
            "01",
            "+1",
            " 1",
            "1 ",
            "0x1",
            "4294967296",
            "0-4294967296",
            "0;DROP",
            "0-1,",
            "١",
        ] {
            assert_eq!(text.parse::<IndexRanges>(), Err(IndexRangesError::Malformed), "{text:?}");
        }
        let long = ranges((0..5_000).step_by(2)).to_string();
        assert_eq!(long.parse::<IndexRanges>(), Err(IndexRangesError::TooLong));
        let whole: IndexRanges = "0-4294967295".parse().unwrap();
        assert_eq!((whole.first_missing(0), whole.neighbours().count()), (None, 0));
    }

    proptest! {
        #[test]
        fn an_id_survives_its_text(indexes in proptest::collection::btree_set(0_u32..300, 0..200)) {
            let ranges = ranges(indexes.iter().rev().copied());
            prop_assert_eq!(ranges.to_string().parse(), Ok(ranges));
        }

        #[test]
        fn ranges_are_a_set(spans in proptest::collection::vec((0_u32..60, 0_u32..9), 0..20)) {
            let (mut ranges, mut set) = (IndexRanges::default(), BTreeSet::new());
            for (first, more) in spans {
                ranges.insert(first, first + more);
                set.extend(first..=first + more);
                for index in 0..70 {
                    prop_assert_eq!(ranges.contains(index), set.contains(&index));
                    let missing = (index..).find(|index| !set.contains(index));
                    prop_assert_eq!(ranges.first_missing(index), missing);
                }
            }
            let firsts = set.iter().filter(|i| **i == 0 || !set.contains(&(**i - 1)));
            prop_assert_eq!(ranges.count(), firsts.count());
            prop_assert!(ranges.neighbours().all(|index| !set.contains(&index)));
        }

        #[test]
        fn no_text_panics_or_is_changed(text in "[0-9,\\-]{0,12}") {
            if let Ok(ranges) = text.parse::<IndexRanges>() {
                prop_assert_eq!(ranges.to_string(), text);
            }
        }
    }
}
