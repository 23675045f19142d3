//! What must hold for every strategy's reader, however broken the answer: no panic, never
//! another video, and no refusal that the answer does not make.
//!
//! The answers are those of the fake YouTube; [`crate::page`] has such tests of its own for the
//! watch page.

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

/// Each reader with a good answer for it.
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

/// Every place in a tree, as JSON pointers.
fn places(value: &Value, at: &str, into: &mut Vec<String>) {
    into.push(at.to_owned());
    match value {
        Value::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                places(item, &format!("{at}/{i}"), into);
            }
        }
        Value::Object(members) => {
            for (key, member) in members {
                places(
                    member,
                    &format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")),
                    into,
                );
            }
        }
        _ => {}
    }
}

fn without(value: &Value, place: &str) -> Value {
    let mut value = value.clone();
    if let Some((parent, key)) = place.rsplit_once('/') {
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
fn the_good_answers_are_read_and_are_about_their_video_alone() {
    for (read, good) in readers() {
        let body = good.to_string();
        assert_eq!(read(body.as_bytes(), id(ID)).unwrap().title, pages::expected(ID).title);
        assert_eq!(read(body.as_bytes(), id(OTHER)).unwrap_err().code(), "unreadable");
    }
}

#[test]
fn an_answer_cut_at_any_byte_is_unreadable() {
    for (read, good) in readers() {
        let body = good.to_string();
        for end in 0..body.len() {
            let error = read(&body.as_bytes()[..end], id(ID)).unwrap_err();
            assert!(matches!(error, ExtractError::Unreadable(_)), "{end}: {error}");
        }
    }
}

#[test]
fn no_single_missing_member_is_a_refusal() {
    for (read, good) in readers() {
        let mut all = Vec::new();
        places(&good, "", &mut all);
        for place in all {
            let body = without(&good, &place).to_string();
            match read(body.as_bytes(), id(ID)) {
                Ok(video) => assert_eq!(video.title, pages::expected(ID).title, "{place}"),
                // A list without its one video says that there is none.
                Err(ExtractError::Refused(_)) => assert_eq!(place, "/items/0"),
                Err(error) => assert_eq!(error.code(), "unreadable", "{place}"),
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
        for (read, good) in readers() {
            let mut changed = good.clone();
            for (index, new) in &changes {
                let mut all = Vec::new();
                places(&changed, "", &mut all);
                if let Some(value) = changed.pointer_mut(index.get(&all).as_str()) {
                    *value = new.clone();
                }
            }
            let body = changed.to_string();
            if let Ok(video) = read(body.as_bytes(), id(ID)) {
                prop_assert!(!video.title.is_empty());
            }
            // Unless the change itself has put the other id in.
            if !body.contains(OTHER) {
                prop_assert!(read(body.as_bytes(), id(OTHER)).is_err());
            }
        }
    }
}
