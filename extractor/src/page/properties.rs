//! What must hold for any body, no matter how broken: no panic, and never another video.

use linkrelay_common::VideoId;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::read;
use crate::error::ExtractError;

const ID: &str = "5fR9AHlSDtc";
const TITLE: &str = "A title — with “marks”";

fn asked() -> VideoId {
    VideoId::parse(ID).unwrap()
}

fn player() -> Value {
    json!({
        "responseContext": {"deep": [[[1, 2, {"a": null}]]]},
        "playabilityStatus": {"status": "OK", "messages": ["m"], "errorScreen": {"x": {"offerId": "o"}}},
        "videoDetails": {
            "videoId": ID, "title": TITLE, "lengthSeconds": "316", "channelId": "UC1",
            "author": "Somebody", "shortDescription": "words", "viewCount": "1856109",
            "keywords": ["a", "b"], "isLiveContent": false,
            "thumbnail": {"thumbnails": [{"url": "https://i.ytimg.com/1.jpg", "width": 120, "height": 90}]},
        },
        "microformat": {"playerMicroformatRenderer": {
            "publishDate": "2018-08-02T06:00:08-07:00", "category": "Music", "isFamilySafe": true,
            "availableCountries": ["DE"], "likeCount": "43864", "ownerProfileUrl": "http://y/@s",
        }},
    })
}

fn page(player: &Value) -> String {
    format!(
        "<html><script>var ytInitialPlayerResponse = {player};</script>\
         \"GL\":\"US\",\"videoOwnerRenderer\":{{\"badges\":[]}}</html>"
    )
}

/// The number of values in a tree, itself included.
fn size(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(size).sum(),
        Value::Object(members) => members.values().map(size).sum(),
        _ => 0,
    }
}

/// Replaces the `n`th value, counted depth first, with `new`; `None` removes it.
fn replace(value: &mut Value, n: &mut usize, new: Option<&Value>) {
    if let Value::Object(members) = value
        && let Some(key) = nth_key(members, *n)
    {
        match new {
            Some(new) => members.insert(key, new.clone()),
            None => members.remove(&key),
        };
        *n = usize::MAX;
        return;
    }
    let children: Vec<&mut Value> = match value {
        Value::Array(items) => items.iter_mut().collect(),
        Value::Object(members) => members.values_mut().collect(),
        _ => Vec::new(),
    };
    for child in children {
        let below = size(child);
        if *n < below {
            return replace_below(child, n, new);
        }
        *n -= below;
    }
}

fn replace_below(child: &mut Value, n: &mut usize, new: Option<&Value>) {
    if *n == 0 {
        *child = new.cloned().unwrap_or_default();
        *n = usize::MAX;
    } else {
        *n -= 1;
        replace(child, n, new);
    }
}

/// The key of the member that begins exactly at `n`, if one does.
fn nth_key(members: &serde_json::Map<String, Value>, n: usize) -> Option<String> {
    let mut at = 0;
    members.iter().find_map(|(key, member)| {
        let is_it = at == n;
        at += size(member);
        is_it.then(|| key.clone())
    })
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        Just(json!([])),
        Just(json!({})),
        Just(json!([{"simpleText": 1}])),
        Just(json!("otherVideo1")),
    ]
}

/// Checks that the reader returns no video but the one that was asked for.
fn check(body: &[u8]) -> Result<(), TestCaseError> {
    match read(body, asked()) {
        Ok(video) => prop_assert!(!video.title.is_empty()),
        Err(error) => prop_assert!(!error.to_string().is_empty()),
    }
    let other = VideoId::parse("AAAAAAAAAAA").unwrap();
    prop_assert!(read(body, other).is_err(), "a video that was not asked for");
    Ok(())
}

#[test]
fn the_page_of_these_tests_is_read_completely() {
    let video = read(page(&player()).as_bytes(), asked()).unwrap();
    assert_eq!(video.title, TITLE);
    assert_eq!(video.like_count, Some(43_864));
    assert_eq!(video.author.channel_id.as_deref(), Some("UC1"));
}

#[test]
fn a_page_truncated_at_any_byte_gives_the_video_or_an_unreadable_answer() {
    let page = page(&player());
    for end in 0..page.len() {
        match read(&page.as_bytes()[..end], asked()) {
            Ok(video) => assert_eq!(video.title, TITLE),
            Err(error) => assert!(matches!(error, ExtractError::Unreadable(_)), "{end}: {error}"),
        }
    }
}

#[test]
fn no_single_missing_member_makes_a_playable_video_a_refusal() {
    for n in 0..size(&player()) - 1 {
        let mut mutated = player();
        replace(&mut mutated, &mut { n }, None);
        let answer = read(page(&mutated).as_bytes(), asked());
        assert!(matches!(answer, Ok(_) | Err(ExtractError::Unreadable(_))), "{n}: {answer:?}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_answered(body: Vec<u8>) {
        check(&body)?;
    }

    #[test]
    fn changed_types_and_missing_members_are_survived(
        changes in proptest::collection::vec((0_usize..40, proptest::option::of(any_value())), 1..6),
    ) {
        let mut mutated = player();
        for (n, new) in &changes {
            replace(&mut mutated, &mut { *n }, new.as_ref());
        }
        check(page(&mutated).as_bytes())?;
        check(mutated.to_string().as_bytes())?;
    }

    #[test]
    fn changed_bytes_are_survived(at in 0_usize..1_200, byte: u8) {
        let mut body = page(&player()).into_bytes();
        if let Some(changed) = body.get_mut(at) {
            *changed = byte;
        }
        let _answer = read(&body, asked());
    }
}
