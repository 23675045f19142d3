//! What a watch page and a player answer have of one video: the evidence for the order of the
//! strategies (docs/decisions/0056).
//!
//! Runs if `LINKRELAY_CORPUS` names the folder with the captured answers.

use std::collections::BTreeMap;

use linkrelay_common::VideoId;
use linkrelay_extractor::page;
use serde_json::Value;

use super::corpus::{Answered, captured, present_fields};

/// What only a watch page has. A player answer of WEB has all of it but what the page shows around
/// the player, and the corpus has no answer of WEB other than those within pages.
const ONLY_IN_PAGES: [&str; 7] = [
    "author.subscribers",
    "author.url",
    "author.verified",
    "category",
    "family_safe",
    "like_count",
    "publish_date",
];
/// What changes from one day to the next, or depends on the answer's own list of images.
const CHANGING: [&str; 3] = ["view_count", "availability", "thumbnails"];

#[test]
fn a_page_has_more_than_a_player_answer_about_the_same_video() {
    let Some(cases) = captured() else { return };
    let is_player = |case: &&Answered| case.expected["kind"] == "player json";
    let (mut pairs, mut lacking) = (0, BTreeMap::new());
    println!("{:34} {:28} bytes of both, what only one of them has", "page", "player answer");
    for player in cases.iter().filter(is_player) {
        let Some(id) = player.expected["video_id"].as_str() else { continue };
        let same = |page: &&Answered| page.expected["video_id"] == id && !is_player(page);
        for page in cases.iter().filter(same) {
            let (of_page, of_player) = (fields(page, id), fields(player, id));
            for (field, value) in &of_player {
                let of_page = of_page.get(field);
                assert!(of_page.is_some(), "{}: {field} is only in the player answer", page.name);
                // A channel may have another name after years.
                let is_same = of_page == Some(value) || is_other_day(page, player);
                assert!(is_same || CHANGING.contains(&field.as_str()), "{}: {field}", page.name);
            }
            let missing: Vec<_> =
                of_page.keys().filter(|field| !of_player.contains_key(*field)).cloned().collect();
            println!(
                "{:34} {:28} {:>9} {:>8}, only the page: {}",
                page.name,
                player.name,
                page.body.len(),
                player.body.len(),
                missing.join(" "),
            );
            pairs += 1;
            missing.into_iter().for_each(|field| *lacking.entry(field).or_insert(0) += 1);
        }
    }
    assert!(pairs >= 2, "{pairs} videos have both answers");
    for field in ["publish_date", "category", "family_safe", "author.url"] {
        assert_eq!(
            lacking.get(field),
            Some(&pairs),
            "{field} is in every page and no player answer"
        );
    }
    let unexpected: Vec<_> =
        lacking.keys().filter(|field| !ONLY_IN_PAGES.contains(&field.as_str())).collect();
    assert!(unexpected.is_empty(), "{unexpected:?}");
}

/// The mean size and, for each field, how many answers of each kind that carry metadata have it.
#[test]
fn what_each_kind_of_answer_has_is_counted() {
    let Some(cases) = captured() else { return };
    let mut kinds = BTreeMap::<&str, (usize, usize, BTreeMap<String, usize>)>::new();
    for case in &cases {
        let kind = case.expected["kind"].as_str().unwrap();
        let Some(id) = case.expected["video_id"].as_str() else { continue };
        if !["watch html", "player json"].contains(&kind) || case.expected["title"].is_null() {
            continue;
        }
        let (count, bytes, by_field) = kinds.entry(kind).or_default();
        *count += 1;
        *bytes += case.body.len();
        fields(case, id).into_iter().for_each(|(it, _)| *by_field.entry(it).or_insert(0) += 1);
    }
    for (kind, (count, bytes, fields)) in &kinds {
        println!("{kind}: {count} with metadata, {} bytes on average, {fields:?}", bytes / count);
    }
    let share = |kind: &str, field: &str| {
        let (count, _, fields) = &kinds[kind];
        (fields.get(field).copied().unwrap_or_default(), *count)
    };
    for field in ["publish_date", "category"] {
        let (have, all) = share("watch html", field);
        assert_eq!(have, all, "every page has its {field}");
        assert_eq!(share("player json", field).0, 0, "no answer of an app has its {field}");
    }
}

fn is_other_day(page: &Answered, player: &Answered) -> bool {
    let day = |case: &Answered| case.expected["captured_on_or_before"].clone();
    day(page) != day(player)
}

fn fields(case: &Answered, id: &str) -> serde_json::Map<String, Value> {
    let video = page::read(&case.body, VideoId::parse(id).unwrap());
    present_fields(&video.unwrap_or_else(|error| panic!("{}: {error}", case.name)))
}
