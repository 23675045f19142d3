//! Doctored worlds: each has one thing wrong, and the checker must say exactly that.

use super::*;
use crate::chaos::evidence::{FoundDocument, FoundError, FoundVideo};
use crate::chaos::expected::{AcknowledgedRequest, ExpectedLink, Fate, RecordByHand};
use crate::kafka::TopicRecord;
use linkrelay_fake_youtube::pages;

const RUBBISH: &[u8] = b"rubbish \xff";

fn link(name: &str, fate: Fate) -> ExpectedLink {
    let video_id = pages::id_from_name(name);
    ExpectedLink { link: format!("https://youtu.be/{video_id}"), video_id: Some(video_id), fate }
}

fn record(offset: i64, value: &[u8], headers: &[(&str, &str)]) -> TopicRecord {
    let header =
        |(name, value): &(&str, &str)| ((*name).to_owned(), Some(value.as_bytes().to_vec()));
    TopicRecord {
        partition: 0,
        offset,
        timestamp: 7,
        key: None,
        value: Some(value.to_vec()),
        headers: headers.iter().map(header).collect(),
    }
}

fn document(id: &str, link: &ExpectedLink) -> FoundDocument {
    let is_stored = link.fate == Fate::Stored;
    let title = || pages::expected(link.video_id.as_deref().unwrap()).title;
    FoundDocument {
        id: id.to_owned(),
        link: link.link.clone(),
        video_id: link.video_id.clone(),
        status: if is_stored { "stored" } else { "failed" }.to_owned(),
        error: (!is_stored).then(|| FoundError { class: "permanent".to_owned() }),
        video: is_stored.then(|| FoundVideo { title: title() }),
    }
}

fn malformed(id: &str) -> FoundDocument {
    FoundDocument {
        id: id.to_owned(),
        link: "rubbish".to_owned(),
        video_id: None,
        status: "failed".to_owned(),
        error: Some(FoundError { class: "malformed".to_owned() }),
        video: None,
    }
}

fn dead_letter(origin: &str, class: &str, value: &[u8]) -> TopicRecord {
    record(0, value, &[("linkrelay-origin", origin), ("linkrelay-error-class", class)])
}

/// Two requests (a good link and a private one; a good one), a record by hand, and rubbish; all
/// as it should be.
fn world() -> (Expected, Found) {
    let (good, private) = (link("good", Fate::Stored), link("private", Fate::Failed));
    let (other, by_hand) = (link("other", Fate::Stored), link("by hand", Fate::Stored));
    let place = |id, index| [("linkrelay-request-id", id), ("linkrelay-index", index)];
    let found = Found {
        records: vec![
            record(0, b"", &place("one", "0")),
            record(1, b"", &place("one", "1")),
            record(2, b"by hand", &[]),
            record(3, RUBBISH, &[]),
            record(4, b"", &place("two", "0")),
            record(5, b"", &place("two", "0")),
        ],
        documents: vec![
            document("one:0", &good),
            document("one:1", &private),
            document("two:0", &other),
            document("T:0:2:7:0", &by_hand),
            malformed("T:0:3:7:0"),
        ],
        dead_letters: vec![dead_letter("T:0:3:7", "malformed", RUBBISH)],
        committed: BTreeMap::from([(0, Some(6)), (1, None)]),
        ends: BTreeMap::from([(0, 6), (1, 0)]),
    };
    let expected = Expected {
        topic: "T".to_owned(),
        requests: vec![
            AcknowledgedRequest { id: "one".to_owned(), links: vec![good, private] },
            AcknowledgedRequest { id: "two".to_owned(), links: vec![other] },
        ],
        by_hand: vec![
            RecordByHand { value: b"by hand".to_vec(), links: vec![by_hand] },
            RecordByHand { value: RUBBISH.to_vec(), links: Vec::new() },
        ],
        ..Expected::default()
    };
    (expected, found)
}

/// Changes a world that is well, and gives what the checker says then.
fn judged(doctor: impl FnOnce(&mut Expected, &mut Found)) -> Checked {
    let (mut expected, mut found) = world();
    doctor(&mut expected, &mut found);
    check(&expected, &found)
}

#[test]
fn a_world_that_is_well_has_no_violation() {
    let checked = judged(|_, _| {});
    assert_eq!(checked.violations, []);
    let tally = Tally {
        links: 4,
        stored: 3,
        failed: 1,
        dead_letters: 1,
        surplus_records: 1,
        ..Tally::default()
    };
    assert_eq!(checked.tally, tally);
}

#[test]
fn a_lost_link_is_named_with_its_records() {
    let checked = judged(|_, found| drop(found.documents.remove(2)));
    let [Violation::Lost { id, records, .. }] = checked.violations.as_slice() else {
        panic!("{:?}", checked.violations)
    };
    assert_eq!(
        (id.as_str(), records.as_slice()),
        ("two:0", ["0:4".to_owned(), "0:5".to_owned()].as_slice())
    );
    assert_eq!(checked.tally.lost, 1);
    let never_published = judged(|_, found| {
        found.documents.remove(0);
        found.records.remove(0);
    });
    assert!(never_published.violations[0].to_string().contains("not in the topic"));
}

#[test]
fn a_record_by_hand_that_the_broker_lost_is_lost() {
    let checked = judged(|_, found| {
        found.records.remove(2);
        found.documents.remove(3);
    });
    let value = "by hand".to_owned();
    assert_eq!(checked.violations, [Violation::LostByTheBroker { value }]);
    assert_eq!(checked.tally.lost, 1);
}

