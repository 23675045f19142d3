//! Which documents there must be: promises, joined with the records in the topic.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Checked, Violation};
use crate::chaos::evidence::Found;
use crate::chaos::expected::{Expected, ExpectedLink, RecordByHand};
use crate::kafka::TopicRecord;

/// A document that must be there.
#[derive(Debug)]
pub(super) struct WantedDocument<'a> {
    pub(super) link: &'a ExpectedLink,
    /// The records that ask for it.
    pub(super) records: Vec<&'a TopicRecord>,
}

/// All that must be there.
#[derive(Debug, Default)]
pub(super) struct Wanted<'a> {
    pub(super) topic: &'a str,
    /// By id.
    pub(super) documents: BTreeMap<String, WantedDocument<'a>>,
    /// Records that must become dead letters.
    pub(super) rubbish: Vec<&'a TopicRecord>,
}

impl<'a> Wanted<'a> {
    pub(super) fn new(expected: &'a Expected, found: &'a Found, checked: &mut Checked) -> Self {
        let mut wanted = Self { topic: &expected.topic, ..Self::default() };
        for request in &expected.requests {
            for (index, link) in request.links.iter().enumerate() {
                let document = WantedDocument { link, records: Vec::new() };
                wanted.documents.insert(format!("{}:{index}", request.id), document);
            }
        }
        let by_hand: HashMap<&[u8], &RecordByHand> =
            expected.by_hand.iter().map(|record| (record.value.as_slice(), record)).collect();
        let mut seen_by_hand = BTreeSet::new();
        for record in &found.records {
            match id_in_headers(record) {
                Some(id) => wanted.add_request_record(&id, record, checked),
                None => {
                    let value = record.value.as_deref().unwrap_or_default();
                    seen_by_hand.insert(value);
                    wanted.add_by_hand(by_hand.get(value).copied(), record, checked);
                }
            }
        }
        for record in &expected.by_hand {
            if !seen_by_hand.contains(record.value.as_slice()) {
                let value = String::from_utf8_lossy(&record.value).into_owned();
                checked.violate(Violation::LostByTheBroker { value });
            }
        }
        checked.tally.links = wanted.documents.len();
        wanted
    }

    /// One of a request that was never acknowledged wants nothing.
    fn add_request_record(&mut self, id: &str, record: &'a TopicRecord, checked: &mut Checked) {
        if let Some(document) = self.documents.get_mut(id) {
            if !document.records.is_empty() {
                checked.tally.surplus_records += 1;
            }
            document.records.push(record);
        }
    }

    fn add_by_hand(
        &mut self,
        by_hand: Option<&'a RecordByHand>,
        record: &'a TopicRecord,
        checked: &mut Checked,
    ) {
        let place = record.place(self.topic);
        let Some(by_hand) = by_hand else {
            return checked.violate(Violation::ForeignRecord { place });
        };
        if by_hand.links.is_empty() {
            self.rubbish.push(record);
        }
        for (index, link) in by_hand.links.iter().enumerate() {
            let document = WantedDocument { link, records: vec![record] };
            self.documents.insert(format!("{place}:{index}"), document);
        }
    }
}

/// The document's id, if the record carries a request's place.
pub(super) fn id_in_headers(record: &TopicRecord) -> Option<String> {
    let request_id = record.header("linkrelay-request-id")?;
    Some(format!("{request_id}:{}", record.header("linkrelay-index")?))
}
