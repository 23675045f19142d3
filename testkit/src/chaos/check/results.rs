//! Compares the results with the documents.

use std::collections::{BTreeMap, BTreeSet};

use super::FoundDocument;
use crate::kafka::TopicRecord;

/// Every document of a link has a result with its status, and no result names a document that is not
/// there. A result may be there twice: each is sent at least once.
pub(super) fn violations(documents: &[FoundDocument], results: &[TopicRecord]) -> Vec<String> {
    let mut statuses: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for result in results {
        let of_document = statuses.entry(result.key_text().unwrap_or_default()).or_default();
        of_document.insert(result.header("linkrelay-status").unwrap_or_default());
    }
    let mut found = Vec::new();
    for document in documents {
        let FoundDocument { id, link, status, .. } = document;
        let has_result = statuses.get(id).is_some_and(|found| found.contains(status.as_str()));
        let is_malformed = super::error_class(document) == Some("malformed");
        match (is_malformed, has_result) {
            (false, false) => found.push(format!("no result of {id} ({link}), which is {status}")),
            (true, true) => found.push(format!("a result of {id}, whose record is malformed")),
            _ => {}
        }
    }
    let ids: BTreeSet<&str> = documents.iter().map(|document| document.id.as_str()).collect();
    let foreign = statuses.keys().filter(|id| !ids.contains(id.as_str()));
    found.extend(foreign.map(|id| format!("a result of {id}, which has no document")));
    found
}
