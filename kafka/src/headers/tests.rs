use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use linkrelay_common::{Offset, Partition};

use super::*;

type Raw = Vec<(String, Option<Vec<u8>>)>;

fn raw(headers: &OwnedHeaders) -> Raw {
    let owned = |header: Header<'_, &[u8]>| (header.key.to_owned(), header.value.map(Vec::from));
    headers.iter().map(owned).collect()
}

fn from_raw(raw: &Raw) -> OwnedHeaders {
    raw.iter().fold(OwnedHeaders::new(), |headers, (key, value)| {
        headers.insert(Header { key, value: value.as_ref() })
    })
}

fn origin(offset: i64) -> RecordOrigin {
    let (partition, offset) = (Partition(3), Offset(offset));
    RecordOrigin { topic: "T".to_owned(), partition, offset, timestamp: 7 }
}

fn dead(error: &str, attempts: u32, offset: i64) -> DeadLetterHeaders {
    DeadLetterHeaders {
        class: ErrorClass::Transient,
        error: error.to_owned(),
        attempts,
        origin: origin(offset),
        failed_at: Timestamp::UNIX_EPOCH,
    }
}

fn id_of(headers: &OwnedHeaders, index: u32, links_count: usize) -> Option<String> {
    let identity = RecordHeaders::read(headers).link_identity(index, links_count);
    identity.map(|identity| identity.document_id().to_string())
}

#[test]
fn an_index_without_its_request_is_ignored() {
    let id = RequestId::new(2).to_string();
    for (request_id, index) in
        [("rubbish", "0"), (id.as_str(), "20002"), (id.as_str(), "-1"), (id.as_str(), "")]
    {
        let headers = with(with(OwnedHeaders::new(), REQUEST_ID, request_id), INDEX, index);
        assert_eq!(RecordHeaders::read(&headers).request, None, "{request_id} {index}");
        assert_eq!(id_of(&headers, 0, 1), None, "{request_id} {index}");
    }
}

#[test]
fn a_dead_letter_keeps_the_record_s_own_headers() {
    let own = RecordHeaders { request: Some((RequestId::new(1), 0)), ..RecordHeaders::default() };
    let headers = dead(&"é".repeat(2_000), 5, 42).add_to(&own.to_kafka());
    let read = RecordHeaders::read(&headers);
    assert_eq!((read.request, read.origin), (own.request, Some((origin(42), 0))));
    assert_eq!(text(&headers, ORIGIN), Some("T:3:42:7"));
    assert_eq!(text(&headers, ERROR_CLASS), Some("transient"));
    assert_eq!(text(&headers, ERROR).map(|error| error.chars().count()), Some(1_000));
}

#[test]
fn a_request_names_a_link_before_the_origin_does() {
    let request_id = RequestId::new(9);
    let headers = RecordHeaders {
        request: Some((request_id, 7)),
        origin: Some((origin(42), 7)),
        ..RecordHeaders::default()
    };
    let of_request = LinkIdentity::OfRequest { request_id, index: 7 };
    assert_eq!(headers.link_identity(0, 1), Some(of_request));
    // With several links, the one index in the headers belongs to none of them.
    let of_record = LinkIdentity::OfRecord { origin: origin(42), index: 2 };
    assert_eq!(headers.link_identity(2, 3), Some(of_record));
}

#[test]
fn a_replay_finds_the_document_of_the_link_that_failed() {
    let request_id = RequestId::new(2).to_string();
    let no_index = with(OwnedHeaders::new(), REQUEST_ID, &request_id);
    let stray_index = with(OwnedHeaders::new(), INDEX, "8");
    for own in [OwnedHeaders::new(), no_index, stray_index] {
        // As the consumer gives up the third link of a record that came without a request.
        let letter = dead("e", 5, 42).add_to(&DeadLetterHeaders::with_index(&own, 2));
        let replayed = DeadLetterHeaders::strip(&letter);
        assert_eq!(id_of(&replayed, 0, 1).as_deref(), Some("T:3:42:7:2"));
        let again = dead("again", 1, 99).add_to(&DeadLetterHeaders::with_index(&replayed, 2));
        assert_eq!(id_of(&again, 0, 1).as_deref(), Some("T:3:42:7:2"));
    }
}

#[test]
fn a_record_that_is_not_a_dead_letter_of_linkrelay_reads_as_none() {
    let complete = raw(&dead("e", 1, 42).add_to(&OwnedHeaders::new()));
    assert!(DeadLetterHeaders::read(&from_raw(&complete)).is_some());
    for missing in [ERROR_CLASS, ATTEMPTS, ORIGIN, FAILED_AT] {
        let headers = without(&from_raw(&complete), &[missing]);
        assert_eq!(DeadLetterHeaders::read(&headers), None, "{missing}");
        let wrong = with(headers, missing, "rubbish");
        assert_eq!(DeadLetterHeaders::read(&wrong), None, "{missing}");
    }
    let no_message = without(&from_raw(&complete), &[ERROR]);
    assert_eq!(
        DeadLetterHeaders::read(&no_message).map(|letter| letter.error),
        Some(String::new())
    );
}

