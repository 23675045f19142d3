//! What must hold for every strategy's reader, no matter how broken the answer: no panic, never
//! another video, and no refusal that the answer does not contain.
//!
//! The answers are those of the fake YouTube; [`crate::page`] has its own tests of this kind for
//! the watch page.

use linkrelay_common::VideoId;
use linkrelay_common::video::Video;
use linkrelay_fake_youtube::pages::{self, Playability, player};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{data_api, innertube, oembed};
use crate::error::ExtractError;

const ID: &str = "5fR9AHlSDtc";
const OTHER: &str = "AAAAAAAAAAA";

type Reader = fn(&[u8], VideoId) -> Result<Video, ExtractError>;

/// Each reader with a valid answer for it.
fn readers() -> [(Reader, Value); 3] {
    let video = pages::expected(ID);
    let item = pages::data_api::item(&video, Playability::Ok);
    [
        (innertube::read_web, player::response(&video, Playability::Ok, player::Client::Web)),
        (oembed::read, pages::oembed::response(&video)),
        (data_api::read_one, pages::data_api::list(&Vec::from_iter(item))),
    ]
}

fn id(text: &str) -> VideoId {
    VideoId::parse(text).unwrap()
}

/// Collects the JSON pointers of all values in a tree.
fn pointers(value: &Value, at: &str, into: &mut Vec<String>) {
    into.push(at.to_owned());
    match value {
        Value::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                pointers(item, &format!("{at}/{i}"), into);
            }
        }
        Value::Object(members) => {
            for (key, member) in members {
                pointers(
                    member,
                    &format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")),
                    into,
                );
            }
        }
        _ => {}
    }
}

fn without(value: &Value, pointer: &str) -> Value {
    let mut value = value.clone();
    if let Some((parent, key)) = pointer.rsplit_once('/') {
        match value.pointer_mut(parent) {
            Some(Value::Object(members)) => drop(members.remove(key)),
            Some(Value::Array(items)) => {
                let n: usize = key.parse().unwrap();
                items.remove(n);
            }
            _ => {}
        }
    }
    value
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
        Just(json!([[{}]])),
        Just(json!(OTHER)),
    ]
}

#[test]
fn the_valid_answers_are_read_and_are_about_their_video_alone() {
    for (read, valid) in readers() {
        let body = valid.to_string();
        assert_eq!(read(body.as_bytes(), id(ID)).unwrap().title, pages::expected(ID).title);
        assert_eq!(read(body.as_bytes(), id(OTHER)).unwrap_err().code(), "unreadable");
    }
}

#[test]
fn an_answer_truncated_at_any_byte_is_unreadable() {
    for (read, valid) in readers() {
        let body = valid.to_string();
        for end in 0..body.len() {
            let error = read(&body.as_bytes()[..end], id(ID)).unwrap_err();
            assert!(matches!(error, ExtractError::Unreadable(_)), "{end}: {error}");
        }
    }
}

#[test]
fn no_single_missing_member_is_a_refusal() {
    for (read, valid) in readers() {
        let mut all = Vec::new();
        pointers(&valid, "", &mut all);
        for pointer in all {
            let body = without(&valid, &pointer).to_string();
            match read(body.as_bytes(), id(ID)) {
                Ok(video) => assert_eq!(video.title, pages::expected(ID).title, "{pointer}"),
                // A list without its only video means that there is no such video.
                Err(ExtractError::Refused(_)) => assert_eq!(pointer, "/items/0"),
                Err(error) => assert_eq!(error.code(), "unreadable", "{pointer}"),
            }
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_answered(body: Vec<u8>) {
        for (read, _) in readers() {
            prop_assert!(read(&body, id(ID)).is_err());
        }
    }

    #[test]
    fn changed_types_are_survived_and_never_make_another_video(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any_value()), 1..5),
    ) {
        for (read, valid) in readers() {
            let mut changed = valid.clone();
            for (index, new) in &changes {
                let mut all = Vec::new();
                pointers(&changed, "", &mut all);
                if let Some(value) = changed.pointer_mut(index.get(&all).as_str()) {
                    *value = new.clone();
                }
            }
            let body = changed.to_string();
            if let Ok(video) = read(body.as_bytes(), id(ID)) {
                prop_assert!(!video.title.is_empty());
            }
            // A change may itself have inserted the other id.
            if !body.contains(OTHER) {
                prop_assert!(read(body.as_bytes(), id(OTHER)).is_err());
            }
        }
    }
}
