use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Duration;

use jiff::Timestamp;
use linkrelay_fake_youtube::Failure;
use linkrelay_testkit::kafka::TopicRecord;
use linkrelay_testkit::process::ProcessBuilder;
use linkrelay_testkit::wait::{LONG, ok_if, wait_for};
use mongodb::bson::{DateTime, doc};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use serde_json::{Value, json};

use crate::helpers::{Said, binary, link, links, nowhere, until, video_id};
use crate::site::Site;

fn dlq(site: &Site, arguments: &[&str]) -> Said {
    dlq_with(site, arguments, &[])
}

fn dlq_with(site: &Site, arguments: &[&str], env: &[(&str, &str)]) -> Said {
    site.linkrelay(&[&["dlq"], arguments].concat(), env)
}

/// A record's value for the links of these numbers.
fn links_value(numbers: Range<usize>) -> Vec<u8> {
    json!({ "links": links(numbers) }).to_string().into_bytes()
}

fn fail(site: &Site, numbers: &[usize], failure: Option<Failure>) {
    for number in numbers {
        site.fake.set_failure(&video_id(*number), failure);
    }
}

/// Ids and statuses of all documents, in the order of ids.
async fn states(site: &Site) -> Vec<(String, String)> {
    let documents = site.documents().await;
    let text =
        |document: &mongodb::bson::Document, field| document.get_str(field).unwrap().to_owned();
    documents.iter().map(|document| (text(document, "_id"), text(document, "status"))).collect()
}

fn failed_count(states: &[(String, String)]) -> usize {
    states.iter().filter(|(_, status)| status == "failed").count()
}

async fn topic_count(site: &Site, topic: &str) -> i64 {
    site.broker.end_offsets(topic).await.unwrap().values().sum()
}

const FAILING: [usize; 6] = [3, 11, 19, 27, 35, 51];

/// Fifty links of a request and three of a record without one, six of which fail, and a record
/// that cannot be read. Returns the request's id.
async fn give_up_six(site: &Site) -> String {
    fail(site, &FAILING, Some(Failure::ServerError));
    let producer = site.ready_producer(&[]).await;
    let id = producer.post_valid(&json!(links(0..50))).await;
    site.publish(&site.topic, &links_value(50..53), OwnedHeaders::new()).await;
    site.publish(&site.topic, b"rubbish \xff", OwnedHeaders::new()).await;
    site.until_lag_is_zero().await;
    producer.stop().await;
    id
}

/// Adds links that succeed, so that not most of the recent links fail.
async fn add_links(site: &Site, numbers: Range<usize>) {
    site.publish(&site.topic, &links_value(numbers), OwnedHeaders::new()).await;
    site.until_lag_is_zero().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn links_given_up_are_listed_and_replayed_into_their_own_documents() {
    let site = Site::new().await;
    let consumer = site.ready_consumer(&[("MAX_ATTEMPTS", "2")]).await;
    let request_id = give_up_six(&site).await;
    check_lists(&site, &request_id).await;
    check_dry_run(&site).await;

    add_links(&site, 100..160).await;
    let before = states(&site).await;
    // The record that cannot be read also has a document.
    assert_eq!((before.len(), failed_count(&before)), (53 + 1 + 60, 6 + 1));
    let again = dlq(&site, &["replay", "--class", "transient"]);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    assert_eq!(again.stdout, "replayed 6, skipped 0\n");
    assert!(again.stderr.contains("done: 6 of 6"), "{}", again.stderr);
    site.until_lag_is_zero().await;
    check_failed_again(&site).await;
    assert_eq!(states(&site).await, before);

    fail(&site, &FAILING, None);
    let replayed = dlq(&site, &["replay", "--all"]);
    let expected = "replayed 6, skipped 7: 6 older than another of the same document, 1 malformed (--class malformed replays them)\n";
    assert_eq!(replayed.stdout, expected, "{}", replayed.stderr);
    site.until_lag_is_zero().await;
    let after = states(&site).await;
    assert_eq!(failed_count(&after), 1);
    let ids =
        |states: &[(String, String)]| states.iter().map(|(id, _)| id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&after), ids(&before));

    let topic_before = topic_count(&site, &site.topic).await;
    let twice = dlq(&site, &["replay", "--since", "1h"]);
    assert!(
        twice.stdout.starts_with("replayed 0, skipped 13: 6 stored already, 6 older"),
        "{}",
        twice.stdout
    );
    assert_eq!(topic_count(&site, &site.topic).await, topic_before);

    let malformed = dlq(&site, &["replay", "--class", "malformed"]);
    assert_eq!(malformed.stdout, "replayed 1, skipped 0\n", "{}", malformed.stderr);
    site.until_lag_is_zero().await;
    let letters = site.dead_letters().await;
    assert_eq!(letters.len(), 14);
    assert_eq!(letters[13].value.as_deref(), Some(&b"rubbish \xff"[..]));
    assert_eq!(site.documents().await.len(), after.len());
    consumer.stop().await;
}

