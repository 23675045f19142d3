//! Two independent readers on the same captured pages: a field that both return must be the same.
//! Runs if `LINKRELAY_CORPUS` names the folder.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;
use linkrelay_common::VideoId;
use linkrelay_common::video::Video;
use serde_json::{Map, Value};

use super::engine::Engine;
use crate::page;

/// The crate adds the microformat's thumbnail.
const DIFFERENT_BY_DESIGN: [&str; 1] = ["thumbnails"];

fn body(folder: &Path) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    let file = File::open(folder.join("body.html.gz")).ok()?;
    GzDecoder::new(file).read_to_end(&mut body).ok()?;
    Some(body)
}

fn id(folder: &Path) -> Option<VideoId> {
    let expected = std::fs::read(folder.join("expected.json")).ok()?;
    let expected: Value = serde_json::from_slice(&expected).ok()?;
    VideoId::parse(expected["video_id"].as_str()?).ok()
}

/// Returns every field that has a value, by its path.
fn fields(video: &Video) -> Map<String, Value> {
    let Ok(Value::Object(mut all)) = serde_json::to_value(video) else { return Map::new() };
    if let Some(Value::Object(author)) = all.remove("author") {
        all.extend(author.into_iter().map(|(key, value)| (format!("author.{key}"), value)));
    }
    all.into_iter().filter(|(_, value)| !value.is_null()).collect()
}

#[test]
fn both_readers_agree_on_captured_pages() {
    let Some(corpus) = std::env::var_os("LINKRELAY_CORPUS") else {
        println!("skipped: LINKRELAY_CORPUS is not set");
        return;
    };
    let mut engine = Engine::default();
    let mut read_by_both = 0;
    for entry in std::fs::read_dir(corpus).unwrap() {
        let folder = entry.unwrap().path();
        let (Some(body), Some(id)) = (body(&folder), id(&folder)) else { continue };
        let ours = page::read(&body, id);
        let theirs = engine.read(id, body.into());
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        println!("{name}: {}", theirs.as_ref().map_or_else(|error| error.code(), |_| "read"));
        let Ok(theirs) = theirs else { continue };
        let ours = fields(&ours.unwrap());
        for (field, their_value) in fields(&theirs) {
            let is_same = ours.get(&field).is_none_or(|our_value| *our_value == their_value);
            let is_intended = DIFFERENT_BY_DESIGN.contains(&field.as_str());
            assert!(is_same || is_intended, "{name} {field}: {:?}, {their_value}", ours[&field]);
        }
        read_by_both += 1;
    }
    assert!(read_by_both > 0, "the crate read no page at all");
}
