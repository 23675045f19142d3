//! Counts the outcomes of links and what is deleted; the layers count requests.

use linkrelay_common::metrics as names;
use metrics::counter;

pub(crate) fn links(outcome: &'static str, links_count: usize) {
    counter!(names::LINKS_SUBMITTED, "outcome" => outcome).increment(links_count as u64);
}

pub(crate) fn documents_removed(documents_count: u64) {
    counter!(names::DOCUMENTS_REMOVED, "reason" => "request").increment(documents_count);
}
