//! Compares what was promised with what is there. Pure: the same input gives the same result.

mod results;
mod videos;

use std::collections::{BTreeMap, BTreeSet};

use linkrelay_fake_youtube::pages;
use mongodb::bson::DateTime;
use serde::Deserialize;

pub(super) use self::videos::FoundRow;
use super::load::Link;
use crate::kafka::TopicRecord;

/// Everything that was promised.
#[derive(Debug, Clone, Default)]
pub(super) struct Expected {
    /// The topic's name, which is part of some ids.
    pub(super) topic: String,
    /// The links of each request that was answered 201, with the request's id.
    pub(super) requests: Vec<(String, Vec<Link>)>,
    /// The links of each record by hand, by its value; none if it is malformed.
    pub(super) by_hand: BTreeMap<Vec<u8>, Vec<Link>>,
    /// The links of requests that were never answered 201: they may be there or not.
    pub(super) unresolved_links: BTreeSet<String>,
}

/// Everything that is there after linkrelay has stopped.
#[derive(Debug, Clone, Default)]
pub(super) struct Found {
    pub(super) records: Vec<TopicRecord>,
    pub(super) documents: Vec<FoundDocument>,
    pub(super) rows: Vec<FoundRow>,
    pub(super) dead_letters: Vec<TopicRecord>,
    /// `None` if no topic was named for them.
    pub(super) results: Option<Vec<TopicRecord>>,
    /// The group's offsets by partition.
    pub(super) committed: BTreeMap<i32, Option<i64>>,
    /// The topic's end by partition.
    pub(super) ends: BTreeMap<i32, i64>,
}

/// The fields of a document that are checked.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct FoundDocument {
    #[serde(rename = "_id")]
    pub(super) id: String,
    pub(super) link: String,
    pub(super) video_id: Option<String>,
    /// `stored` or `failed`.
    pub(super) status: String,
    pub(super) error: Option<FoundError>,
    pub(super) video: Option<FoundVideo>,
    pub(super) extracted_at: Option<DateTime>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct FoundError {
    /// `transient` if attempts ran out.
    pub(super) class: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct FoundVideo {
    /// The fake YouTube derives it from the video's id, so it proves which video this is.
    pub(super) title: String,
}

/// The figures of a check.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Tally {
    /// Links that were promised a document.
    pub links: usize,
    /// Documents with metadata.
    pub(super) stored: usize,
    /// Documents without metadata, as the fake YouTube decided.
    pub(super) failed: usize,
    /// Documents without metadata because attempts ran out; each has a dead letter.
    pub given_up: usize,
    /// Promised links without a document.
    pub(super) lost: usize,
    /// Documents that are there more often than promised.
    pub(super) doubled: usize,
    /// Documents of links whose request was never acknowledged.
    pub(super) unresolved: usize,
    pub(super) dead_letters: usize,
    /// Results, those that were sent again included.
    pub(super) results: usize,
    /// Records of links that were in the topic already: a client's or a producer's retry.
    pub surplus_records: usize,
}

/// The result of a check.
#[derive(Debug, Clone, Default)]
pub(super) struct Checked {
    pub(super) tally: Tally,
    /// How often each video is asked for if every record is processed once.
    pub(super) due: BTreeMap<String, u64>,
    /// What is wrong; nothing, if every promise was kept.
    pub(super) violations: Vec<String>,
}

/// The promises, joined with the records in the topic.
#[derive(Debug, Default)]
struct Wanted<'a> {
    /// Each document's link and the records that ask for it, by the document's id.
    documents: BTreeMap<String, (&'a Link, Vec<&'a TopicRecord>)>,
    /// The records that must become dead letters, by their origin.
    malformed: BTreeMap<String, &'a TopicRecord>,
}

/// Checks everything.
pub(super) fn check(expected: &Expected, found: &Found) -> Checked {
    let mut checked = Checked::default();
    let wanted = checked.wanted(expected, found);
    let given_up = checked.documents(&wanted, expected, found);
    checked.dead_letters(&wanted, &given_up, &expected.topic, &found.dead_letters);
    let mut violations = videos::violations(&found.documents, &found.rows);
    if let Some(results) = &found.results {
        checked.tally.results = results.len();
        violations.extend(results::violations(&found.documents, results));
    }
    violations.into_iter().for_each(|text| checked.violate(text));
    for (partition, end) in &found.ends {
        let committed = found.committed.get(partition).copied().flatten();
        // A partition that never had a record has nothing to commit.
        if committed.unwrap_or(0) != *end {
            let committed = format!("committed up to {committed:?} of {end}");
            checked.violate(format!("partition {partition} is {committed}"));
        }
    }
    checked
}

