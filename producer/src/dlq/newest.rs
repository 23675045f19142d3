//! The newest dead letter of each document, which is what a replay publishes, no matter how often a
//! link was given up. It keeps offsets instead of records, so a topic of any size fits in memory.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use jiff::Timestamp;

use super::letter::DeadLetter;

/// The time, partition and offset of the newest dead letter, by identity.
#[derive(Debug, Default)]
pub(super) struct NewestLetters(HashMap<Box<str>, Standing>);

/// Time first: dead letters of one document may be in several partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Standing {
    failed_at: Option<Timestamp>,
    partition: i32,
    offset: i64,
}

impl Standing {
    fn of(letter: &DeadLetter) -> Self {
        let DeadLetter { failed_at, partition, offset, .. } = *letter;
        Self { failed_at, partition, offset }
    }
}

impl NewestLetters {
    /// Adds a dead letter. Returns `false` if there is another with this identity, one of which is
    /// older.
    pub(super) fn take(&mut self, identity: &str, letter: &DeadLetter) -> bool {
        let standing = Standing::of(letter);
        match self.0.entry(identity.into()) {
            Entry::Vacant(entry) => {
                entry.insert(standing);
                true
            }
            Entry::Occupied(mut entry) => {
                let newest = *entry.get();
                entry.insert(newest.max(standing));
                false
            }
        }
    }

    /// Whether this dead letter was added and is the newest with its identity.
    pub(super) fn is_newest(&self, letter: &DeadLetter) -> bool {
        let newest = letter.identity().and_then(|identity| self.0.get(identity));
        newest == Some(&Standing::of(letter))
    }

    /// Returns the number of identities.
    pub(super) fn count(&self) -> u64 {
        self.0.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use linkrelay_common::{DocumentId, ErrorClass};
    use proptest::prelude::*;

    use super::super::letter::tests::letter;
    use super::*;

    #[test]
    fn the_newest_is_chosen_by_time_and_not_by_order_of_reading() {
        let at = |second, partition| DeadLetter {
            document_id: Some(DocumentId::from_stored("D".to_owned())),
            partition,
            ..letter(ErrorClass::Transient, second)
        };
        let mut newest = NewestLetters::default();
        let taken = [(2, 1), (3, 0), (1, 2)].map(|(second, partition)| {
            let letter = at(second, partition);
            newest.take("D", &letter)
        });
        assert_eq!(taken, [true, false, false]);
        assert_eq!(newest.count(), 1);
        assert!(newest.is_newest(&at(3, 0)));
        assert!(!newest.is_newest(&at(2, 1)) && !newest.is_newest(&at(3, 1)));
    }

    proptest! {
        #[test]
        fn exactly_one_of_each_identity_is_the_newest(taken in proptest::collection::vec((0_u8..5, 0_i64..1_000), 1..50)) {
            let letters: std::collections::BTreeSet<(u8, i64)> = taken.into_iter().collect();
            let letters: Vec<DeadLetter> = letters
                .into_iter()
                .map(|(name, second)| DeadLetter {
                    document_id: Some(DocumentId::from_stored(name.to_string())),
                    ..letter(ErrorClass::Transient, second)
                })
                .collect();
            let mut newest = NewestLetters::default();
            let new = letters.iter().filter(|letter| newest.take(letter.identity().unwrap(), letter)).count();
            prop_assert_eq!(newest.count(), new as u64);
            prop_assert_eq!(letters.iter().filter(|letter| newest.is_newest(letter)).count(), new);
        }
    }
}
