//! The first reading: how many dead letters are meant, and which are the newest of their
//! documents.

use std::ops::ControlFlow;

use linkrelay_common::ErrorClass;
use linkrelay_common::kafka::KafkaSettings;
use tokio_util::sync::CancellationToken;

use super::filter::FilterArguments;
use super::letter::DeadLetter;
use super::newest::NewestLetters;
use super::reader::DlqReader;
use super::tally::Tally;

/// What it found, and the reader for the second reading.
pub(super) struct Survey {
    pub(super) reader: DlqReader,
    pub(super) newest: NewestLetters,
    /// Of those that will not be looked at again.
    pub(super) tally: Tally,
}

impl Survey {
    /// Blocks until the topic is read, or `stop`.
    ///
    /// # Errors
    /// If there is no such topic, or the broker does not answer.
    pub(super) fn read(
        kafka: &KafkaSettings,
        filter: &FilterArguments,
        stop: &CancellationToken,
    ) -> anyhow::Result<Self> {
        let reader = DlqReader::open(kafka)?;
        let (mut newest, mut tally) = (NewestLetters::default(), Tally::default());
        reader.read(stop, |message| {
            let letter = DeadLetter::read(message);
            if filter.takes(&letter) {
                sort(&letter, filter, &mut newest, &mut tally);
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(Self { reader, newest, tally })
    }
}

fn sort(
    letter: &DeadLetter,
    filter: &FilterArguments,
    newest: &mut NewestLetters,
    tally: &mut Tally,
) {
    // What could not be read fails again, until a newer linkrelay can read it.
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
    fn each_letter_that_is_meant_is_counted_once() {
        let transient = letter(ErrorClass::Transient, 1);
        let later = DeadLetter { offset: 9, ..transient.clone() };
        let malformed = letter(ErrorClass::Malformed, 2);
        let strange = DeadLetter { document_id: None, origin: None, ..transient.clone() };
        let (mut newest, mut tally) = (NewestLetters::default(), Tally::default());
        for letter in [&transient, &later, &malformed, &strange] {
            sort(letter, &FilterArguments::default(), &mut newest, &mut tally);
        }
        assert_eq!(newest.count(), 1);
        assert!(newest.is_newest(&later));
        let expected = Tally { older: 1, malformed: 1, strange: 1, ..Tally::default() };
        assert_eq!(tally, expected);
    }
}
