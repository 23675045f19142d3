//! Tests the page reader, and the strategies over HTTPS, on captured answers of 2019 to 2025: each
//! field is right, missing or wrong.
//!
//! Runs if `LINKRELAY_CORPUS` names the folder: it has a folder for each case, with `body.*.gz`
//! and `expected.json`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use linkrelay_common::VideoId;
use linkrelay_common::video::Video;
use linkrelay_extractor::{ExtractError, Extraction, page};
use linkrelay_fake_youtube::{CorpusCase, FakeYouTube, FakeYouTubeSettings};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::{ask, settings};

const DEFAULT: &str = "watch_page,innertube,rusty_ytdl,oembed";
const RUSTY_YTDL: &str = "rusty_ytdl";
/// Intended differences: fields that are 0 or "" in the expectation, and null here.
const INTENDED: [(&str, &str); 3] = [
    // Null until the broadcast is over.
    ("pbj-upcoming-2020-11", "length_seconds"),
    ("watch-live-2020-12", "length_seconds"),
    // An empty text is null in a document.
    ("pbj-was-live-2020-11", "description_sha256"),
];
/// The crate adds the microformat's thumbnail.
const DIFFERENT_BY_DESIGN: [&str; 2] = ["thumbnails", "thumbnail_count"];

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Right,
    /// The reader returns nothing where something is expected.
    Missing,
    Wrong,
}

type Fields = BTreeMap<&'static str, Verdict>;

fn corpus() -> Option<PathBuf> {
    let folder = std::env::var_os("LINKRELAY_CORPUS");
    if folder.is_none() {
        println!("skipped: LINKRELAY_CORPUS is not set");
    }
    folder.map(PathBuf::from)
}

#[test]
fn every_captured_page_is_read_as_expected() {
    let Some(cases) = captured() else { return };
    let other = VideoId::parse("AAAAAAAAAAA").unwrap();
    let mut differences = Vec::new();
    for Answered { name, body, expected } in cases {
        if expected["kind"] == "oembed json" {
            continue;
        }
        assert!(page::read(&body, other).is_err(), "{name}: another video");
        let id = VideoId::parse(expected["video_id"].as_str().unwrap_or("5fR9AHlSDtc")).unwrap();
        let answer = page::read(&body, id);
        let fields = verdicts(&name, answer.as_ref(), &expected);
        print(&name, "page", &fields);
        let not_right = fields.into_iter().filter(|(_, verdict)| *verdict != Verdict::Right);
        differences
            .extend(not_right.map(|(field, verdict)| format!("{name} {field}: {verdict:?}")));
    }
    assert!(differences.is_empty(), "{differences:#?}");
}

/// A captured answer.
pub(super) struct Answered {
    pub(super) name: String,
    pub(super) body: Vec<u8>,
    /// What `expected.json` says.
    pub(super) expected: Value,
}

/// Reads all captured answers.
pub(super) fn captured() -> Option<Vec<Answered>> {
    let answered = |entry: std::io::Result<std::fs::DirEntry>| {
        let folder = entry.unwrap().path();
        let expected = std::fs::read(folder.join("expected.json")).ok()?;
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let expected = serde_json::from_slice(&expected).unwrap();
        Some(Answered { name, body: body(&folder), expected })
    };
    let cases: Vec<_> = std::fs::read_dir(corpus()?).unwrap().filter_map(answered).collect();
    assert!(!cases.is_empty(), "there is no case in LINKRELAY_CORPUS");
    Some(cases)
}