/// Panics as rust-rdkafka does if the name of the first header is not text.
struct NameIsNotText(OwnedHeaders);

impl Headers for NameIsNotText {
    fn count(&self) -> usize {
        self.0.count()
    }

    fn try_get(&self, index: usize) -> Option<Header<'_, &[u8]>> {
        assert_ne!(index, 0, "the test expects a panic here");
        self.0.try_get(index)
    }
}

#[test]
fn a_name_that_is_not_text_costs_its_own_header_only() {
    let own = RecordHeaders { request: Some((RequestId::new(1), 0)), ..RecordHeaders::default() };
    let named = own.to_kafka();
    let headers = raw(&named)
        .into_iter()
        .fold(with(OwnedHeaders::new(), "rude", "x"), |headers, (key, value)| {
            headers.insert(Header { key: &key, value: value.as_ref() })
        });
    let readable = copy_readable(&NameIsNotText(headers));
    assert_eq!(raw(&readable), raw(&named));
    assert_eq!(RecordHeaders::read(&readable), own);
}

#[test]
fn the_time_of_submission_is_added_once() {
    let at = |second| Timestamp::from_second(second).unwrap();
    let headers = DeadLetterHeaders::with_submitted_at(OwnedHeaders::new(), at(5));
    let headers = DeadLetterHeaders::with_submitted_at(headers, at(9));
    assert_eq!(raw(&headers).len(), 1);
    assert_eq!(RecordHeaders::read(&headers).submitted_at, Some(at(5)));
}

/// Headers of other programs, also with names used twice and values that are not text.
fn foreign() -> impl Strategy<Value = Raw> {
    vec(("[a-c]{1,2}", option::of(vec(any::<u8>(), 0..9))), 0..6)
}

fn class() -> impl Strategy<Value = ErrorClass> {
    proptest::sample::select(ErrorClass::ALL.to_vec())
}

proptest! {
    #[test]
    fn headers_survive_the_wire(
        count in 1_u32.., trace in option::of((1_u128.., 1_u64..)), second in 0_i64..4_000_000_000,
        has_request: bool, offset in option::of(0_i64..), index: u32,
    ) {
        let request = has_request.then(|| (RequestId::new(count), count - 1));
        let index = if has_request { count - 1 } else { index };
        let trace_parent = trace.map(|(trace, span)| format!("00-{trace:032x}-{span:016x}-01"));
        let headers = RecordHeaders {
            request,
            origin: offset.map(|offset| (origin(offset), index)),
            submitted_at: Timestamp::from_second(second).ok(),
            trace_parent: trace_parent.and_then(|text| text.parse().ok()),
        };
        prop_assert_eq!(RecordHeaders::read(&headers.to_kafka()), headers);
    }

    #[test]
    fn a_dead_letter_is_read_back_as_it_was_written(
        class in class(), error in ".{0,1000}", attempts: u32, offset in 0_i64..,
        nanosecond in 0_i128..4_000_000_000_000_000_000, foreign in foreign(),
    ) {
        let failed_at = Timestamp::from_nanosecond(nanosecond).unwrap();
        let letter = DeadLetterHeaders { class, error, attempts, origin: origin(offset), failed_at };
        prop_assert_eq!(DeadLetterHeaders::read(&letter.add_to(&from_raw(&foreign))), Some(letter));
    }

    #[test]
    fn replays_and_failures_in_turn_change_only_the_headers_of_the_failure(
        foreign in foreign(), turns in vec((".{0,20}", any::<u32>(), 0_i64..), 1..5),
    ) {
        let own = from_raw(&foreign);
        let mut headers = own.clone();
        for (error, attempts, offset) in &turns {
            let letter = dead(error, *attempts, *offset).add_to(&headers);
            prop_assert_eq!(letter.count(), own.count() + OF_A_FAILURE.len() + 1);
            let read = DeadLetterHeaders::read(&letter).unwrap();
            prop_assert_eq!((&read.error, read.attempts), (error, *attempts));
            prop_assert_eq!(read.origin, origin(turns[0].2));
            headers = DeadLetterHeaders::strip(&letter);
            prop_assert_eq!(raw(&without(&headers, &[ORIGIN])), raw(&own));
        }
        let identity = RecordHeaders::read(&headers).link_identity(0, 1);
        let first = LinkIdentity::OfRecord { origin: origin(turns[0].2), index: 0 };
        prop_assert_eq!(identity, Some(first));
    }

    #[test]
    fn any_headers_are_answered_without_a_panic(foreign in foreign(), value: Vec<u8>) {
        for name in [REQUEST_ID, INDEX, SUBMITTED_AT, ORIGIN, ERROR_CLASS, ATTEMPTS, FAILED_AT] {
            let headers = from_raw(&foreign).insert(Header { key: name, value: Some(&value) });
            drop((RecordHeaders::read(&headers), DeadLetterHeaders::read(&headers)));
        }
    }
}