impl Checked {
    fn violate(&mut self, text: String) {
        self.violations.push(text);
    }

    /// Finds the records of every promise.
    fn wanted<'a>(&mut self, expected: &'a Expected, found: &'a Found) -> Wanted<'a> {
        let mut wanted = Wanted::default();
        for (request_id, links) in &expected.requests {
            for (index, link) in links.iter().enumerate() {
                wanted.documents.insert(format!("{request_id}:{index}"), (link, Vec::new()));
            }
        }
        let mut missing: BTreeSet<&[u8]> = expected.by_hand.keys().map(Vec::as_slice).collect();
        for record in &found.records {
            if let Some(id) = id_in_headers(record) {
                // The records of a request that was never acknowledged promise nothing.
                if let Some((_, records)) = wanted.documents.get_mut(&id) {
                    self.tally.surplus_records += usize::from(!records.is_empty());
                    records.push(record);
                }
                continue;
            }
            let (origin, value) = (record.origin(&expected.topic), record.value.as_deref());
            let value = value.unwrap_or_default();
            missing.remove(value);
            match expected.by_hand.get(value) {
                None => self.violate(format!("a record at {origin} that no client wrote")),
                Some(links) if links.is_empty() => drop(wanted.malformed.insert(origin, record)),
                Some(links) => {
                    for (index, link) in links.iter().enumerate() {
                        wanted.documents.insert(format!("{origin}:{index}"), (link, vec![record]));
                    }
                }
            }
        }
        for value in missing {
            self.tally.lost += 1;
            let value = String::from_utf8_lossy(value);
            self.violate(format!("lost: record by hand {value:?}"));
        }
        self.tally.links = wanted.documents.len();
        for (link, records) in wanted.documents.values() {
            if let Some(video_id) = &link.video_id {
                *self.due.entry(video_id.clone()).or_default() += records.len() as u64;
            }
        }
        wanted
    }

