//! Tests the page reader on captured pages of 2019 to 2025, field by field.
//!
//! Runs if `LINKRELAY_CORPUS` names the folder: it has a folder for each case, with `body.*.gz`
//! and `expected.json`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use jiff::Timestamp;
use linkrelay_common::VideoId;
use linkrelay_common::video::{Availability, Video};
use linkrelay_extractor::{ExtractError, page};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Intended differences from `expected.json`, each with its reason.
const EXCEPTIONS: [(&str, &str, &str); 3] = [
    ("pbj-upcoming-2020-11", "length_seconds", "0 there; null here until the broadcast is over"),
    ("watch-live-2020-12", "length_seconds", "0 there; null here while it is live"),
    ("pbj-was-live-2020-11", "description", "\"\" there; an empty text is null in a document"),
];
/// Cases that the page reader does not read: their bodies are answers of oEmbed.
const NOT_PAGES: [&str; 2] = ["oembed-video-2024-06", "oembed-playlist-2021-04"];

struct Case {
    name: String,
    body: Vec<u8>,
    expected: Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Right,
    /// The reader returns nothing where something is expected.
    Missing,
    Wrong,
}

#[test]
fn every_captured_page_is_read_as_expected() {
    let Some(folder) = std::env::var_os("LINKRELAY_CORPUS") else {
        println!("skipped: LINKRELAY_CORPUS is not set");
        return;
    };
    let cases = cases(Path::new(&folder));
    assert!(!cases.is_empty(), "there is no case in LINKRELAY_CORPUS");
    let mut differences = String::new();
    println!("{:42} {:>5} {:>7} {:>5}", "case", "right", "missing", "wrong");
    for case in &cases {
        let fields = check(case);
        let count = |verdict| fields.iter().filter(|(_, it)| *it == verdict).count();
        let wrong = count(Verdict::Wrong);
        let missing = count(Verdict::Missing);
        println!("{:42} {:>5} {missing:>7} {wrong:>5}", case.name, count(Verdict::Right));
        for (field, verdict) in fields.iter().filter(|(_, it)| *it != Verdict::Right) {
            writeln!(differences, "{} {field}: {verdict:?}", case.name).unwrap();
        }
    }
    assert!(differences.is_empty(), "\n{differences}");
}

fn cases(folder: &Path) -> Vec<Case> {
    let mut folders: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("LINKRELAY_CORPUS can be read")
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("expected.json").is_file())
        .collect();
    folders.sort();
    let cases = folders.iter().map(|folder| load(folder));
    cases.filter(|case| !NOT_PAGES.contains(&case.name.as_str())).collect()
}

fn load(folder: &Path) -> Case {
    let body = ["body.html.gz", "body.json.gz"].iter().map(|name| folder.join(name));
    let path = body.into_iter().find(|path| path.is_file()).expect("a case has a body");
    let mut body = Vec::new();
    GzDecoder::new(File::open(path).unwrap()).read_to_end(&mut body).unwrap();
    let expected = std::fs::read(folder.join("expected.json")).unwrap();
    Case {
        name: folder.file_name().unwrap().to_string_lossy().into_owned(),
        body,
        expected: serde_json::from_slice(&expected).unwrap(),
    }
}

/// Returns each field with its verdict; the status is one of them.
fn check(case: &Case) -> Vec<(&'static str, Verdict)> {
    let id = case.expected["video_id"].as_str().unwrap_or("5fR9AHlSDtc");
    let other = VideoId::parse("AAAAAAAAAAA").unwrap();
    let mut fields = vec![(
        "no other video",
        if page::read(&case.body, other).is_err() { Verdict::Right } else { Verdict::Wrong },
    )];
    let read = page::read(&case.body, VideoId::parse(id).unwrap());
    fields.push(("status", status(&read, case.expected["status"].as_str().unwrap())));
    if let Ok(video) = &read {
        fields.extend(video_fields(video, &case.expected));
    }
    for (field, verdict) in &mut fields {
        let is_intended =
            EXCEPTIONS.iter().any(|(name, exception, _)| *name == case.name && exception == field);
        if is_intended {
            assert_eq!(*verdict, Verdict::Missing, "{} {field}: no longer missing", case.name);
            *verdict = Verdict::Right;
        }
    }
    fields
}

