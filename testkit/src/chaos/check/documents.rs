//! Each promised link has exactly one document, which says what it should; and there is no other.

use std::collections::{BTreeMap, BTreeSet};

use super::wanted::{Wanted, WantedDocument};
use super::{Checked, Violation};
use crate::chaos::evidence::{Found, FoundDocument};
use crate::chaos::expected::{Expected, ExpectedLink, Fate};
use linkrelay_fake_youtube::pages;

/// Gives the ids of documents that failed because attempts ran out.
pub(super) fn check(
    wanted: &Wanted<'_>,
    expected: &Expected,
    found: &Found,
    checked: &mut Checked,
) -> BTreeSet<String> {
    let mut by_id: BTreeMap<&str, Vec<&FoundDocument>> = BTreeMap::new();
    for document in &found.documents {
        by_id.entry(&document.id).or_default().push(document);
    }
    let mut given_up = BTreeSet::new();
    for (id, wanted) in &wanted.documents {
        let Some(documents) = by_id.get(id.as_str()) else {
            checked.violate(lost(id, wanted));
            continue;
        };
        for double in &documents[1..] {
            let (id, link) = (double.id.clone(), double.link.clone());
            checked.violate(Violation::Doubled { id, link });
        }
        if check_one(wanted.link, documents[0], checked) {
            given_up.insert(id.clone());
        }
    }
    let rubbish: BTreeSet<String> =
        wanted.rubbish.iter().map(|record| format!("{}:0", record.place(wanted.topic))).collect();
    for id in &rubbish {
        let documents = by_id.get(id.as_str()).map_or(&[][..], Vec::as_slice);
        if !matches!(documents, [document] if is_malformed(document)) {
            checked.violate(Violation::NoDocumentOfRubbish { id: id.clone() });
        }
    }
    let promised: BTreeSet<&str> =
        wanted.documents.values().map(|document| document.link.link.as_str()).collect();
    for document in &found.documents {
        if !wanted.documents.contains_key(&document.id) && !rubbish.contains(&document.id) {
            check_unwanted(document, &promised, expected, checked);
        }
    }
    given_up
}

/// Whether it says that its record could not be read.
fn is_malformed(document: &FoundDocument) -> bool {
    let class = document.error.as_ref().map(|error| error.class.as_str());
    (document.status.as_str(), class) == ("failed", Some("malformed"))
}

fn lost(id: &str, wanted: &WantedDocument<'_>) -> Violation {
    let places =
        wanted.records.iter().map(|record| format!("{}:{}", record.partition, record.offset));
    Violation::Lost { id: id.to_owned(), link: wanted.link.link.clone(), records: places.collect() }
}

/// Says whether it was given up, for which there must be a dead letter.
fn check_one(expected: &ExpectedLink, document: &FoundDocument, checked: &mut Checked) -> bool {
    if let Err(problem) = check_content(expected, document) {
        checked.violate(Violation::WrongContent { id: document.id.clone(), problem });
    }
    let class = document.error.as_ref().map(|error| error.class.as_str());
    match (expected.fate, document.status.as_str(), class) {
        (Fate::Stored, "stored", _) => checked.tally.stored += 1,
        (Fate::Failed, "failed", Some("permanent")) => checked.tally.failed += 1,
        (Fate::Stored, "failed", Some("transient")) => {
            checked.tally.given_up += 1;
            return true;
        }
        (fate, status, class) => checked.violate(Violation::WrongStatus {
            id: document.id.clone(),
            expected: if fate == Fate::Stored { "stored" } else { "failed (permanent)" },
            found: format!("{status} ({})", class.unwrap_or("no error")),
        }),
    }
    false
}

fn check_content(expected: &ExpectedLink, document: &FoundDocument) -> Result<(), String> {
    if document.link != expected.link {
        return Err(format!("its link is {}, not {}", document.link, expected.link));
    }
    if document.video_id != expected.video_id {
        return Err(format!("its video is {:?}, not {:?}", document.video_id, expected.video_id));
    }
    if document.status != "stored" {
        return Ok(());
    }
    let title = expected.video_id.as_deref().map(|id| pages::expected(id).title);
    let found = document.video.as_ref().map(|video| video.title.clone());
    if found == title { Ok(()) } else { Err(format!("its title is {found:?}, not {title:?}")) }
}

fn check_unwanted(
    document: &FoundDocument,
    promised: &BTreeSet<&str>,
    expected: &Expected,
    checked: &mut Checked,
) {
    let (id, link) = (document.id.clone(), document.link.clone());
    if expected.unresolved_links.contains(&link) {
        checked.tally.unresolved += 1;
    } else if promised.contains(link.as_str()) {
        // The same link once more, under an id of its own.
        checked.violate(Violation::Doubled { id, link });
    } else {
        checked.violate(Violation::Unexpected { id, link });
    }
}
