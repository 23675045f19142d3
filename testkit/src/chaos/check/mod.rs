//! Compares what was promised with what is there. Pure: the same input gives the same result.

use std::collections::{BTreeMap, BTreeSet};

use linkrelay_fake_youtube::pages;

use super::expected::{Expected, ExpectedLink, Outcome, RecordByHand};
use super::found::{Found, FoundDocument};
use crate::kafka::TopicRecord;

/// The figures of a check.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Tally {
    /// Links that were promised a document.
    pub links: usize,
    /// Documents with metadata.
    pub stored: usize,
    /// Documents without metadata, as the fake YouTube decided.
    pub failed: usize,
    /// Documents without metadata because attempts ran out; each has a dead letter.
    pub given_up: usize,
    /// Promised links without a document.
    pub lost: usize,
    /// Documents that are there more often than promised.
    pub doubled: usize,
    /// Documents of links whose request was never acknowledged.
    pub unresolved: usize,
    /// Dead letters.
    pub dead_letters: usize,
    /// Records of links that were in the topic already: a client's or a producer's retry.
    pub surplus_records: usize,
}

/// The result of a check.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Checked {
    /// The figures.
    pub(super) tally: Tally,
    /// What is wrong; nothing, if every promise was kept.
    pub(super) violations: Vec<String>,
}

/// Checks everything.
pub(super) fn check(expected: &Expected, found: &Found) -> Checked {
    let mut checked = Checked::default();
    let wanted = Wanted::new(expected, found, &mut checked);
    let given_up = checked.documents(&wanted, expected, found);
    checked.dead_letters(&wanted, &given_up, found);
    checked.offsets(found);
    checked
}

/// How often each video is asked for if every record is processed once.
pub(super) fn links_by_video(expected: &Expected, found: &Found) -> BTreeMap<String, u64> {
    let wanted = Wanted::new(expected, found, &mut Checked::default());
    let mut counts = BTreeMap::new();
    for (link, records) in wanted.documents.values() {
        if let Some(video_id) = &link.video_id {
            *counts.entry(video_id.clone()).or_insert(0) += records.len() as u64;
        }
    }
    counts
}

/// What must be there: the promises, joined with the records in the topic.
#[derive(Debug, Default)]
struct Wanted<'a> {
    topic: &'a str,
    /// Each document's link and the records that ask for it, by the document's id.
    documents: BTreeMap<String, (&'a ExpectedLink, Vec<&'a TopicRecord>)>,
    /// The records that must become dead letters.
    malformed: Vec<&'a TopicRecord>,
}

impl<'a> Wanted<'a> {
    fn new(expected: &'a Expected, found: &'a Found, checked: &mut Checked) -> Self {
        let mut wanted = Self { topic: &expected.topic, ..Self::default() };
        for request in &expected.requests {
            for (index, link) in request.links.iter().enumerate() {
                wanted.documents.insert(format!("{}:{index}", request.id), (link, Vec::new()));
            }
        }
        let mut by_hand: BTreeMap<&[u8], (&RecordByHand, bool)> = BTreeMap::new();
        for record in &expected.by_hand {
            by_hand.insert(&record.value, (record, false));
        }
        for record in &found.records {
            if let Some(id) = id_in_headers(record) {
                // The records of a request that was never acknowledged promise nothing.
                if let Some((_, records)) = wanted.documents.get_mut(&id) {
                    checked.tally.surplus_records += usize::from(!records.is_empty());
                    records.push(record);
                }
                continue;
            }
            match by_hand.get_mut(record.value.as_deref().unwrap_or_default()) {
                Some((by_hand, is_there)) => {
                    *is_there = true;
                    wanted.add_by_hand(by_hand, record);
                }
                None => {
                    let origin = record.origin(wanted.topic);
                    let text = format!("a record at {origin} that no client wrote");
                    checked.violate(text);
                }
            }
        }
        for (record, _) in by_hand.into_values().filter(|(_, is_there)| !is_there) {
            let value = String::from_utf8_lossy(&record.value);
            checked.tally.lost += 1;
            checked.violate(format!("lost: record by hand {value:?}"));
        }
        checked.tally.links = wanted.documents.len();
        wanted
    }