#[test]
fn a_doubled_document_is_found_under_the_same_id_and_under_another() {
    for id in ["one:0", "another:0"] {
        let checked = judged(|_, found| {
            let double = FoundDocument { id: id.to_owned(), ..found.documents[0].clone() };
            found.documents.push(double);
        });
        let [Violation::Doubled { id: found, .. }] = checked.violations.as_slice() else {
            panic!("{:?}", checked.violations)
        };
        assert_eq!((found.as_str(), checked.tally.doubled), (id, 1));
    }
}

#[test]
fn a_document_that_nobody_asked_for_is_unexpected_unless_its_request_is_unresolved() {
    let stranger = link("stranger", Fate::Stored);
    let add = |found: &mut Found| found.documents.push(document("x:0", &stranger));
    let checked = judged(|_, found| add(found));
    assert!(matches!(checked.violations.as_slice(), [Violation::Unexpected { .. }]));
    let checked = judged(|expected, found| {
        add(found);
        expected.unresolved_links.insert(stranger.link.clone());
    });
    assert_eq!((checked.violations.len(), checked.tally.unresolved), (0, 1));
}

#[test]
fn a_wrong_status_is_found_both_ways() {
    for (place, status, class) in
        [(1, "stored", None), (0, "failed", Some("permanent")), (1, "failed", Some("transient"))]
    {
        let checked = judged(|_, found| {
            let document = &mut found.documents[place];
            document.status = status.to_owned();
            document.error = class.map(|class: &str| FoundError { class: class.to_owned() });
            let title = pages::expected(document.video_id.as_deref().unwrap()).title;
            document.video = Some(FoundVideo { title });
        });
        assert!(
            matches!(checked.violations.as_slice(), [Violation::WrongStatus { .. }]),
            "{status} {:?}",
            checked.violations
        );
    }
}

#[test]
fn another_video_s_metadata_is_wrong_content() {
    let doctors: [fn(&mut FoundDocument); 4] = [
        |document| document.video = None,
        |document| document.video = Some(FoundVideo { title: "x".to_owned() }),
        |document| document.video_id = None,
        |document| document.link.push('x'),
    ];
    for doctor in doctors {
        let checked = judged(|_, found| doctor(&mut found.documents[0]));
        assert!(
            matches!(checked.violations.as_slice(), [Violation::WrongContent { .. }]),
            "{:?}",
            checked.violations
        );
    }
}

#[test]
fn rubbish_without_its_raw_bytes_among_the_dead_letters_is_missed() {
    let checked = judged(|_, found| found.dead_letters.clear());
    assert_eq!(checked.violations, [Violation::NoDeadLetter { of: "T:0:3:7".to_owned() }]);
    let mended = judged(|_, found| found.dead_letters[0].value = Some(b"rubbish ?".to_vec()));
    assert_eq!(mended.violations, checked.violations);
    let twice = judged(|_, found| found.dead_letters.push(found.dead_letters[0].clone()));
    assert_eq!(twice.violations, [], "at least once");
}

#[test]
fn rubbish_without_a_document_or_with_two_is_found() {
    let expected = [Violation::NoDocumentOfRubbish { id: "T:0:3:7:0".to_owned() }];
    let gone = judged(|_, found| found.documents.retain(|document| document.link != "rubbish"));
    assert_eq!(gone.violations, expected);
    let twice = judged(|_, found| found.documents.push(malformed("T:0:3:7:0")));
    assert_eq!(twice.violations, expected);
}

#[test]
fn a_link_that_was_given_up_needs_a_dead_letter_of_its_own() {
    let give_up = |found: &mut Found, place: usize| {
        let document = &mut found.documents[place];
        document.status = "failed".to_owned();
        document.error = Some(FoundError { class: "transient".to_owned() });
    };
    for (place, id, origin) in [(0, "one:0", "T:0:0:7"), (3, "T:0:2:7:0", "T:0:2:7")] {
        let checked = judged(|_, found| give_up(found, place));
        assert_eq!(checked.violations, [Violation::NoDeadLetter { of: id.to_owned() }]);
        let checked = judged(|_, found| {
            give_up(found, place);
            let mut letter = dead_letter(origin, "transient", b"");
            letter.headers.extend(found.records[if place == 0 { 0 } else { 2 }].headers.clone());
            found.dead_letters.push(letter);
        });
        assert_eq!((checked.violations.len(), checked.tally.given_up), (0, 1));
    }
}

#[test]
fn a_dead_letter_of_what_was_not_given_up_is_unexpected() {
    let checked =
        judged(|_, found| found.dead_letters.push(dead_letter("T:0:0:7", "transient", b"")));
    let expected = Violation::UnexpectedDeadLetter {
        origin: "T:0:0:7".to_owned(),
        class: "transient".to_owned(),
    };
    assert_eq!(checked.violations, [expected]);
}

#[test]
fn an_offset_below_or_above_the_end_is_found() {
    for committed in [None, Some(5), Some(7)] {
        let checked = judged(|_, found| found.committed.extend([(0, committed)]));
        let expected = Violation::NotCommitted { partition: 0, committed, end: 6 };
        assert_eq!(checked.violations, [expected]);
    }
}

#[test]
fn a_record_that_nobody_wrote_is_found() {
    let checked = judged(|_, found| found.records[2].value = Some(b"else".to_vec()));
    let place = "T:0:2:7".to_owned();
    assert!(checked.violations.contains(&Violation::ForeignRecord { place }));
}

#[test]
fn every_record_of_a_link_counts_as_work_that_is_due() {
    let (expected, found) = world();
    let counts = links_by_video(&expected, &found);
    assert_eq!(counts[&pages::id_from_name("other")], 2);
    assert_eq!(counts[&pages::id_from_name("good")], 1);
}
