//! Asks the store what became of the documents since: a link that is stored by now needs no
//! replay.

use std::collections::HashMap;

use anyhow::Context;
use linkrelay_common::{DocumentId, ErrorClass};
use linkrelay_store::{LinkState, LinkStore};

use super::letter::DeadLetter;

/// Whether a dead letter is to be replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing says that it is done.
    Replay,
    /// Its document is stored.
    Stored,
    /// Its document is gone, though a dead letter has one: somebody took it away, or this is
    /// another store.
    Missing,
}

/// One verdict per letter, in their order.
///
/// # Errors
/// If the store does not answer.
pub(super) async fn verdicts(
    store: &dyn LinkStore,
    letters: &[&DeadLetter],
) -> anyhow::Result<Vec<Verdict>> {
    let ids: Vec<DocumentId> =
        letters.iter().filter_map(|letter| letter.document_id.clone()).collect();
    let found = store.find(&ids).await.context("looking for documents")?;
    let states: HashMap<DocumentId, LinkState> =
        found.into_iter().map(|document| (document.id, document.status)).collect();
    Ok(letters.iter().map(|letter| verdict(letter, &states)).collect())
}

fn verdict(letter: &DeadLetter, states: &HashMap<DocumentId, LinkState>) -> Verdict {
    let Some(id) = &letter.document_id else { return Verdict::Replay };
    match states.get(id) {
        Some(LinkState::Stored | LinkState::Expanded) => Verdict::Stored,
        Some(LinkState::Failed) => Verdict::Replay,
        // What could not be read got no document.
        None if letter.class == Some(ErrorClass::Malformed) => Verdict::Replay,
        None => Verdict::Missing,
    }
}

#[cfg(test)]
mod tests {
    use super::super::letter::tests::letter;
    use super::*;

    #[test]
    fn only_what_is_not_done_is_replayed() {
        let transient = letter(ErrorClass::Transient, 1);
        let malformed = letter(ErrorClass::Malformed, 1);
        let nameless = DeadLetter { document_id: None, ..transient.clone() };
        let id = transient.document_id.clone().unwrap();
        let states = |state| HashMap::from([(id.clone(), state)]);
        for (letter, stored, failed, missing) in [
            (&transient, Verdict::Stored, Verdict::Replay, Verdict::Missing),
            (&malformed, Verdict::Stored, Verdict::Replay, Verdict::Replay),
            (&nameless, Verdict::Replay, Verdict::Replay, Verdict::Replay),
        ] {
            assert_eq!(verdict(letter, &states(LinkState::Stored)), stored);
            assert_eq!(verdict(letter, &states(LinkState::Failed)), failed);
            assert_eq!(verdict(letter, &HashMap::new()), missing);
        }
    }
}