    fn add_by_hand(&mut self, by_hand: &'a RecordByHand, record: &'a TopicRecord) {
        if by_hand.links.is_empty() {
            self.malformed.push(record);
        }
        for (index, link) in by_hand.links.iter().enumerate() {
            let id = format!("{}:{index}", record.origin(self.topic));
            self.documents.insert(id, (link, vec![record]));
        }
    }
}

impl Checked {
    fn violate(&mut self, text: String) {
        self.violations.push(text);
    }

    /// Each promised link has exactly one document with the right content, and no client sent
    /// the link of any other. Returns the ids of documents that failed because attempts ran out.
    fn documents(
        &mut self,
        wanted: &Wanted<'_>,
        expected: &Expected,
        found: &Found,
    ) -> BTreeSet<String> {
        let mut by_id: BTreeMap<&str, Vec<&FoundDocument>> = BTreeMap::new();
        for document in &found.documents {
            by_id.entry(&document.id).or_default().push(document);
        }
        let mut given_up = BTreeSet::new();
        for (id, (link, records)) in &wanted.documents {
            let documents = by_id.remove(id.as_str()).unwrap_or_default();
            let Some((document, doubles)) = documents.split_first() else {
                self.lost(id, link, records);
                continue;
            };
            doubles.iter().for_each(|double| self.doubled(double));
            if self.is_given_up(link, document) {
                given_up.insert(id.clone());
            }
            self.content(link, document);
        }
        for record in &wanted.malformed {
            let id = format!("{}:0", record.origin(wanted.topic));
            let documents = by_id.remove(id.as_str()).unwrap_or_default();
            let is_malformed = |document: &FoundDocument| {
                (document.status.as_str(), document.class()) == ("failed", Some("malformed"))
            };
            if !matches!(documents.as_slice(), [document] if is_malformed(document)) {
                let text = format!(
                    "{id} should be the only document, and say that its record is malformed"
                );
                self.violate(text);
            }
        }
        let links = wanted.documents.values().map(|(link, _)| link.link.as_str());
        let promised: BTreeSet<&str> = links.collect();
        for document in by_id.into_values().flatten() {
            if expected.unresolved_links.contains(&document.link) {
                self.tally.unresolved += 1;
            } else if promised.contains(document.link.as_str()) {
                // The same link again, under another id.
                self.doubled(document);
            } else {
                let FoundDocument { id, link, .. } = document;
                let text = format!("unexpected document: {id} ({link})");
                self.violate(text);
            }
        }
        given_up
    }

    fn lost(&mut self, id: &str, link: &ExpectedLink, records: &[&TopicRecord]) {
        let position = |record: &&TopicRecord| format!("{}:{}", record.partition, record.offset);
        let positions: Vec<String> = records.iter().map(position).collect();
        let where_it_is = match positions.as_slice() {
            [] => "acknowledged and not in the topic".to_owned(),
            positions => format!("in the topic at {}", positions.join(", ")),
        };
        self.tally.lost += 1;
        self.violate(format!("lost: {id} ({}), {where_it_is}", link.link));
    }

    fn doubled(&mut self, document: &FoundDocument) {
        let FoundDocument { id, link, .. } = document;
        self.tally.doubled += 1;
        self.violate(format!("doubled: {id} ({link})"));
    }

    /// Checks the status; returns whether attempts ran out, so that there must be a dead letter.
    fn is_given_up(&mut self, expected: &ExpectedLink, document: &FoundDocument) -> bool {
        match (expected.outcome, document.status.as_str(), document.class()) {
            (Outcome::Stored, "stored", _) => self.tally.stored += 1,
            (Outcome::Failed, "failed", Some("permanent")) => self.tally.failed += 1,
            (Outcome::Stored, "failed", Some("transient")) => {
                self.tally.given_up += 1;
                return true;
            }
            (outcome, status, class) => {
                let (id, class) = (&document.id, class.unwrap_or("no error"));
                let wanted =
                    if outcome == Outcome::Stored { "stored" } else { "failed (permanent)" };
                let text = format!("wrong status: {id} is {status} ({class}), not {wanted}");
                self.violate(text);
            }
        }
        false
    }

