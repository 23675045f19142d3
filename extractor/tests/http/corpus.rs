//! Tests the strategies on captured answers over HTTPS: each field is right, missing or wrong.
//! `tests/corpus.rs` tests the watch pages in more detail.

use std::collections::BTreeMap;

use linkrelay_common::video::Video;
use linkrelay_extractor::{ExtractError, Extraction};
use linkrelay_fake_youtube::{CorpusCase, FakeYouTube, FakeYouTubeSettings};
use serde_json::{Value, json};

use super::{ask, settings};

const DEFAULT: &str = "watch_page,innertube,rusty_ytdl,oembed";
/// Intended differences: fields that are 0 or "" in the expectation, and null here.
const INTENDED: [(&str, &str); 3] = [
    ("pbj-upcoming-2020-11", "length_seconds"),
    ("watch-live-2020-12", "length_seconds"),
    ("pbj-was-live-2020-11", "description_sha256"),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Right,
    Missing,
    Wrong,
}

#[tokio::test(flavor = "multi_thread")]
async fn no_strategy_gives_a_wrong_field_of_a_captured_answer() {
    let Some(folder) = std::env::var_os("LINKRELAY_CORPUS") else {
        println!("skipped: LINKRELAY_CORPUS is not set");
        return;
    };
    let fake_settings =
        FakeYouTubeSettings { corpus: Some(folder.into()), ..FakeYouTubeSettings::default() };
    let fake = FakeYouTube::start(fake_settings).await.unwrap();
    println!("{:42} {:10} {:>5} {:>7} {:>5}", "case", "strategy", "right", "missing", "wrong");
    let mut wrong = Vec::new();
    for case in fake.corpus_cases() {
        for strategies in strategies_of(&case) {
            let fields = fields(&fake, &case, strategies).await;
            let count = |verdict| fields.values().filter(|it| **it == verdict).count();
            let name = if strategies == DEFAULT { "default" } else { strategies };
            let [right, missing, bad] =
                [Verdict::Right, Verdict::Missing, Verdict::Wrong].map(count);
            println!("{:42} {name:10} {right:>5} {missing:>7} {bad:>5}", case.name);
            let bad = fields.into_iter().filter(|(_, verdict)| *verdict == Verdict::Wrong);
            wrong.extend(bad.map(|(field, _)| format!("{} {name}: {field}", case.name)));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn strategies_of(case: &CorpusCase) -> Vec<&'static str> {
    match case.kind.as_str() {
        // The default order begins with the watch page, which has its own cases.
        "player json" => vec!["innertube"],
        "oembed json" => vec!["oembed"],
        _ => vec!["watch_page", "rusty_ytdl", DEFAULT],
    }
}

async fn fields(
    fake: &FakeYouTube,
    case: &CorpusCase,
    strategies: &str,
) -> BTreeMap<&'static str, Verdict> {
    let id = match &case.carries {
        Some(_) => fake.serve_corpus_case(&case.name).unwrap(),
        None => case.served_as.clone(),
    };
    let extractor = settings(strategies, fake.base_url(), fake.ca_cert_path()).build().unwrap();
    let answer = ask(&extractor, &id).await;
    let mut fields = BTreeMap::from([("status", status(&answer, case, strategies))]);
    if let Ok(found) = &answer {
        fields.extend(video_fields(&found.video, case));
    }
    fields
}

/// An unreadable answer is missing; a wrong refusal, or metadata where there is none, is wrong.
fn status(
    answer: &Result<Extraction, ExtractError>,
    case: &CorpusCase,
    strategies: &str,
) -> Verdict {
    let expected = case.expected["status"].as_str().unwrap();
    let has_metadata = !case.expected["title"].is_null();
    let is_listing = matches!(expected, "playlist" | "channel");
    let is_right = match answer {
        Ok(_) if is_listing => false,
        Ok(found) => match found.video.availability {
            Some(availability) => json!(availability) == expected,
            None => return if has_metadata { Verdict::Missing } else { Verdict::Wrong },
        },
        Err(ExtractError::Unreadable(_)) if !is_listing && strategies != DEFAULT => {
            return Verdict::Missing;
        }
        Err(ExtractError::Unreadable(_)) => is_listing,
        // The status 429 is handled before the page of the captcha is read.
        Err(ExtractError::Throttled { reason, .. }) => {
            *reason == expected || (*reason == "status_429" && expected == "captcha")
        }
        Err(error) => error.code() == expected,
    };
    if is_right { Verdict::Right } else { Verdict::Wrong }
}

fn video_fields(video: &Video, case: &CorpusCase) -> Vec<(&'static str, Verdict)> {
    let author = &video.author;
    let day = video.publish_date.map(|at| at.to_string().chars().take(10).collect::<String>());
    let actual = [
        ("title", json!(video.title)),
        ("author", json!(author.name)),
        ("channel_id", json!(author.channel_id)),
        ("length_seconds", json!(video.length_seconds)),
        ("view_count", json!(video.view_count)),
        ("like_count", json!(video.like_count)),
        ("category", json!(video.category)),
        ("keywords", json!(video.keywords)),
        ("is_live", json!(video.is_live)),
        ("is_upcoming", json!(video.is_upcoming)),
        ("family_safe", json!(video.family_safe)),
    ];
    let mut fields: Vec<_> = actual
        .into_iter()
        .map(|(field, actual)| (field, verdict(case, field, &actual, &case.expected[field])))
        .collect();
    let instant = &case.expected["publish_instant_utc"];
    fields.push(if instant.is_null() {
        let expected = &case.expected["publish_date"];
        ("publish_date", verdict(case, "publish_date", &json!(day), expected))
    } else {
        let actual = json!(video.publish_date.map(|at| at.to_string()));
        ("publish_date", verdict(case, "publish_date", &actual, instant))
    });
    fields
}

fn verdict(case: &CorpusCase, field: &str, actual: &Value, expected: &Value) -> Verdict {
    let is_intended = INTENDED.contains(&(case.name.as_str(), field));
    match (actual, expected) {
        (actual, expected) if actual == expected => Verdict::Right,
        (Value::Null, _) if is_intended => Verdict::Right,
        (Value::Null, _) => Verdict::Missing,
        // The expectation does not have this field for this kind of answer.
        (_, Value::Null) if case.expected.get(field).is_none() => Verdict::Right,
        _ => Verdict::Wrong,
    }
}