    /// Each promised link has exactly one document with the right content, and no client sent
    /// the link of any other. Returns the ids of documents that failed because attempts ran out.
    fn documents<'a>(
        &mut self,
        wanted: &'a Wanted<'_>,
        expected: &Expected,
        found: &Found,
    ) -> BTreeSet<&'a str> {
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
                given_up.insert(id.as_str());
            }
            self.content(link, document);
        }
        for origin in wanted.malformed.keys() {
            let id = format!("{origin}:0");
            let documents = by_id.remove(id.as_str()).unwrap_or_default();
            let is_malformed = |document: &FoundDocument| {
                document.status == "failed" && error_class(document) == Some("malformed")
            };
            if !matches!(documents.as_slice(), [document] if is_malformed(document)) {
                let should = "should be the only document, and say that its record is malformed";
                self.violate(format!("{id} {should}"));
            }
        }
        let links = wanted.documents.values().map(|(link, _)| link.link.as_str());
        let promised: BTreeSet<&str> = links.collect();
        for document in by_id.into_values().flatten() {
            let FoundDocument { id, link, .. } = document;
            if expected.unresolved_links.contains(link) {
                self.tally.unresolved += 1;
            } else if promised.contains(link.as_str()) {
                // The same link again, under another id.
                self.doubled(document);
            } else {
                self.violate(format!("unexpected document: {id} ({link})"));
            }
        }
        given_up
    }

    fn lost(&mut self, id: &str, link: &Link, records: &[&TopicRecord]) {
        let position = |record: &&TopicRecord| format!("{}:{}", record.partition, record.offset);
        let positions: Vec<String> = records.iter().map(position).collect();
        let where_it_is = if positions.is_empty() {
            "acknowledged and not in the topic".to_owned()
        } else {
            format!("in the topic at {}", positions.join(", "))
        };
        self.tally.lost += 1;
        self.violate(format!("lost: {id} ({}), {where_it_is}", link.link));
    }

    fn doubled(&mut self, FoundDocument { id, link, .. }: &FoundDocument) {
        self.tally.doubled += 1;
        self.violate(format!("doubled: {id} ({link})"));
    }

    /// Checks the status; returns whether attempts ran out, so that there must be a dead letter.
    fn is_given_up(&mut self, link: &Link, document: &FoundDocument) -> bool {
        let (id, status, class) = (&document.id, &document.status, error_class(document));
        match (link.is_stored, status.as_str(), class) {
            (true, "stored", _) => self.tally.stored += 1,
            (false, "failed", Some("permanent")) => self.tally.failed += 1,
            (true, "failed", Some("transient")) => {
                self.tally.given_up += 1;
                return true;
            }
            (is_stored, ..) => {
                let wanted = if is_stored { "stored" } else { "failed (permanent)" };
                let class = class.unwrap_or("no error");
                self.violate(format!("wrong status: {id} is {status} ({class}), not {wanted}"));
            }
        }
        false
    }

    fn content(&mut self, link: &Link, document: &FoundDocument) {
        let title = link.video_id.as_deref().map(|id| pages::expected(id).title);
        let found = document.video.as_ref().map(|video| video.title.clone());
        let problem = if document.link != link.link {
            format!("its link is {}, not {}", document.link, link.link)
        } else if document.video_id != link.video_id {
            format!("its video is {:?}, not {:?}", document.video_id, link.video_id)
        } else if document.status == "stored" && found != title {
            format!("its title is {found:?}, not {title:?}")
        } else {
            return;
        };
        self.violate(format!("wrong content: {}: {problem}", document.id));
    }

    /// What was given up is in the topic of dead letters, and nothing else is.
    fn dead_letters(
        &mut self,
        wanted: &Wanted<'_>,
        given_up: &BTreeSet<&str>,
        topic: &str,
        dead_letters: &[TopicRecord],
    ) {
        self.tally.dead_letters = dead_letters.len();
        for (origin, record) in &wanted.malformed {
            let is_of = |letter: &TopicRecord| {
                origin_of(letter) == origin
                    && letter.value == record.value
                    && class_of(letter) == "malformed"
            };
            if !dead_letters.iter().any(is_of) {
                self.violate(format!("no dead letter of {origin}"));
            }
        }
        let mut justified: BTreeSet<String> = wanted.malformed.keys().cloned().collect();
        for id in given_up {
            let records = wanted.documents.get(*id).map_or(&[][..], |(_, records)| records);
            let origins: Vec<String> = records.iter().map(|record| record.origin(topic)).collect();
            let is_of = |letter: &&TopicRecord| document_id(letter) == *id;
            let mut letters = dead_letters.iter().filter(is_of);
            if !letters.any(|letter| origins.iter().any(|origin| origin == origin_of(letter))) {
                self.violate(format!("no dead letter of {id}"));
            }
            justified.extend(origins);
        }
        let mut foreign: BTreeMap<&str, &str> = BTreeMap::new();
        for letter in dead_letters.iter().filter(|letter| !justified.contains(origin_of(letter))) {
            foreign.entry(origin_of(letter)).or_insert_with(|| class_of(letter));
        }
        for (origin, class) in foreign {
            self.violate(format!("a dead letter of {origin} ({class}), which was not given up"));
        }
    }
}

fn error_class(document: &FoundDocument) -> Option<&str> {
    document.error.as_ref().map(|error| error.class.as_str())
}

/// The document's id, if the record is of a request.
fn id_in_headers(record: &TopicRecord) -> Option<String> {
    let request_id = record.header("linkrelay-request-id")?;
    Some(format!("{request_id}:{}", record.header("linkrelay-index")?))
}

/// The document that a dead letter is of: by the request's id, or by the record's origin, and the
/// index of the link in it.
fn document_id(letter: &TopicRecord) -> String {
    let index = letter.header("linkrelay-index").unwrap_or("0");
    id_in_headers(letter).unwrap_or_else(|| format!("{}:{index}", origin_of(letter)))
}

fn origin_of(letter: &TopicRecord) -> &str {
    letter.header("linkrelay-origin").unwrap_or("")
}

fn class_of(letter: &TopicRecord) -> &str {
    letter.header("linkrelay-error-class").unwrap_or("")
}

#[cfg(test)]
mod tests;
