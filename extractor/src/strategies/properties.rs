//! What must hold for every reader of YouTube's answers, no matter how broken the answer: no panic,
//! never another video, and no refusal that the answer does not contain.
//!
//! The answers are those of the fake YouTube.

use linkrelay_common::VideoId;
use linkrelay_common::video::Video;
use linkrelay_fake_youtube::pages::{self, Playability, player};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{data_api, innertube, is_nothing, oembed};
use crate::error::ExtractError;
use crate::page;

const ID: &str = "5fR9AHlSDtc";
const OTHER: &str = "AAAAAAAAAAA";

/// A reader, and a valid answer for it.
struct Reader {
    read: fn(&[u8], VideoId) -> Result<Video, ExtractError>,
    valid: Value,
    /// Writes the answer as the body that YouTube sends.
    body: fn(&Value) -> String,
}

impl Reader {
    fn all() -> [Self; 4] {
        let video = pages::expected(ID);
        let mut player = player::response(&video, Playability::Ok, player::Client::Web);
        // Signs of a refusal, which must not count while the video can be played.
        player["playabilityStatus"]["messages"] = json!(["m"]);
        player["playabilityStatus"]["errorScreen"] = json!({"x": {"offerId": "o"}});
        let item = pages::data_api::item(&video, Playability::Ok);
        let list = pages::data_api::list(&Vec::from_iter(item));
        [
            Self { read: page::read, valid: player.clone(), body: watch_page },
            Self { read: innertube::read_web, valid: player, body: Value::to_string },
            Self {
                read: oembed::read,
                valid: pages::oembed::response(&video),
                body: Value::to_string,
            },
            Self { read: data_api::read_one, valid: list, body: Value::to_string },
        ]
    }

    fn valid_body(&self) -> String {
        (self.body)(&self.valid)
    }

    /// Checks that the reader returns no video but the one that was asked for.
    fn check(&self, body: &[u8]) -> Result<(), TestCaseError> {
        match (self.read)(body, id(ID)) {
            Ok(video) => prop_assert!(!is_nothing(&video)),
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
        // A change may itself have inserted the other id.
        if !String::from_utf8_lossy(body).contains(OTHER) {
            prop_assert!((self.read)(body, id(OTHER)).is_err(), "a video that was not asked for");
        }
        Ok(())
    }
}

fn watch_page(player: &Value) -> String {
    format!(
        "<html><script>var ytInitialPlayerResponse = {player};</script>\
         \"GL\":\"US\",\"videoOwnerRenderer\":{{\"badges\":[]}}</html>"
    )
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
        Just(json!([{"simpleText": 1}])),
        Just(json!(OTHER)),
    ]
}

#[test]
fn the_valid_answers_are_read_and_are_about_their_video_alone() {
    for reader in Reader::all() {
        let body = reader.valid_body();
        let video = (reader.read)(body.as_bytes(), id(ID)).unwrap();
        assert_eq!(video.title, pages::expected(ID).title);
        assert_eq!((reader.read)(body.as_bytes(), id(OTHER)).unwrap_err().code(), "unreadable");
    }
}

#[test]
fn an_answer_truncated_at_any_byte_is_unreadable() {
    for reader in Reader::all() {
        let body = reader.valid_body();
        // Only a watch page has more after what is read.
        let has_more = !body.starts_with('{');
        for end in 0..body.len() {
            match (reader.read)(&body.as_bytes()[..end], id(ID)) {
                Ok(video) => assert!(has_more && video.title == pages::expected(ID).title, "{end}"),
                Err(error) => {
                    assert!(matches!(error, ExtractError::Unreadable(_)), "{end}: {error}")
                }
            }
        }
    }
}

#[test]
fn no_single_missing_member_is_a_refusal() {
    for reader in Reader::all() {
        let mut all = Vec::new();
        pointers(&reader.valid, "", &mut all);
        for pointer in all {
            let body = (reader.body)(&without(&reader.valid, &pointer));
            match (reader.read)(body.as_bytes(), id(ID)) {
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
        for reader in Reader::all() {
            prop_assert!((reader.read)(&body, id(ID)).is_err());
        }
    }

    #[test]
    fn changed_bytes_are_survived(index: prop::sample::Index, byte: u8) {
        for reader in Reader::all() {
            let mut body = reader.valid_body().into_bytes();
            let at = index.index(body.len());
            body[at] = byte;
            let _answer = (reader.read)(&body, id(ID));
        }
    }

    #[test]
    fn changed_types_and_missing_members_are_survived_and_never_make_another_video(
        changes in proptest::collection::vec(
            (any::<prop::sample::Index>(), proptest::option::of(any_value())), 1..6,
        ),
    ) {
        for reader in Reader::all() {
            let mut changed = reader.valid.clone();
            for (index, new) in &changes {
                let mut all = Vec::new();
                pointers(&changed, "", &mut all);
                let pointer = index.get(&all);
                match new {
                    None => changed = without(&changed, pointer),
                    Some(new) => *changed.pointer_mut(pointer).unwrap() = new.clone(),
                }
            }
            reader.check((reader.body)(&changed).as_bytes())?;
        }
    }
}