async fn check_lists(site: &Site, request_id: &str) {
    let plain = dlq(site, &["list"]);
    assert_eq!(plain.code, Some(0), "{}", plain.stderr);
    assert_eq!(plain.stdout.lines().count(), 7, "{}", plain.stdout);
    assert!(plain.stderr.contains("7 of 7"), "{}", plain.stderr);
    let fields: Vec<Vec<&str>> =
        plain.stdout.lines().map(|line| line.split('\t').collect()).collect();
    assert!(fields.iter().all(|fields| fields.len() == 6), "{}", plain.stdout);
    let malformed = fields.iter().find(|fields| fields[1] == "malformed").unwrap();
    assert_eq!((malformed[2], malformed[4]), ("0", "rubbish \\xff"));

    let listed = |arguments: &[&str]| -> Vec<Value> {
        let said = dlq(site, &[&["list", "--json"], arguments].concat());
        assert_eq!(said.code, Some(0), "{}", said.stderr);
        said.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let transient = listed(&["--class", "transient"]);
    let documents = site.documents().await;
    let failed: BTreeSet<(&str, &str)> = documents
        .iter()
        .filter(|document| document.get_str("status").unwrap() == "failed")
        .filter(|document| document.get_str("link").unwrap().starts_with("https://"))
        .map(|document| (document.get_str("_id").unwrap(), document.get_str("link").unwrap()))
        .collect();
    let text = |letter: &'_ Value, field: &str| letter[field].as_str().unwrap().to_owned();
    let of_letters: Vec<(String, String)> = transient
        .iter()
        .map(|letter| (text(letter, "document_id"), text(letter, "link")))
        .collect();
    let of_letters: BTreeSet<(&str, &str)> =
        of_letters.iter().map(|(id, link)| (id.as_str(), link.as_str())).collect();
    assert_eq!(of_letters, failed);
    assert!(transient.iter().all(|letter| letter["attempts"] == 2));
    let typed = transient.iter().find(|letter| letter["request_id"].is_null()).unwrap();
    let expected = format!("{}:1", text(typed, "origin"));
    assert_eq!(typed["document_id"], expected);

    let of_request = listed(&["--request", request_id]);
    assert_eq!(of_request.len(), 5);
    assert!(of_request.iter().all(|letter| letter["request_id"] == request_id));
    assert_eq!(listed(&["--class", "malformed", "--class", "transient"]).len(), 7);
    assert_eq!(listed(&["--since", "1h"]).len(), 7);
    assert_eq!(listed(&["--until", "1h"]).len(), 0);
    let mut all = listed(&[]);
    // Two that failed at the same time may be in the topic in either order.
    all.sort_by_key(|letter| text(letter, "failed_at").parse::<Timestamp>().unwrap());
    assert_eq!(listed(&["--since", &text(&all[5], "failed_at")]).len(), 2);
    assert_eq!(listed(&["--limit", "2"]), all[5..]);
    assert_eq!(topic_count(site, &site.dlq).await, 7);
}

async fn check_dry_run(site: &Site) {
    let before = topic_count(site, &site.topic).await;
    let dry = dlq(site, &["replay", "--all", "--dry-run"]);
    assert_eq!(dry.code, Some(0), "{}", dry.stderr);
    assert_eq!(dry.stdout.lines().count(), 7, "{}", dry.stdout);
    assert!(
        dry.stdout.lines().last().unwrap().starts_with("would replay 6, skipped 1: 1 malformed"),
        "{}",
        dry.stdout
    );
    assert_eq!(topic_count(site, &site.topic).await, before);
}

/// The dead letters of links that failed again after a replay: each header is there once, and the
/// origin is still that of the first record.
async fn check_failed_again(site: &Site) {
    let letters = site.dead_letters().await;
    assert_eq!(letters.len(), 13);
    let origins = |letters: &[TopicRecord]| -> BTreeSet<String> {
        let transient = letters
            .iter()
            .filter(|letter| letter.header("linkrelay-error-class") == Some("transient"));
        transient.map(|letter| letter.header("linkrelay-origin").unwrap().to_owned()).collect()
    };
    let (first, second) = letters.split_at(7);
    assert_eq!(origins(first), origins(second));
    for letter in second {
        let names: BTreeSet<&str> = letter.headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names.len(), letter.headers.len(), "{:?}", letter.headers);
        let old = first
            .iter()
            .find(|old| old.header("linkrelay-origin") == letter.header("linkrelay-origin"))
            .unwrap();
        assert_eq!((&old.key, &old.value), (&letter.key, &letter.value));
        for name in ["linkrelay-request-id", "linkrelay-index", "linkrelay-submitted-at"] {
            assert_eq!(old.header(name), letter.header(name), "{name}");
        }
    }
}

