use std::collections::BTreeMap;
use std::path::PathBuf;

use linkrelay_fake_youtube::{CorpusCase, FakeYouTubeSettings};
use linkrelay_testkit::wait::ok_if;
use mongodb::bson::{Bson, Document, doc};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::helpers::until;
use crate::role::Role;
use crate::site::Site;

/// Answers to other endpoints, which the extractor's own test of the captures reads.
const NOT_ASKED: [(&str, &str); 2] =
    [("player json", "an answer to /youtubei/v1/player"), ("oembed json", "an answer to /oembed")];
/// Where the document differs from `expected.json` on purpose.
const MEANT: [(&str, &str, &str); 3] = [
    ("pbj-upcoming-2020-11", "length_seconds", "0 there; null until the broadcast is over"),
    ("watch-live-2020-12", "length_seconds", "0 there; null while it is live"),
    ("pbj-was-live-2020-11", "description", "\"\" there; an empty text is null in a document"),
];

/// The main job on real input: HTTP, Kafka, extraction, the MongoDB wire, every captured page.
#[tokio::test(flavor = "multi_thread")]
async fn every_captured_page_becomes_the_expected_document() {
    let corpus = std::env::var_os("LINKRELAY_CORPUS").map(PathBuf::from);
    let Some(corpus) = corpus.filter(|folder| folder.is_dir()) else {
        println!("skipped: LINKRELAY_CORPUS names no folder");
        return;
    };
    let youtube = FakeYouTubeSettings { corpus: Some(corpus), ..FakeYouTubeSettings::default() };
    let site = Site::start(youtube).await;
    // The readers of watch pages alone: the fake generates what the other endpoints answer for
    // these videos. And no cache: two captures are of one video.
    let readers = if cfg!(feature = "rusty-ytdl") { "watch_page,rusty_ytdl" } else { "watch_page" };
    let readers = ("EXTRACTORS", readers);
    let settings = [("MAX_ATTEMPTS", "2"), readers, ("CACHE_ENTRIES", "0")];
    let (producer, _consumer) = site.roles(&[], &settings).await;
    let (mut throttling, mut wrong) = (Vec::new(), Vec::new());
    println!("{:45} {:>6} {:>6}", "case", "right", "wrong");
    for case in site.fake.corpus_cases() {
        if let Some((_, why)) = NOT_ASKED.iter().find(|(kind, _)| *kind == case.kind) {
            println!("{:45} not asked for: {why}", case.name);
        } else if is_throttling(&case) {
            throttling.push(case);
        } else {
            let document = document_of(&site, &producer, &case).await;
            let fields = compare(&case, &document);
            let wrong_fields: Vec<&String> =
                fields.values().filter_map(|verdict| verdict.as_ref().err()).collect();
            println!(
                "{:45} {:>6} {:>6}",
                case.name,
                fields.len() - wrong_fields.len(),
                wrong_fields.len()
            );
            wrong.extend(wrong_fields.into_iter().cloned());
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    for case in throttling {
        expect_cool_down(&site, &producer, &case).await;
        println!("{:45} the process cools down, nothing is given up", case.name);
    }
    let listings = site.fake.corpus_cases().iter().filter(|case| is_listing(case)).count();
    assert_eq!(site.dead_letters().await.len(), listings);
}

fn status_of(case: &CorpusCase) -> &str {
    case.expected["status"].as_str().unwrap()
}

fn is_throttling(case: &CorpusCase) -> bool {
    matches!(status_of(case), "consent" | "captcha" | "bot_check")
}

fn is_listing(case: &CorpusCase) -> bool {
    case.kind == "listing html"
}

/// Sends the link of a case through; serves the case under the id that it carries.
async fn document_of(site: &Site, producer: &Role, case: &CorpusCase) -> Document {
    let video_id = match &case.carries {
        Some(_) => site.fake.serve_corpus_case(&case.name).unwrap(),
        None => case.served_as.clone(),
    };
    let link = format!("https://www.youtube.com/watch?v={video_id}");
    let id = producer.post_valid(&json!(link)).await;
    producer.until_nothing_is_pending(&id).await;
    let id = doc! { "_id": format!("{id}:0") };
    site.documents.find_one(id).await.unwrap().expect("a document")
}

/// A consent or captcha page costs no attempt: the consumer asks again, and gives up nothing.
async fn expect_cool_down(site: &Site, producer: &Role, case: &CorpusCase) {
    let link = format!("https://www.youtube.com/watch?v={}", case.served_as);
    let id = producer.post_valid(&json!(link)).await;
    let before = site.fake.hits().video(&case.served_as);
    until("the page to be asked for", async || {
        let asked = site.fake.hits().video(&case.served_as) - before;
        ok_if(asked >= 1, format!("asked {asked} times"))
    })
    .await;
    assert_eq!(producer.status(&id).await["pending"], 1, "{}", case.name);
}

type Verdicts = BTreeMap<String, Result<(), String>>;

fn compare(case: &CorpusCase, document: &Document) -> Verdicts {
    let mut verdicts = Verdicts::new();
    let mut check = |field: &str, found: Value, expected: &Value| {
        let is_meant = MEANT.iter().any(|(name, meant, _)| *name == case.name && *meant == field);
        let is_right = if is_meant { found.is_null() } else { found == *expected };
        let verdict = if is_right {
            Ok(())
        } else {
            Err(format!("{} {field}: {found} for {expected}", case.name))
        };
        verdicts.insert(field.to_owned(), verdict);
    };
    if case.expected["title"].is_null() || is_listing(case) {
        let code = if is_listing(case) { "unreadable" } else { status_of(case) };
        check("status", json!(document.get_str("status").unwrap()), &json!("failed"));
        check("error code", json(document, "error.code"), &json!(code));
        check("video", json(document, "video"), &Value::Null);
        return verdicts;
    }
    check("status", json!(document.get_str("status").unwrap()), &json!("stored"));
    check("availability", json(document, "video.availability"), &json!(status_of(case)));
    check("video_id", json(document, "video_id"), &case.expected["video_id"]);
    for (found, expected) in [
        ("title", "title"),
        ("author.name", "author"),
        ("author.channel_id", "channel_id"),
        ("author.url", "owner_profile_url"),
        ("length_seconds", "length_seconds"),
        ("view_count", "view_count"),
        ("like_count", "like_count"),
        ("category", "category"),
        ("keywords", "keywords"),
        ("is_live", "is_live"),
        ("is_upcoming", "is_upcoming"),
        ("family_safe", "family_safe"),
    ] {
        check(expected, json(document, &format!("video.{found}")), &case.expected[expected]);
    }
    let description = json(document, "video.description");
    check(
        "description",
        description.as_str().map_or(Value::Null, |text| json!(sha256(text))),
        &case.expected["description_sha256"],
    );
    let thumbnails = json(document, "video.thumbnails");
    let thumbnails = thumbnails.as_array().cloned().unwrap_or_default();
    check("thumbnails", json!(thumbnails.len()), &case.expected["thumbnail_count"]);
    let largest = thumbnails.into_iter().max_by_key(|thumbnail| thumbnail["width"].as_i64());
    check("largest thumbnail", largest.unwrap_or_default(), &case.expected["thumbnail_largest"]);
    let (date, expected) = publish_date(case, document);
    check("publish_date", date, &expected);
    verdicts
}

/// The instant where the page gives one, else the day.
fn publish_date(case: &CorpusCase, document: &Document) -> (Value, Value) {
    let date = bson(document, "video.publish_date").and_then(|date| date.as_datetime().copied());
    let text = date.map(|date| date.try_to_rfc3339_string().unwrap());
    if case.expected["publish_instant_utc"].is_null() {
        (json!(text.map(|text| text[..10].to_owned())), case.expected["publish_date"].clone())
    } else {
        (json!(text), case.expected["publish_instant_utc"].clone())
    }
}

fn bson<'a>(document: &'a Document, path: &str) -> Option<&'a Bson> {
    let (parents, name) = path.rsplit_once('.').unwrap_or(("", path));
    let mut document = document;
    for parent in parents.split('.').filter(|parent| !parent.is_empty()) {
        document = document.get(parent)?.as_document()?;
    }
    document.get(name)
}

fn json(document: &Document, path: &str) -> Value {
    bson(document, path).map_or(Value::Null, |value| value.clone().into_relaxed_extjson())
}

fn sha256(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