fn body(folder: &Path) -> Vec<u8> {
    let paths = ["body.html.gz", "body.json.gz"].map(|name| folder.join(name));
    let path = paths.iter().find(|path| path.is_file()).expect("a case has a body");
    let mut body = Vec::new();
    GzDecoder::new(File::open(path).unwrap()).read_to_end(&mut body).unwrap();
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn no_strategy_gives_a_wrong_field_of_a_captured_answer() {
    let Some(corpus) = corpus() else { return };
    let fake_settings =
        FakeYouTubeSettings { corpus: Some(corpus), ..FakeYouTubeSettings::default() };
    let fake = FakeYouTube::start(fake_settings).await.unwrap();
    let (mut wrong, mut read_by_both) = (Vec::new(), 0);
    for case in fake.corpus_cases() {
        let mut videos = BTreeMap::new();
        for strategies in strategies_of(&case) {
            let answer = answer(&fake, &case, strategies).await;
            let video = answer.as_ref().map(|found| &found.video);
            let fields = verdicts(&case.name, video, &case.expected);
            let name = if strategies == DEFAULT { "default" } else { strategies };
            print(&case.name, name, &fields);
            // What is missing in one strategy's answer must come from another one.
            let is_lost = strategies == DEFAULT
                && matches!(answer, Err(ExtractError::Unreadable(_)))
                && fields["status"] != Verdict::Right;
            let is_wrong = |field: &str, verdict| match field {
                "status" => verdict == Verdict::Wrong || is_lost,
                field if strategies == RUSTY_YTDL && DIFFERENT_BY_DESIGN.contains(&field) => false,
                // Not every kind of answer has every field.
                _ => verdict == Verdict::Wrong && case.expected.get(field).is_some(),
            };
            let bad = fields.into_iter().filter(|(field, verdict)| is_wrong(field, *verdict));
            wrong.extend(bad.map(|(field, _)| format!("{} {name}: {field}", case.name)));
            videos.extend(answer.ok().map(|found| (strategies, found.video)));
        }
        if let Some(theirs) = videos.get(RUSTY_YTDL) {
            assert_agree(&case.name, &videos["watch_page"], theirs);
            read_by_both += 1;
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(read_by_both > 0, "the crate read no page at all");
}

fn strategies_of(case: &CorpusCase) -> Vec<&'static str> {
    match case.kind.as_str() {
        // The default order begins with the watch page, which has its own cases.
        "player json" => vec!["innertube"],
        "oembed json" => vec!["oembed"],
        _ => vec!["watch_page", RUSTY_YTDL, DEFAULT],
    }
}

async fn answer(
    fake: &FakeYouTube,
    case: &CorpusCase,
    strategies: &str,
) -> Result<Extraction, ExtractError> {
    let id = match &case.carries {
        Some(_) => fake.serve_corpus_case(&case.name).unwrap(),
        None => case.served_as.clone(),
    };
    let extractor = settings(strategies, fake.base_url(), fake.ca_cert_path()).build().unwrap();
    ask(&extractor, &id).await
}

/// Checks two independent readers of the same page: a field that both return must be the same.
fn assert_agree(case: &str, ours: &Video, theirs: &Video) {
    let ours = present_fields(ours);
    for (field, theirs) in present_fields(theirs) {
        let is_same = ours.get(&field).is_none_or(|ours| *ours == theirs);
        let is_intended = DIFFERENT_BY_DESIGN.contains(&field.as_str());
        assert!(is_same || is_intended, "{case} {field}: {:?}, {theirs}", ours.get(&field));
    }
}

/// Returns every field that has a value, by its path.
pub(super) fn present_fields(video: &Video) -> Map<String, Value> {
    let Value::Object(mut all) = json!(video) else { panic!("a video is an object") };
    if let Some(Value::Object(author)) = all.remove("author") {
        all.extend(author.into_iter().map(|(key, value)| (format!("author.{key}"), value)));
    }
    all.into_iter().filter(|(_, value)| !value.is_null()).collect()
}

/// Returns each field with its verdict; the status is one of them.
fn verdicts(case: &str, answer: Result<&Video, &ExtractError>, expected: &Value) -> Fields {
    let mut fields = Fields::from([("status", status(answer, expected))]);
    fields.extend(answer.map(|video| video_fields(video, expected)).unwrap_or_default());
    for (_, field) in INTENDED.iter().filter(|(name, _)| *name == case) {
        if let Some(verdict) = fields.get_mut(field) {
            assert_eq!(*verdict, Verdict::Missing, "{case} {field}: no longer missing");
            *verdict = Verdict::Right;
        }
    }
    fields
}

fn status(answer: Result<&Video, &ExtractError>, expected: &Value) -> Verdict {
    let actual = match answer {
        Ok(video) => match video.availability {
            Some(availability) => json!(availability),
            None if expected["title"].is_null() => return Verdict::Wrong,
            None => return Verdict::Missing,
        },
        // Over HTTP, the status 429 is handled before the page of the captcha is read.
        Err(ExtractError::Throttled { reason: "status_429", .. }) => json!("captcha"),
        Err(ExtractError::Throttled { reason, .. }) => json!(reason),
        Err(error) => json!(error.code()),
    };
    match (actual, &expected["status"]) {
        (actual, expected) if actual == *expected => Verdict::Right,
        // A listing is not a video, so it is unreadable.
        (actual, expected) if actual == "unreadable" => match expected.as_str() {
            Some("playlist" | "channel") => Verdict::Right,
            _ => Verdict::Missing,
        },
        _ => Verdict::Wrong,
    }
}

fn video_fields(video: &Video, expected: &Value) -> Fields {
    let author = &video.author;
    let thumbnails = video.thumbnails.as_deref();
    let largest = thumbnails.and_then(|all| all.iter().max_by_key(|it| it.width));
    let description = video.description.as_deref();
    let description_chars = description.unwrap_or_default().chars().count();
    let published = video.publish_date.map(|at| at.to_string());
    let day = published.as_ref().map(|at| at[..10].to_owned());
    let mut fields: Fields = [
        ("title", json!(video.title)),
        ("author", json!(author.name)),
        ("channel_id", json!(author.channel_id)),
        ("owner_profile_url", json!(author.url)),
        ("length_seconds", json!(video.length_seconds)),
        ("view_count", json!(video.view_count)),
        ("like_count", json!(video.like_count)),
        ("category", json!(video.category)),
        ("keywords", json!(video.keywords)),
        ("description_sha256", json!(description.map(sha256))),
        ("description_chars", json!(description_chars)),
        ("thumbnail_count", json!(thumbnails.map(<[_]>::len))),
        ("is_live", json!(video.is_live)),
        ("is_upcoming", json!(video.is_upcoming)),
        ("family_safe", json!(video.family_safe)),
        ("chapters", json!(video.chapters.as_ref().map(Vec::len))),
    ]
    .into_iter()
    .map(|(field, actual)| (field, verdict(&actual, &expected[field])))
    .collect();
    // The page has an instant, or only the day.
    let instant = &expected["publish_instant_utc"];
    let publish_date = match instant.is_null() {
        true => verdict(&json!(day), &expected["publish_date"]),
        false => verdict(&json!(published), instant),
    };
    let expected = &expected["thumbnail_largest"];
    let url = json!(largest.map(|it| &it.url));
    fields.extend([
        ("publish_date", publish_date),
        ("largest", verdict(&url, &expected["url"])),
        ("largest width", verdict(&json!(largest.and_then(|it| it.width)), &expected["width"])),
        ("largest height", verdict(&json!(largest.and_then(|it| it.height)), &expected["height"])),
    ]);
    fields
}

fn verdict(actual: &Value, expected: &Value) -> Verdict {
    match actual {
        actual if actual == expected => Verdict::Right,
        Value::Null => Verdict::Missing,
        _ => Verdict::Wrong,
    }
}

fn print(case: &str, strategy: &str, fields: &Fields) {
    let count = |verdict| fields.values().filter(|it| **it == verdict).count();
    let counts = [Verdict::Right, Verdict::Missing, Verdict::Wrong].map(count);
    println!("{case:42} {strategy:10} right, missing, wrong: {counts:?}");
}

fn sha256(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
