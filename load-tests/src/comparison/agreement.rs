//! Whether answers and documents agree: nothing promised that is not there, nothing there that
//! nobody told of, unless its client had gone.

use std::collections::{BTreeMap, BTreeSet};

use linkrelay_common::DocumentId;
use serde::Serialize;

use super::documents::{StoredDocument, by_link};
use super::request::{Outcome, Request};

/// How answers and documents agree.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Agreement {
    /// Documents that answers promised.
    pub promised: usize,
    /// Of these, the ones that are not there. Must be none.
    pub missing: Vec<DocumentId>,
    /// Documents of links whose client had given up: it cannot know of them.
    pub unheard_of: usize,
    /// Documents that answers left open, and that are there.
    pub left_open: usize,
    /// Links with documents beyond those. Must be none: either an answer did not tell of a
    /// document, or there are two of them.
    pub unannounced: BTreeMap<String, usize>,
}

/// Every document that an answer promised.
pub fn promised(requests: &[Request]) -> BTreeSet<DocumentId> {
    answers(requests).flat_map(|answer| answer.promised.iter().cloned()).collect()
}

/// Compares them.
pub fn check(requests: &[Request], documents: &[StoredDocument]) -> Agreement {
    let promised = promised(requests);
    let open: BTreeSet<&DocumentId> =
        answers(requests).flat_map(|answer| &answer.left_open).collect();
    let there: BTreeSet<&DocumentId> = documents.iter().map(|document| &document.id).collect();
    let is_named = |id: &DocumentId| promised.contains(id) || open.contains(id);
    let mut unnamed = by_link(documents.iter().filter(|document| !is_named(&document.id)));
    let mut unheard_of = 0;
    let given_up = requests.iter().filter(|request| request.outcome.is_unanswered());
    for link in given_up.flat_map(|request| &request.links) {
        if let Some(count) = unnamed.get_mut(link.as_str()).filter(|count| **count > 0) {
            *count -= 1;
            unheard_of += 1;
        }
    }
    Agreement {
        promised: promised.len(),
        missing: promised.iter().filter(|id| !there.contains(id)).cloned().collect(),
        unheard_of,
        left_open: open.iter().filter(|id| there.contains(*id)).count(),
        unannounced: unnamed
            .into_iter()
            .filter(|(_, count)| *count > 0)
            .map(|(link, count)| (link.to_owned(), count))
            .collect(),
    }
}

impl Agreement {
    /// Whether nothing is lost, doubled or untold.
    pub fn is_whole(&self) -> bool {
        self.missing.is_empty() && self.unannounced.is_empty()
    }
}

fn answers(requests: &[Request]) -> impl Iterator<Item = &super::answer::Answer> {
    requests.iter().filter_map(|request| match &request.outcome {
        Outcome::Answered(answer) => Some(answer),
        Outcome::TimedOut | Outcome::Broken(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;

    use super::*;
    use crate::comparison::answer::Answer;

    fn id(text: &str) -> DocumentId {
        DocumentId::from_stored(text.to_owned())
    }

    fn request(link: &str, outcome: Outcome) -> Request {
        Request { links: vec![link.to_owned()], took: Duration::ZERO, outcome }
    }

    fn answered(status: u16, promised: &[&str], left_open: &[&str]) -> Outcome {
        let ids = |texts: &[&str]| texts.iter().map(|text| id(text)).collect();
        Outcome::Answered(Answer { status, promised: ids(promised), left_open: ids(left_open) })
    }

    fn document(text: &str, link: &str) -> StoredDocument {
        StoredDocument {
            id: id(text),
            link: link.to_owned(),
            is_stored: true,
            stored_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_document_for_each_promise_is_whole() {
        let requests =
            [request("a", answered(201, &["1:0"], &[])), request("b", answered(503, &[], &[]))];
        let agreement = check(&requests, &[document("1:0", "a")]);
        assert_eq!(agreement, Agreement { promised: 1, ..Agreement::default() });
        assert!(agreement.is_whole());
    }

    #[test]
    fn a_promise_without_its_document_is_a_loss() {
        let agreement =
            check(&[request("a", answered(201, &["1:0"], &[]))], &[document("2:0", "b")]);
        assert_eq!(agreement.missing, [id("1:0")]);
        assert!(!agreement.is_whole());
    }

    #[test]
    fn a_document_that_no_answer_told_of_is_found() {
        for outcome in [answered(503, &[], &[]), answered(422, &[], &[])] {
            let agreement = check(&[request("a", outcome)], &[document("1:0", "a")]);
            assert_eq!(agreement.unannounced, BTreeMap::from([("a".to_owned(), 1)]));
            assert!(!agreement.is_whole());
        }
    }

    #[test]
    fn whoever_gave_up_may_have_one_document_for_each_link_and_no_more() {
        let requests =
            [request("a", Outcome::TimedOut), request("a", Outcome::Broken("reset".to_owned()))];
        let two = [document("1:0", "a"), document("2:0", "a")];
        let agreement = check(&requests, &two);
        assert_eq!((agreement.unheard_of, agreement.is_whole()), (2, true));
        let agreement = check(&requests[..1], &two);
        assert_eq!((agreement.unheard_of, agreement.is_whole()), (1, false));
    }

    #[test]
    fn what_an_answer_leaves_open_may_be_there_or_not() {
        let requests = [
            request("a", answered(504, &[], &["1:0"])),
            request("b", answered(504, &[], &["2:0"])),
        ];
        let agreement = check(&requests, &[document("1:0", "a")]);
        assert_eq!((agreement.left_open, agreement.is_whole()), (1, true));
    }

    #[test]
    fn a_second_document_of_a_link_is_found() {
        let requests = [request("a", answered(201, &["1:0"], &[]))];
        let agreement = check(&requests, &[document("1:0", "a"), document("1:1", "a")]);
        assert_eq!(agreement.unannounced, BTreeMap::from([("a".to_owned(), 1)]));
    }
}
