//! Decides which dead letters to replay: not those whose link is stored by now, whose replay is in
//! flight, or that must not be replayed at all.

use std::collections::HashMap;

use linkrelay_common::{DocumentId, RecordOrigin};
use linkrelay_store::{LinkState, LinkStore};

use super::error::DlqError;
use super::in_flight::InFlight;
use super::letter::DeadLetter;

/// Whether a dead letter is to be replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
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
}

/// What decides in addition to the store.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) in_flight: InFlight,
    pub(super) max_replays: u32,
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
    let ids: Vec<DocumentId> =
        letters.iter().filter_map(|letter| letter.document_id.clone()).collect();
    let found = store
        .known(&ids)
        .await
        .map_err(|source| DlqError::Store { doing: "looking for documents", source })?;
    let known: HashMap<DocumentId, Known> = found
        .into_iter()
        .map(|document| (document.id, Known { status: document.status, origin: document.kafka }))
        .collect();
    let verdict = |letter: &&DeadLetter| {
        let found = letter.document_id.as_ref().map(|id| known.get(id));
        match found {
            Some(None) => Verdict::Missing,
            found => rules.verdict(letter, found.flatten()),
        }
    };
    Ok(letters.iter().map(verdict).collect())
}

/// The fields of a document that decide.
#[derive(Debug)]
struct Known {
    status: LinkState,
    origin: Option<RecordOrigin>,
}

impl Rules {
    fn verdict(&self, letter: &DeadLetter, known: Option<&Known>) -> Verdict {
        let failed_at = match known {
            Some(Known {
                status: LinkState::Stored | LinkState::Expanded | LinkState::Deleted,
                ..
            }) => return Verdict::Stored,
            Some(Known { status: LinkState::Failed, origin }) => origin.as_ref(),
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
        let rules = Rules { in_flight, max_replays: 3 };
        let plain = letter(ErrorClass::Transient, 1);
        let tired = DeadLetter { replays: 3, ..plain.clone() };
        let cut = DeadLetter { truncated: Some(9), ..plain.clone() };
        for (letter, failed) in [
            (&plain, Verdict::Replay),
            (&marked, Verdict::InFlight),
            (&tired, Verdict::WornOut),
            (&cut, Verdict::Truncated),
        ] {
            let known = |status| Known { status, origin: None };
            let verdict = |known: Option<&Known>| rules.verdict(letter, known);
            for complete in [LinkState::Stored, LinkState::Expanded, LinkState::Deleted] {
                assert_eq!(verdict(Some(&known(complete))), Verdict::Stored);
            }
            assert_eq!(verdict(Some(&known(LinkState::Failed))), failed);
            assert_eq!(verdict(None), failed);
        }
    }
}
