//! Compares what was promised with what is there. Pure: the same books give the same verdict.

mod dead_letters;
mod documents;
mod violation;
mod wanted;

use std::collections::BTreeMap;

pub use violation::Violation;

use super::evidence::Found;
use super::expected::Expected;
use wanted::Wanted;

/// The figures of a check.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Tally {
    /// Links that were promised a document.
    pub links: usize,
    /// Documents with metadata.
    pub stored: usize,
    /// Documents without, as the fake YouTube wanted it.
    pub failed: usize,
    /// Documents without, since attempts ran out; each has a dead letter.
    pub given_up: usize,
    /// Promised links without a document.
    pub lost: usize,
    /// Documents there more often than promised.
    pub doubled: usize,
    /// Documents that nobody asked for, of links whose request was never acknowledged.
    pub unresolved: usize,
    /// Dead letters.
    pub dead_letters: usize,
    /// Records of links that were in the topic already: a client's or a producer's retry.
    pub surplus_records: usize,
}

/// The verdict.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Checked {
    /// The figures.
    pub tally: Tally,
    /// What is wrong; nothing, if all is well.
    pub violations: Vec<Violation>,
}

impl Checked {
    fn violate(&mut self, violation: Violation) {
        match &violation {
            Violation::Lost { .. } | Violation::LostByTheBroker { .. } => self.tally.lost += 1,
            Violation::Doubled { .. } => self.tally.doubled += 1,
            _ => {}
        }
        self.violations.push(violation);
    }
}

/// Judges.
pub fn check(expected: &Expected, found: &Found) -> Checked {
    let mut checked = Checked::default();
    let wanted = Wanted::new(expected, found, &mut checked);
    let given_up = documents::check(&wanted, expected, found, &mut checked);
    dead_letters::check(&wanted, &given_up, found, &mut checked);
    check_offsets(found, &mut checked);
    checked
}

fn check_offsets(found: &Found, checked: &mut Checked) {
    for (partition, end) in &found.ends {
        let committed = found.committed.get(partition).copied().flatten();
        // A partition that never had a record has nothing to commit.
        if committed.unwrap_or(0) != *end {
            checked.violate(Violation::NotCommitted {
                partition: *partition,
                committed,
                end: *end,
            });
        }
    }
}

/// How often each video is asked for if every record is worked on once.
pub(super) fn links_by_video(expected: &Expected, found: &Found) -> BTreeMap<String, u64> {
    let wanted = Wanted::new(expected, found, &mut Checked::default());
    let mut counts = BTreeMap::new();
    for document in wanted.documents.values() {
        if let Some(video_id) = &document.link.video_id {
            *counts.entry(video_id.clone()).or_insert(0) += document.records.len() as u64;
        }
    }
    counts
}

#[cfg(test)]
mod tests;
