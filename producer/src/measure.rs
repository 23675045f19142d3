//! Counts what became of links; requests are counted for every route alike.

use linkrelay_common::metrics as names;
use metrics::counter;

/// Counts what became of submitted links.
pub(crate) fn links(outcome: &'static str, links_count: usize) {
    counter!(names::LINKS_SUBMITTED, "outcome" => outcome).increment(links_count as u64);
}
