//! Asks what became of the links since: one that is stored by now needs no replay, nor one that is
//! being replayed, and some letters are not to be replayed at all.

use std::collections::HashMap;

use anyhow::Context;
use linkrelay_common::{DocumentId, RecordOrigin};
use linkrelay_store::{LinkState, LinkStore};

use super::letter::DeadLetter;
use super::under_way::UnderWay;

/// Whether a dead letter is to be replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing says that it is done.
    Replay,
    /// Its document is stored.
    Stored,
    /// Its document is gone, though a dead letter has one: an operator deleted it, or this is
    /// another store.
    Missing,
    /// An earlier replay is not done.
    UnderWay,
    /// It was replayed as often as it may be.
    WornOut,
    /// Only the first part of its value is left.
    Truncated,
}

/// What decides besides the store.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) under_way: UnderWay,
    pub(super) max_replays: u32,
}

/// One verdict per letter, in their order. Without a store nothing is known of documents.
///
/// # Errors
/// If the store does not answer.
pub(super) async fn verdicts(
    store: Option<&dyn LinkStore>,
    rules: &Rules,
    letters: &[&DeadLetter],
) -> anyhow::Result<Vec<Verdict>> {
    let Some(store) = store else {
        return Ok(letters.iter().map(|letter| rules.verdict(letter, None)).collect());
    };
    let ids: Vec<DocumentId> =
        letters.iter().filter_map(|letter| letter.document_id.clone()).collect();
    let found = store.known(&ids).await.context("looking for documents")?;
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

/// A document, as far as it decides.
#[derive(Debug)]
struct Known {
    status: LinkState,
    origin: Option<RecordOrigin>,
}

impl Rules {
    fn verdict(&self, letter: &DeadLetter, known: Option<&Known>) -> Verdict {
        let failed_at = match known {
            Some(Known { status: LinkState::Stored | LinkState::Expanded, .. }) => {
                return Verdict::Stored;
            }
            Some(Known { status: LinkState::Failed, origin }) => origin.as_ref(),
            None => None,
        };
        if letter.truncated.is_some() {
            Verdict::Truncated
        } else if self.under_way.has(letter, failed_at) {
            Verdict::UnderWay
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
    fn only_what_is_not_done_and_may_be_is_replayed() {
        let mut under_way = UnderWay::default();
        let marked = letter(ErrorClass::Transient, 2);
        under_way.add_marked(&marked);
        let rules = Rules { under_way, max_replays: 3 };
        let plain = letter(ErrorClass::Transient, 1);
        let tired = DeadLetter { replays: 3, ..plain.clone() };
        let cut = DeadLetter { truncated: Some(9), ..plain.clone() };
        for (letter, failed) in [
            (&plain, Verdict::Replay),
            (&marked, Verdict::UnderWay),
            (&tired, Verdict::WornOut),
            (&cut, Verdict::Truncated),
        ] {
            let known = |status| Known { status, origin: None };
            let verdict = |known: Option<&Known>| rules.verdict(letter, known);
            assert_eq!(verdict(Some(&known(LinkState::Stored))), Verdict::Stored);
            assert_eq!(verdict(Some(&known(LinkState::Expanded))), Verdict::Stored);
            assert_eq!(verdict(Some(&known(LinkState::Failed))), failed);
            assert_eq!(verdict(None), failed);
        }
    }
}