pub(crate) const PREPARED: i64 = 1_000;

/// Dead letters and failed documents, as if a consumer had given their links up.
pub(crate) async fn prepare_dead_letters(site: &Site) {
    let producer: FutureProducer = site.broker.client_config().create().unwrap();
    let (mut documents, mut sent) = (Vec::new(), Vec::new());
    for number in 0..PREPARED {
        // Offsets that no record of this test has.
        let origin = format!("{}:0:{}:7", site.topic, 1_000_000 + number);
        let link = link(usize::try_from(number).unwrap());
        documents.push(
            doc! { "_id": format!("{origin}:0"), "request_id": null, "index": 0, "link": &link,
            "video_id": null, "status": "failed", "stored_at": DateTime::now() },
        );
        let headers = with_header(dead_letter_headers(&origin), "linkrelay-index", "0");
        let record =
            FutureRecord::<[u8], [u8]>::to(&site.dlq).payload(link.as_bytes()).headers(headers);
        sent.push(producer.send_result(record).map_err(|(error, _)| error).unwrap());
    }
    site.documents.insert_many(documents).await.unwrap();
    for delivery in sent {
        delivery.await.unwrap().unwrap();
    }
}

/// The headers that a consumer adds to a record that it gave up.
fn dead_letter_headers(origin: &str) -> OwnedHeaders {
    let headers = [
        ("linkrelay-error-class", "transient"),
        ("linkrelay-error", "as if"),
        ("linkrelay-attempts", "5"),
        ("linkrelay-origin", origin),
        ("linkrelay-failed-at", "2026-11-27T00:00:00Z"),
    ];
    let all = headers.into_iter();
    all.fold(OwnedHeaders::new(), |all, (key, value)| with_header(all, key, value))
}

