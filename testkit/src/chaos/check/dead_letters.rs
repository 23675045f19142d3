//! Whatever was given up is in the topic of dead letters, and nothing else is.

use std::collections::{BTreeMap, BTreeSet};

use super::wanted::{Wanted, id_in_headers};
use super::{Checked, Violation};
use crate::chaos::evidence::Found;
use crate::kafka::TopicRecord;

pub(super) fn check(
    wanted: &Wanted<'_>,
    given_up: &BTreeSet<String>,
    found: &Found,
    checked: &mut Checked,
) {
    checked.tally.dead_letters = found.dead_letters.len();
    let by_origin = by_origin(&found.dead_letters);
    let mut justified: BTreeSet<String> = BTreeSet::new();
    for record in &wanted.rubbish {
        let origin = record.place(wanted.topic);
        let letters = by_origin.get(origin.as_str()).into_iter().flatten();
        let is_there = letters
            .into_iter()
            .any(|letter| letter.value == record.value && class(letter) == "malformed");
        if !is_there {
            checked.violate(Violation::NoDeadLetter { of: origin.clone() });
        }
        justified.insert(origin);
    }
    for id in given_up {
        let records = wanted.documents.get(id).map(|document| document.records.as_slice());
        let origins: Vec<String> =
            records.unwrap_or_default().iter().map(|record| record.place(wanted.topic)).collect();
        let has_letter = origins.iter().any(|origin| {
            let letters = by_origin.get(origin.as_str()).into_iter().flatten();
            letters.into_iter().any(|letter| is_of(letter, id))
        });
        if !has_letter {
            checked.violate(Violation::NoDeadLetter { of: id.clone() });
        }
        justified.extend(origins);
    }
    for (origin, letters) in by_origin {
        if !justified.contains(origin) {
            let class = letters.first().map_or("", |letter| class(letter)).to_owned();
            checked.violate(Violation::UnexpectedDeadLetter { origin: origin.to_owned(), class });
        }
    }
}

fn by_origin(letters: &[TopicRecord]) -> BTreeMap<&str, Vec<&TopicRecord>> {
    let mut by_origin: BTreeMap<&str, Vec<&TopicRecord>> = BTreeMap::new();
    for letter in letters {
        by_origin.entry(letter.header("linkrelay-origin").unwrap_or("")).or_default().push(letter);
    }
    by_origin
}

/// Whether a dead letter is of this very document: by the request's place, or by the record's
/// place and the index of the link in it.
fn is_of(letter: &TopicRecord, id: &str) -> bool {
    let index = letter.header("linkrelay-index").unwrap_or("0");
    let by_place = || Some(format!("{}:{index}", letter.header("linkrelay-origin")?));
    id_in_headers(letter).or_else(by_place).is_some_and(|of| of == id)
}

fn class(letter: &TopicRecord) -> &str {
    letter.header("linkrelay-error-class").unwrap_or("")
}