fn status(read: &Result<Video, ExtractError>, expected: &str) -> Verdict {
    let actual = match read {
        Ok(video) => match video.availability {
            Some(Availability::Ok) => "ok",
            Some(Availability::AgeRestricted) => "age_restricted",
            Some(Availability::GeoBlocked) => "geo_blocked",
            Some(Availability::MembersOnly) => "members_only",
            Some(Availability::PaymentRequired) => "payment_required",
            Some(Availability::Upcoming) => "upcoming",
            Some(Availability::Unavailable) => "unavailable",
            None => return Verdict::Missing,
        },
        Err(ExtractError::Throttled { reason, .. }) => reason,
        Err(error) => error.code(),
    };
    // A listing is not a video, so it is unreadable.
    let expected = if matches!(expected, "playlist" | "channel") { "unreadable" } else { expected };
    if actual == expected { Verdict::Right } else { Verdict::Wrong }
}

fn video_fields(video: &Video, expected: &Value) -> Vec<(&'static str, Verdict)> {
    let author = &video.author;
    let largest = &expected["thumbnail_largest"];
    let thumbnails = video.thumbnails.as_deref();
    let actual_largest = thumbnails.and_then(|all| all.iter().max_by_key(|it| it.width));
    let description = video.description.as_deref();
    let chapters = video.chapters.as_ref().map(Vec::len);
    vec![
        ("title", same(Some(video.title.as_str()), &expected["title"])),
        ("author", same(author.name.as_deref(), &expected["author"])),
        ("channel_id", same(author.channel_id.as_deref(), &expected["channel_id"])),
        ("owner_profile_url", same(author.url.as_deref(), &expected["owner_profile_url"])),
        ("length_seconds", same(video.length_seconds, &expected["length_seconds"])),
        ("view_count", same(video.view_count, &expected["view_count"])),
        ("like_count", same(video.like_count, &expected["like_count"])),
        ("publish_date", publish_date(video.publish_date, expected)),
        ("category", same(video.category.as_deref(), &expected["category"])),
        ("keywords", same(video.keywords.clone(), &expected["keywords"])),
        ("description", same(description.map(sha256), &expected["description_sha256"])),
        (
            "description chars",
            same(
                Some(description.unwrap_or_default().chars().count()),
                &expected["description_chars"],
            ),
        ),
        ("thumbnails", same(thumbnails.map(<[_]>::len), &expected["thumbnail_count"])),
        ("largest", same(actual_largest.map(|it| it.url.as_str()), &largest["url"])),
        ("largest width", same(actual_largest.and_then(|it| it.width), &largest["width"])),
        ("largest height", same(actual_largest.and_then(|it| it.height), &largest["height"])),
        ("is_live", same(video.is_live, &expected["is_live"])),
        ("is_upcoming", same(video.is_upcoming, &expected["is_upcoming"])),
        ("family_safe", same(video.family_safe, &expected["family_safe"])),
        ("chapters", same(chapters, &expected["chapters"])),
    ]
}

fn same<T: Into<Value>>(actual: Option<T>, expected: &Value) -> Verdict {
    match actual.map(Into::into) {
        Some(actual) if actual == *expected => Verdict::Right,
        Some(_) => Verdict::Wrong,
        None if expected.is_null() => Verdict::Right,
        None => Verdict::Missing,
    }
}

/// Compares the instant if the page has one, otherwise the day.
fn publish_date(actual: Option<Timestamp>, expected: &Value) -> Verdict {
    let instant = &expected["publish_instant_utc"];
    if instant.is_null() {
        let day = actual.map(|at| at.to_string().chars().take(10).collect::<String>());
        same(day, &expected["publish_date"])
    } else {
        same(actual.map(|at| at.to_string()), instant)
    }
}

fn sha256(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