fn with_header(headers: OwnedHeaders, key: &str, value: &str) -> OwnedHeaders {
    headers.insert(Header { key, value: Some(value) })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_replay_reports_its_count_and_the_next_one_completes_it() {
    let site = Site::new().await;
    prepare_dead_letters(&site).await;
    let before = states(&site).await;
    let mut builder = ProcessBuilder::new("replay", binary("linkrelay"))
        .args(["dlq", "replay", "--all", "--batch", "1"]);
    for (name, value) in site.env() {
        builder = builder.env(name, value);
    }
    let mut replay = builder.spawn().unwrap();
    wait_for("a few to be replayed", LONG, Duration::from_millis(1), async || {
        replay.ensure_running().map_err(|error| error.to_string())?;
        let count = topic_count(&site, &site.topic).await;
        ok_if(count > 5, format!("{count} are"))
    })
    .await
    .unwrap();
    replay.interrupt().unwrap();
    let ended = replay.wait(LONG).await.unwrap();
    let (stdout, stderr) = (replay.stdout().unwrap(), replay.stderr().unwrap());
    assert_eq!(ended.code(), Some(1), "{stdout}{stderr}");
    let replayed = topic_count(&site, &site.topic).await;
    let left = PREPARED - replayed;
    assert!(left > 0, "it was not interrupted midway\n{stdout}{stderr}");
    assert_eq!(stdout, format!("replayed {replayed}, skipped 0\n"), "{stderr}");
    assert!(stderr.contains(&format!("interrupted; run it again for the {left}")), "{stderr}");

    let consumer = site.consumer(&[]);
    site.until_lag_is_zero().await;
    let rest = dlq(&site, &["replay", "--all"]);
    let expected = format!("replayed {left}, skipped {replayed}: {replayed} stored already\n");
    assert_eq!(rest.stdout, expected, "{}", rest.stderr);
    site.until_lag_is_zero().await;
    let after = states(&site).await;
    assert_eq!(failed_count(&after), 0);
    assert!(after.iter().zip(&before).all(|(after, before)| after.0 == before.0));
    assert_eq!(after.len(), before.len());
    let nothing = dlq(&site, &["replay", "--all"]);
    assert!(nothing.stdout.starts_with("replayed 0, "), "{}", nothing.stdout);
    consumer.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_obstacle_is_named_before_anything_is_published() {
    let site = Site::without_topics().await;
    for arguments in [&["list"][..], &["replay", "--all"]] {
        let missing = dlq(&site, arguments);
        assert_eq!(missing.code, Some(1));
        assert!(missing.stderr.contains("linkrelay topics create"), "{}", missing.stderr);
    }
    site.create_topics(1).await.unwrap();
    let empty = dlq(&site, &["list"]);
    assert_eq!((empty.code, empty.stdout.as_str()), (Some(0), ""), "{}", empty.stderr);
    assert_eq!(dlq(&site, &["replay", "--all"]).stdout, "replayed 0, skipped 0\n");

    let nowhere = nowhere();
    let brokerless = dlq_with(&site, &["list"], &[("KAFKA_BROKERS", &nowhere)]);
    assert_eq!(brokerless.code, Some(1));
    assert!(
        brokerless.stderr.contains(&nowhere) && brokerless.stderr.contains("no answer"),
        "{}",
        brokerless.stderr
    );

    let no_store = format!("mongodb://{nowhere}/?directConnection=true");
    let no_store = [("MONGODB_URI", no_store.as_str())];
    let storeless = dlq_with(&site, &["replay", "--all"], &no_store);
    assert_eq!(storeless.code, Some(1));
    assert!(storeless.stderr.contains("--no-store-check"), "{}", storeless.stderr);
    let unchecked = dlq_with(&site, &["replay", "--all", "--no-store-check"], &no_store);
    assert_eq!(unchecked.stdout, "replayed 0, skipped 0\n", "{}", unchecked.stderr);

    for (wrong, word) in [
        (&["replay"][..], "--all"),
        (&["replay", "--all", "--class", "transient"], "--class"),
        (&["list", "--since", "1h", "--until", "2h"], "--since"),
        (&["list", "--since", "soon"], "--since"),
        (&["replay", "--all", "--kafka-dlq-topic", &site.topic], "KAFKA_DLQ_TOPIC"),
    ] {
        let said = dlq(&site, wrong);
        assert_eq!(said.code, Some(2), "{wrong:?}: {}", said.stderr);
        assert!(said.stderr.contains(word), "{wrong:?}: {}", said.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_without_a_document_is_only_replayed_on_request() {
    let site = Site::new().await;
    let origin = format!("{}:0:7:9", site.topic);
    site.publish(&site.dlq, link(0).as_bytes(), dead_letter_headers(&origin)).await;
    site.publish(&site.dlq, link(1).as_bytes(), OwnedHeaders::new()).await;
    let checked = dlq(&site, &["replay", "--all"]);
    assert!(
        checked.stdout.starts_with("replayed 0, skipped 2: 1 without a document"),
        "{}",
        checked.stdout
    );
    assert!(checked.stdout.contains("1 without linkrelay's headers"), "{}", checked.stdout);
    let unchecked = dlq(&site, &["replay", "--all", "--no-store-check"]);
    assert!(unchecked.stdout.starts_with("replayed 1, skipped 1"), "{}", unchecked.stdout);
    let published = until("the record", async || {
        site.broker.topic_records(&site.topic).await.map_err(|error| error.to_string())
    })
    .await;
    assert_eq!(published.len(), 1);
    assert_eq!(published[0].header("linkrelay-origin"), Some(&*origin));
    assert_eq!(published[0].header("linkrelay-replays"), Some("1"));
    assert_eq!(published[0].headers.len(), 2);
    // No consumer has read it yet, so it is not sent a second time.
    let again = dlq(&site, &["replay", "--all", "--no-store-check"]);
    let expected = "replayed 0, skipped 2: 1 still under way, 1 without linkrelay's headers\n";
    assert_eq!(again.stdout, expected, "{}", again.stderr);
}