    fn content(&mut self, expected: &ExpectedLink, document: &FoundDocument) {
        let title = expected.video_id.as_deref().map(|id| pages::expected(id).title);
        let found = document.video.as_ref().map(|video| video.title.clone());
        let problem = if document.link != expected.link {
            format!("its link is {}, not {}", document.link, expected.link)
        } else if document.video_id != expected.video_id {
            format!("its video is {:?}, not {:?}", document.video_id, expected.video_id)
        } else if document.status == "stored" && found != title {
            format!("its title is {found:?}, not {title:?}")
        } else {
            return;
        };
        self.violate(format!("wrong content: {}: {problem}", document.id));
    }

    /// What was given up is in the topic of dead letters, and nothing else is.
    fn dead_letters(&mut self, wanted: &Wanted<'_>, given_up: &BTreeSet<String>, found: &Found) {
        self.tally.dead_letters = found.dead_letters.len();
        let mut by_origin: BTreeMap<&str, Vec<&TopicRecord>> = BTreeMap::new();
        for dead_letter in &found.dead_letters {
            let origin = dead_letter.header("linkrelay-origin").unwrap_or("");
            by_origin.entry(origin).or_default().push(dead_letter);
        }
        let mut justified: BTreeSet<String> = BTreeSet::new();
        for record in &wanted.malformed {
            let origin = record.origin(wanted.topic);
            let dead_letters = by_origin.get(origin.as_str()).into_iter().flatten();
            let mut dead_letters = dead_letters.copied();
            if !dead_letters.any(|found| found.value == record.value && class(found) == "malformed")
            {
                self.violate(format!("no dead letter of {origin}"));
            }
            justified.insert(origin);
        }
        for id in given_up {
            let records = wanted.documents.get(id).map_or(&[][..], |(_, records)| records);
            let origins: Vec<String> =
                records.iter().map(|record| record.origin(wanted.topic)).collect();
            let dead_letters = origins.iter().filter_map(|origin| by_origin.get(origin.as_str()));
            if !dead_letters.flatten().any(|dead_letter| is_of(dead_letter, id)) {
                self.violate(format!("no dead letter of {id}"));
            }
            justified.extend(origins);
        }
        for (origin, dead_letters) in by_origin {
            if !justified.contains(origin) {
                let class = dead_letters.first().map_or("", |dead_letter| class(dead_letter));
                let text = format!("a dead letter of {origin} ({class}), which was not given up");
                self.violate(text);
            }
        }
    }

    fn offsets(&mut self, found: &Found) {
        for (partition, end) in &found.ends {
            let committed = found.committed.get(partition).copied().flatten();
            // A partition that never had a record has nothing to commit.
            if committed.unwrap_or(0) != *end {
                let text =
                    format!("partition {partition} is committed up to {committed:?} of {end}");
                self.violate(text);
            }
        }
    }
}

/// The document's id, if the record is of a request.
fn id_in_headers(record: &TopicRecord) -> Option<String> {
    let request_id = record.header("linkrelay-request-id")?;
    Some(format!("{request_id}:{}", record.header("linkrelay-index")?))
}

/// Whether a dead letter is of this document: by the request's id, or by the record's origin, and
/// the index of the link in it.
fn is_of(dead_letter: &TopicRecord, id: &str) -> bool {
    let index = dead_letter.header("linkrelay-index").unwrap_or("0");
    let by_origin = || Some(format!("{}:{index}", dead_letter.header("linkrelay-origin")?));
    id_in_headers(dead_letter).or_else(by_origin).is_some_and(|of| of == id)
}

fn class(dead_letter: &TopicRecord) -> &str {
    dead_letter.header("linkrelay-error-class").unwrap_or("")
}

#[cfg(test)]
mod tests;
