//! The first reading: how many dead letters pass the filter, and which are the newest of their
//! documents.

use std::ops::ControlFlow;

use linkrelay_common::ErrorClass;
use tokio_util::sync::CancellationToken;

use super::error::DlqError;
use super::filter::LetterFilter;
use super::in_flight::InFlight;
use super::letter::DeadLetter;
use super::newest::NewestLetters;
use super::reader::LetterReader;
use super::tally::Tally;

/// The result, with the reader for the second reading.
pub(super) struct Survey {
    pub(super) reader: LetterReader,
    pub(super) newest: NewestLetters,
    /// The counts of dead letters that are not read again.
    pub(super) tally: Tally,
    /// The replays of marked rows.
    pub(super) in_flight: InFlight,
}

impl Survey {
    /// Reads all dead letters, or until `stop` is cancelled. Blocks.
    ///
    /// # Errors
    /// If the broker or file cannot be read, or there are more than `max_letters`.
    pub(super) fn read(
        reader: LetterReader,
        filter: &LetterFilter,
        max_letters: u64,
        stop: &CancellationToken,
    ) -> Result<Self, DlqError> {
        let (mut newest, mut tally) = (NewestLetters::default(), Tally::default());
        let mut in_flight = InFlight::default();
        reader.read(stop, |raw| {
            let letter = DeadLetter::read(&raw);
            if raw.is_marked {
                in_flight.add_marked(&letter);
            }
            if filter.takes(&letter) {
                sort(&letter, filter, &mut newest, &mut tally);
            }
            if newest.count() > max_letters {
                return Err(DlqError::TooMany(max_letters));
            }
            Ok::<_, DlqError>(ControlFlow::Continue(()))
        })?;
        Ok(Self { reader, newest, tally, in_flight })
    }
}

fn sort(letter: &DeadLetter, filter: &LetterFilter, newest: &mut NewestLetters, tally: &mut Tally) {
    // A record that could not be read fails again until a newer linkrelay can read it.
    let is_malformed = letter.class == Some(ErrorClass::Malformed);
    if is_malformed && !filter.asks_for(ErrorClass::Malformed) {
        tally.malformed += 1;
        return;
    }
    match letter.identity() {
        None => tally.strange += 1,
        Some(identity) => tally.older += u64::from(!newest.take(identity, letter)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::letter::tests::letter;
    use super::*;

    #[test]
    fn each_dead_letter_that_passes_is_counted_once() {
        let transient = letter(ErrorClass::Transient, 1);
        let later = DeadLetter { offset: 9, ..transient.clone() };
        let malformed = letter(ErrorClass::Malformed, 2);
        let strange = DeadLetter { document_id: None, origin: None, ..transient.clone() };
        let (mut newest, mut tally) = (NewestLetters::default(), Tally::default());
        for letter in [&transient, &later, &malformed, &strange] {
            sort(letter, &LetterFilter::default(), &mut newest, &mut tally);
        }
        assert_eq!(newest.count(), 1);
        assert!(newest.is_newest(&later));
        let expected = Tally { older: 1, malformed: 1, strange: 1, ..Tally::default() };
        assert_eq!(tally, expected);
    }
}
