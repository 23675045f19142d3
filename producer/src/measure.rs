//! Counts the outcomes of links; the layers count requests.

use linkrelay_common::metrics as names;
use metrics::counter;

pub(crate) fn links(outcome: &'static str, links_count: usize) {
    counter!(names::LINKS_SUBMITTED, "outcome" => outcome).increment(links_count as u64);
}
