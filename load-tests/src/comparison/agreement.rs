//! Whether answers and documents agree: every promised document exists, and an answer names every
//! document, unless its client had timed out or lost its connection.

use std::collections::{BTreeMap, BTreeSet};

use linkrelay_common::DocumentId;
use serde::Serialize;

use super::answer::Answer;
use super::documents::StoredDocument;
use super::request::{Request, counted};

/// How far answers and documents agree.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Agreement {
    /// Documents that answers promised.
    pub(crate) promised: usize,
    /// Promised documents that do not exist. There must be none.
    pub(crate) missing: Vec<DocumentId>,
    /// Documents of links whose client had no answer, and cannot know of them.
    pub(crate) unheard_of: usize,
    /// Documents that answers left open, and that exist.
    pub(crate) left_open: usize,
    /// Links with documents beyond those. There must be none: either an answer did not name a
    /// document, or the link has two.
    pub(crate) unannounced: BTreeMap<String, usize>,
}

/// Returns every document that an answer promised.
pub(crate) fn promised(requests: &[Request]) -> BTreeSet<DocumentId> {
    answers(requests).flat_map(|answer| answer.promised.iter().cloned()).collect()
}

/// Compares the answers with the documents.
pub(crate) fn check(requests: &[Request], documents: &[StoredDocument]) -> Agreement {
    let promised = promised(requests);
    let open: BTreeSet<&DocumentId> =
        answers(requests).flat_map(|answer| &answer.left_open).collect();
    let there: BTreeSet<&DocumentId> = documents.iter().map(|document| &document.id).collect();
    let is_named = |id: &DocumentId| promised.contains(id) || open.contains(id);
    let unnamed = documents.iter().filter(|document| !is_named(&document.id));
    let mut unnamed = counted(unnamed.map(|document| document.link.as_str()));
    let mut unheard_of = 0;
    let unanswered = requests.iter().filter(|request| request.answer.is_err());
    for link in unanswered.flat_map(|request| &request.links) {
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
    /// Whether no document is missing, doubled or unannounced.
    pub(crate) fn is_complete(&self) -> bool {
        self.missing.is_empty() && self.unannounced.is_empty()
    }
}

fn answers(requests: &[Request]) -> impl Iterator<Item = &Answer> {
    requests.iter().filter_map(|request| request.answer.as_ref().ok())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mongodb::bson::DateTime;

    use super::*;
    use crate::load::open_loop::NoAnswer;

    fn id(text: &str) -> DocumentId {
        DocumentId::from_stored(text.to_owned())
    }

    fn request(link: &str, answer: Result<Answer, NoAnswer>) -> Request {
        Request { links: vec![link.to_owned()], took: Duration::ZERO, answer }
    }

    fn answered(status: u16, promised: &[&str], left_open: &[&str]) -> Result<Answer, NoAnswer> {
        let ids = |texts: &[&str]| texts.iter().map(|text| id(text)).collect();
        Ok(Answer { status, promised: ids(promised), left_open: ids(left_open) })
    }

    fn document(text: &str, link: &str) -> StoredDocument {
        StoredDocument {
            id: id(text),
            link: link.to_owned(),
            status: "stored".to_owned(),
            stored_at: DateTime::MIN,
        }
    }

    #[test]
    fn a_document_for_each_promise_is_complete() {
        let requests =
            [request("a", answered(201, &["1:0"], &[])), request("b", answered(503, &[], &[]))];
        let agreement = check(&requests, &[document("1:0", "a")]);
        assert_eq!(agreement, Agreement { promised: 1, ..Agreement::default() });
        assert!(agreement.is_complete());
    }

    #[test]
    fn a_promise_without_its_document_is_a_loss() {
        let agreement =
            check(&[request("a", answered(201, &["1:0"], &[]))], &[document("2:0", "b")]);
        assert_eq!(agreement.missing, [id("1:0")]);
        assert!(!agreement.is_complete());
    }

    #[test]
    fn a_document_that_no_answer_names_is_found() {
        for answer in [answered(503, &[], &[]), answered(422, &[], &[])] {
            let agreement = check(&[request("a", answer)], &[document("1:0", "a")]);
            assert_eq!(agreement.unannounced, BTreeMap::from([("a".to_owned(), 1)]));
            assert!(!agreement.is_complete());
        }
    }

    #[test]
    fn a_client_without_an_answer_may_have_one_document_for_each_link_and_no_more() {
        let requests = [
            request("a", Err(NoAnswer::TimedOut)),
            request("a", Err(NoAnswer::Broken("reset".to_owned()))),
        ];
        let two = [document("1:0", "a"), document("2:0", "a")];
        let agreement = check(&requests, &two);
        assert_eq!((agreement.unheard_of, agreement.is_complete()), (2, true));
        let agreement = check(&requests[..1], &two);
        assert_eq!((agreement.unheard_of, agreement.is_complete()), (1, false));
    }

    #[test]
    fn what_an_answer_leaves_open_may_exist_or_not() {
        let requests = [
            request("a", answered(504, &[], &["1:0"])),
            request("b", answered(504, &[], &["2:0"])),
        ];
        let agreement = check(&requests, &[document("1:0", "a")]);
        assert_eq!((agreement.left_open, agreement.is_complete()), (1, true));
    }

    #[test]
    fn a_second_document_of_a_link_is_found() {
        let requests = [request("a", answered(201, &["1:0"], &[]))];
        let agreement = check(&requests, &[document("1:0", "a"), document("1:1", "a")]);
        assert_eq!(agreement.unannounced, BTreeMap::from([("a".to_owned(), 1)]));
    }
}
