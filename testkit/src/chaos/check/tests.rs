//! Each test makes one thing wrong in a run that kept every promise; the check must find exactly
//! that.

use super::videos::FoundNewest;
use super::*;

const MALFORMED: &[u8] = b"rubbish \xff";

fn link(name: &str, is_stored: bool) -> Link {
    let video_id = pages::id_from_name(name);
    Link { link: format!("https://youtu.be/{video_id}"), video_id: Some(video_id), is_stored }
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

fn document(id: &str, link: &Link) -> FoundDocument {
    let is_stored = link.is_stored;
    let title = || pages::expected(link.video_id.as_deref().unwrap()).title;
    FoundDocument {
        id: id.to_owned(),
        link: link.link.clone(),
        video_id: link.video_id.clone(),
        status: if is_stored { "stored" } else { "failed" }.to_owned(),
        error: (!is_stored).then(|| FoundError { class: "permanent".to_owned() }),
        video: is_stored.then(|| FoundVideo { title: title() }),
        extracted_at: is_stored.then(|| DateTime::from_millis(7)),
    }
}

fn row(link: &Link) -> FoundRow {
    let newest =
        link.is_stored.then(|| FoundNewest { extracted_at: Some(DateTime::from_millis(7)) });
    FoundRow { video_id: link.video_id.clone().unwrap(), newest }
}

fn malformed(id: &str) -> FoundDocument {
    FoundDocument {
        id: id.to_owned(),
        link: "rubbish".to_owned(),
        video_id: None,
        status: "failed".to_owned(),
        error: Some(FoundError { class: "malformed".to_owned() }),
        video: None,
        extracted_at: None,
    }
}

fn result(id: &str, status: &str) -> TopicRecord {
    let result = record(0, b"{}", &[("linkrelay-status", status)]);
    TopicRecord { key: Some(id.as_bytes().to_vec()), ..result }
}

fn dead_letter(origin: &str, class: &str, value: &[u8]) -> TopicRecord {
    record(0, value, &[("linkrelay-origin", origin), ("linkrelay-error-class", class)])
}

/// Two requests (a valid link and a private one; a valid one), a record by hand, and a malformed
/// one, with everything that they promise.
fn kept_promises() -> (Expected, Found) {
    let (good, private) = (link("good", true), link("private", false));
    let (other, by_hand) = (link("other", true), link("by hand", true));
    let identity = |id, index| [("linkrelay-request-id", id), ("linkrelay-index", index)];
    let found = Found {
        records: vec![
            record(0, b"", &identity("one", "0")),
            record(1, b"", &identity("one", "1")),
            record(2, b"by hand", &[]),
            record(3, MALFORMED, &[]),
            record(4, b"", &identity("two", "0")),
            record(5, b"", &identity("two", "0")),
        ],
        documents: vec![
            document("one:0", &good),
            document("one:1", &private),
            document("two:0", &other),
            document("T:0:2:7:0", &by_hand),
            malformed("T:0:3:7:0"),
        ],
        rows: [&good, &private, &other, &by_hand].map(row).to_vec(),
        dead_letters: vec![dead_letter("T:0:3:7", "malformed", MALFORMED)],
        results: None,
        committed: BTreeMap::from([(0, Some(6)), (1, None)]),
        ends: BTreeMap::from([(0, 6), (1, 0)]),
    };
    let expected = Expected {
        topic: "T".to_owned(),
        requests: vec![("one".to_owned(), vec![good, private]), ("two".to_owned(), vec![other])],
        by_hand: BTreeMap::from([
            (b"by hand".to_vec(), vec![by_hand]),
            (MALFORMED.to_vec(), Vec::new()),
        ]),
        ..Expected::default()
    };
    (expected, found)
}

/// Changes a run that kept every promise, adds the results of its documents, and checks it.
fn checked(change: impl FnOnce(&mut Expected, &mut Found)) -> Checked {
    let (mut expected, mut found) = kept_promises();
    change(&mut expected, &mut found);
    found.results = Some(results_of(&found.documents));
    check(&expected, &found)
}

fn results_of(documents: &[FoundDocument]) -> Vec<TopicRecord> {
    let of_links = documents.iter().filter(|document| document.link != "rubbish");
    of_links.map(|document| result(&document.id, &document.status)).collect()
}

/// The check found this violation, and no other.
#[track_caller]
fn assert_only(checked: &Checked, text: &str) {
    assert_eq!(checked.violations, [text]);
}

#[test]
fn a_run_that_kept_every_promise_has_no_violation() {
    let checked = checked(|_, _| {});
    assert!(checked.violations.is_empty(), "{:?}", checked.violations);
    let tally = Tally {
        links: 4,
        stored: 3,
        failed: 1,
        dead_letters: 1,
        results: 4,
        surplus_records: 1,
        ..Tally::default()
    };
    assert_eq!(checked.tally, tally);
}

#[test]
fn a_lost_link_is_named_with_its_records() {
    let other = link("other", true).link;
    let unstored = checked(|_, found| {
        found.documents.remove(2);
        found.rows.remove(2);
    });
    let text = format!("lost: two:0 ({other}), in the topic at 0:4, 0:5");
    assert_only(&unstored, &text);
    assert_eq!(unstored.tally.lost, 1);
    let never_published = checked(|_, found| {
        found.documents.remove(0);
        found.rows.remove(0);
        found.records.remove(0);
    });
    let text =
        format!("lost: one:0 ({}), acknowledged and not in the topic", link("good", true).link);
    assert_only(&never_published, &text);
}

#[test]
fn a_record_by_hand_that_the_broker_lost_is_lost() {
    let checked = checked(|_, found| {
        found.records.remove(2);
        found.documents.remove(3);
        found.rows.remove(3);
    });
    assert_only(&checked, r#"lost: record by hand "by hand""#);
    assert_eq!(checked.tally.lost, 1);
}

#[test]
fn a_doubled_document_is_found_under_the_same_id_and_under_another() {
    for id in ["one:0", "another:0"] {
        let checked = checked(|_, found| {
            let double = FoundDocument { id: id.to_owned(), ..found.documents[0].clone() };
            found.documents.push(double);
        });
        let link = link("good", true).link;
        assert_only(&checked, &format!("doubled: {id} ({link})"));
        assert_eq!(checked.tally.doubled, 1);
    }
}

#[test]
fn a_document_that_no_client_asked_for_is_unexpected_unless_its_request_is_unresolved() {
    let foreign = link("foreign", true);
    let add = |found: &mut Found| {
        found.documents.push(document("x:0", &foreign));
        found.rows.push(row(&foreign));
    };
    let unexpected = checked(|_, found| add(found));
    let text = format!("unexpected document: x:0 ({})", foreign.link);
    assert_only(&unexpected, &text);
    let unresolved = checked(|expected, found| {
        add(found);
        expected.unresolved_links.insert(foreign.link.clone());
    });
    assert_eq!((unresolved.violations.len(), unresolved.tally.unresolved), (0, 1));
}

#[test]
fn a_stored_document_that_should_have_failed_is_found_and_a_failed_one_that_should_not() {
    for (index, status, class) in
        [(1, "stored", None), (0, "failed", Some("permanent")), (1, "failed", Some("transient"))]
    {
        let checked = checked(|_, found| {
            let document = &mut found.documents[index];
            document.status = status.to_owned();
            document.error = class.map(|class: &str| FoundError { class: class.to_owned() });
            let title = pages::expected(document.video_id.as_deref().unwrap()).title;
            document.video = Some(FoundVideo { title });
        });
        let wanted = ["stored", "failed (permanent)"][index];
        let class = class.unwrap_or("no error");
        let text = format!("wrong status: one:{index} is {status} ({class}), not {wanted}");
        assert_only(&checked, &text);
    }
}

type Change = fn(&mut FoundDocument);

#[test]
fn another_video_s_metadata_is_wrong_content() {
    let changes: [(Change, &str); 4] = [
        (|document| document.video = None, "its title is None, not"),
        (|document| document.video = Some(FoundVideo { title: "x".to_owned() }), "its title is"),
        (|document| document.video_id = None, "its video is None, not"),
        (|document| document.link.push('x'), "its link is"),
    ];
    for (change, problem) in changes {
        let checked = checked(|_, found| {
            change(&mut found.documents[0]);
            let of_video = found.documents[0].video_id.clone();
            found
                .rows
                .retain(|row| row.video_id != pages::id_from_name("good") || of_video.is_some());
        });
        assert_eq!(checked.violations.len(), 1, "{:?}", checked.violations);
        let text = format!("wrong content: one:0: {problem}");
        assert!(checked.violations[0].starts_with(&text), "{:?}", checked.violations);
    }
}

#[test]
fn a_malformed_record_without_its_raw_bytes_among_the_dead_letters_is_found() {
    let text = "no dead letter of T:0:3:7";
    let missing = checked(|_, found| found.dead_letters.clear());
    assert_only(&missing, text);
    let repaired = checked(|_, found| found.dead_letters[0].value = Some(b"rubbish ?".to_vec()));
    assert_only(&repaired, text);
    let twice = checked(|_, found| found.dead_letters.push(found.dead_letters[0].clone()));
    assert!(twice.violations.is_empty(), "at least once: {:?}", twice.violations);
}

#[test]
fn a_malformed_record_without_a_document_or_with_two_is_found() {
    let text = "T:0:3:7:0 should be the only document, and say that its record is malformed";
    let missing = checked(|_, found| found.documents.retain(|document| document.link != "rubbish"));
    assert_only(&missing, text);
    let twice = checked(|_, found| found.documents.push(malformed("T:0:3:7:0")));
    assert_only(&twice, text);
}

#[test]
fn a_link_that_was_given_up_needs_its_own_dead_letter() {
    let give_up = |found: &mut Found, index: usize| {
        let document = &mut found.documents[index];
        document.status = "failed".to_owned();
        document.error = Some(FoundError { class: "transient".to_owned() });
    };
    for (index, id, origin) in [(0, "one:0", "T:0:0:7"), (3, "T:0:2:7:0", "T:0:2:7")] {
        let missing = checked(|_, found| give_up(found, index));
        assert_only(&missing, &format!("no dead letter of {id}"));
        let there = checked(|_, found| {
            give_up(found, index);
            let mut letter = dead_letter(origin, "transient", b"");
            letter.headers.extend(found.records[if index == 0 { 0 } else { 2 }].headers.clone());
            found.dead_letters.push(letter);
        });
        assert_eq!((there.violations.len(), there.tally.given_up), (0, 1));
    }
}

#[test]
fn a_dead_letter_of_what_was_not_given_up_is_unexpected() {
    let checked =
        checked(|_, found| found.dead_letters.push(dead_letter("T:0:0:7", "transient", b"")));
    let text = "a dead letter of T:0:0:7 (transient), which was not given up";
    assert_only(&checked, text);
}

#[test]
fn an_offset_below_or_above_the_end_is_found() {
    for committed in [None, Some(5), Some(7)] {
        let checked = checked(|_, found| found.committed.extend([(0, committed)]));
        let text = format!("partition 0 is committed up to {committed:?} of 6");
        assert_only(&checked, &text);
    }
}

#[test]
fn a_record_that_no_client_wrote_is_found() {
    let checked = checked(|_, found| found.records[2].value = Some(b"else".to_vec()));
    let text = "a record at T:0:2:7 that no client wrote".to_owned();
    assert!(checked.violations.contains(&text));
}

#[test]
fn every_record_of_a_link_counts_as_an_extraction_that_is_due() {
    let counts = checked(|_, _| {}).due;
    assert_eq!(counts[&pages::id_from_name("other")], 2);
    assert_eq!(counts[&pages::id_from_name("good")], 1);
}

#[test]
fn a_missing_row_an_old_one_and_one_without_a_document_are_found() {
    let id = |name| pages::id_from_name(name);
    let missing = checked(|_, found| drop(found.rows.remove(1)));
    assert_only(&missing, &format!("no row of {}", id("private")));
    for newest in [None, Some(FoundNewest { extracted_at: None })] {
        let empty = checked(|_, found| found.rows[0].newest = newest);
        assert_eq!(empty.violations.len(), 1, "{:?}", empty.violations);
        let text = format!("the row of {} is of None, and a document of Some(", id("good"));
        assert!(empty.violations[0].starts_with(&text), "{:?}", empty.violations);
    }
    let shown = |millis| Some(FoundNewest { extracted_at: Some(DateTime::from_millis(millis)) });
    for (millis, violations) in [(6, 1), (7, 0), (8, 0)] {
        let old = checked(|_, found| found.rows[2].newest = shown(millis));
        assert_eq!(old.violations.len(), violations, "{millis}: {:?}", old.violations);
        assert!(old.violations.iter().all(|text| text.contains(&id("other"))));
    }
    let foreign = checked(|_, found| found.rows.push(row(&link("foreign", false))));
    assert_only(&foreign, &format!("a row of {}, which has no document", id("foreign")));
}

#[test]
fn a_missing_result_a_wrong_one_and_one_without_a_document_are_found() {
    let of = |change: fn(&mut Vec<TopicRecord>)| {
        let (expected, mut found) = kept_promises();
        change(found.results.insert(results_of(&found.documents)));
        check(&expected, &found).violations
    };
    let private = link("private", false).link;
    let missing = format!("no result of one:1 ({private}), which is failed");
    assert_eq!(of(|results| drop(results.remove(1))), [missing.as_str()]);
    assert_eq!(of(|results| results[1] = result("one:1", "stored")), [missing.as_str()]);
    let malformed = "a result of T:0:3:7:0, whose record is malformed";
    assert_eq!(of(|results| results.push(result("T:0:3:7:0", "failed"))), [malformed]);
    let foreign = "a result of three:0, which has no document";
    assert_eq!(of(|results| results.push(result("three:0", "stored"))), [foreign]);
    // A replay's document replaces a failed one, and each is sent at least once.
    assert!(of(|results| results.insert(0, result("one:0", "failed"))).is_empty());
    assert!(of(|results| results.push(result("one:0", "stored"))).is_empty());
}
