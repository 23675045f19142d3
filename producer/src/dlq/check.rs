//! Decides which dead letters to replay: not those whose link is stored by now, whose replay is in
//! flight, or that must not be replayed at all.

use std::collections::HashMap;

use linkrelay_common::{DocumentId, RecordOrigin};
use linkrelay_store::{KnownDocument, LinkState, LinkStore, StoreError};

use super::error::DlqError;
use super::filter::LetterFilter;
use super::in_flight::InFlight;
use super::letter::DeadLetter;

/// Whether a dead letter is to be replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Replay it.
    Replay,
    /// Its document is stored, or was deleted with its request.
    Stored,
    /// Its document does not exist: an operator deleted it, or this is another store.
    Missing,
    /// An earlier replay is not complete.
    InFlight,
    /// It was replayed as often as is allowed.
    WornOut,
    /// Its value is truncated.
    Truncated,
    /// Its document has another code than the filter asks for.
    OtherCode,
}

/// What decides in addition to the store.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) in_flight: InFlight,
    pub(crate) max_replays: u32,
    pub(crate) filter: LetterFilter,
}

/// A dead letter, compared with its document.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) verdict: Verdict,
    /// The code of the error in the document.
    pub(crate) code: Option<String>,
    pub(crate) video_id: Option<String>,
}

/// Returns one verdict for each dead letter, in their order. Without a store, no document is
/// looked up.
///
/// # Errors
/// If the store does not answer.
pub(super) async fn verdicts(
    store: Option<&dyn LinkStore>,
    rules: &Rules,
    letters: &[&DeadLetter],
) -> Result<Vec<Verdict>, DlqError> {
    let Some(store) = store else {
        return Ok(letters.iter().map(|letter| rules.verdict(letter, None)).collect());
    };
    if !rules.filter.codes.is_empty() {
        let checked = checked(store, rules, letters).await?;
        return Ok(checked.into_iter().map(|checked| checked.verdict).collect());
    }
    let found = store.known(&ids(letters)).await.map_err(unfound)?;
    let known = found.into_iter().map(|document| {
        let KnownDocument { id, status, kafka: origin } = document;
        (id, Known { status, origin, code: None, video_id: None })
    });
    Ok(compare(rules, letters, &known.collect()).map(|checked| checked.verdict).collect())
}

/// Like [`verdicts`], with what the documents say.
///
/// # Errors
/// If the store does not answer.
pub(crate) async fn checked(
    store: &dyn LinkStore,
    rules: &Rules,
    letters: &[&DeadLetter],
) -> Result<Vec<Checked>, DlqError> {
    let found = store.find(&ids(letters)).await.map_err(unfound)?;
    let known = found.into_iter().map(|document| {
        let code = document.error.map(|error| error.code);
        let (status, origin, video_id) = (document.status, document.kafka, document.video_id);
        (document.id, Known { status, origin, code, video_id })
    });
    Ok(compare(rules, letters, &known.collect()).collect())
}

fn ids(letters: &[&DeadLetter]) -> Vec<DocumentId> {
    letters.iter().filter_map(|letter| letter.document_id.clone()).collect()
}

fn unfound(source: StoreError) -> DlqError {
    DlqError::Store { doing: "looking for documents", source }
}

fn compare<'a>(
    rules: &'a Rules,
    letters: &'a [&DeadLetter],
    known: &'a HashMap<DocumentId, Known>,
) -> impl Iterator<Item = Checked> + 'a {
    letters.iter().map(|letter| {
        let document = letter.document_id.as_ref().map(|id| known.get(id));
        let (code, video_id) = match document.flatten() {
            Some(known) => (known.code.clone(), known.video_id.clone()),
            None => (None, None),
        };
        let verdict = match document {
            _ if !rules.filter.takes_code(code.as_deref()) => Verdict::OtherCode,
            Some(None) => Verdict::Missing,
            document => rules.verdict(letter, document.flatten()),
        };
        Checked { verdict, code, video_id }
    })
}

/// The fields of a document that decide, or are shown.
#[derive(Debug)]
struct Known {
    status: LinkState,
    origin: Option<RecordOrigin>,
    code: Option<String>,
    video_id: Option<String>,
}

impl Rules {
    fn verdict(&self, letter: &DeadLetter, known: Option<&Known>) -> Verdict {
        let failed_at = match known.map(|known| (known.status, &known.origin)) {
            Some((LinkState::Stored | LinkState::Expanded | LinkState::Deleted, _)) => {
                return Verdict::Stored;
            }
            Some((LinkState::Failed, origin)) => origin.as_ref(),
            None => None,
        };
        if letter.truncated.is_some() {
            Verdict::Truncated
        } else if self.in_flight.has(letter, failed_at) {
            Verdict::InFlight
        } else if letter.replays >= self.max_replays {
            Verdict::WornOut
        } else {
            Verdict::Replay
        }
    }
}

#[cfg(test)]
mod tests {
    use linkrelay_common::ErrorClass;

    use super::super::letter::tests::letter;
    use super::*;

    #[test]
    fn only_what_is_not_complete_and_is_allowed_is_replayed() {
        let mut in_flight = InFlight::default();
        let marked = letter(ErrorClass::Transient, 2);
        in_flight.add_marked(&marked);
        let rules = Rules { in_flight, max_replays: 3, filter: LetterFilter::default() };
        let plain = letter(ErrorClass::Transient, 1);
        let tired = DeadLetter { replays: 3, ..plain.clone() };
        let cut = DeadLetter { truncated: Some(9), ..plain.clone() };
        for (letter, failed) in [
            (&plain, Verdict::Replay),
            (&marked, Verdict::InFlight),
            (&tired, Verdict::WornOut),
            (&cut, Verdict::Truncated),
        ] {
            let known = |status| Known { status, origin: None, code: None, video_id: None };
            let verdict = |known: Option<&Known>| rules.verdict(letter, known);
            for complete in [LinkState::Stored, LinkState::Expanded, LinkState::Deleted] {
                assert_eq!(verdict(Some(&known(complete))), Verdict::Stored);
            }
            assert_eq!(verdict(Some(&known(LinkState::Failed))), failed);
            assert_eq!(verdict(None), failed);
        }
    }
}
