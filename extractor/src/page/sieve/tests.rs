use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use linkrelay_common::VideoId;
use proptest::prelude::*;
use serde_json::Value;

use super::Sieve;
use crate::page;

const ID: &str = "5fR9AHlSDtc";

fn sieved<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut sieve = Sieve::default();
    pieces.into_iter().for_each(|piece| sieve.push(piece));
    sieve.finish()
}

/// Cuts a body into pieces of these lengths, over and over.
fn pieces<'a>(mut body: &'a [u8], lengths: &'a [usize]) -> impl Iterator<Item = &'a [u8]> {
    lengths.iter().cycle().map_while(move |length| {
        let (piece, rest) = body.split_at((*length).min(body.len()));
        body = rest;
        (!piece.is_empty()).then_some(piece)
    })
}

fn read(body: &[u8], id: &str) -> String {
    format!("{:?}", page::read(body, VideoId::parse(id).unwrap()))
}

/// The captured answers: their names, bodies, and the videos that they are about.
fn captured() -> Vec<(String, Vec<u8>, String)> {
    let Some(corpus) = std::env::var_os("LINKRELAY_CORPUS").map(PathBuf::from) else {
        println!("skipped: LINKRELAY_CORPUS is not set");
        return Vec::new();
    };
    let folders = std::fs::read_dir(corpus).unwrap().map(|entry| entry.unwrap().path());
    let cases: Vec<_> = folders.filter(|folder| folder.is_dir()).map(|it| case(&it)).collect();
    assert!(!cases.is_empty(), "there is no case in LINKRELAY_CORPUS");
    cases
}

fn case(folder: &Path) -> (String, Vec<u8>, String) {
    let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
    let expected = std::fs::read(folder.join("expected.json")).unwrap();
    let expected: Value = serde_json::from_slice(&expected).unwrap();
    let paths = ["body.html.gz", "body.json.gz"].map(|name| folder.join(name));
    let path = paths.iter().find(|path| path.is_file()).unwrap();
    let mut body = Vec::new();
    GzDecoder::new(File::open(path).unwrap()).read_to_end(&mut body).unwrap();
    (name, body, expected["video_id"].as_str().unwrap_or(ID).to_owned())
}

#[test]
fn what_is_left_of_a_captured_answer_is_read_as_the_whole_is() {
    let (mut whole_bytes, mut left_bytes) = (0, 0);
    for (name, body, id) in captured() {
        let expected = [read(&body, &id), read(&body, "AAAAAAAAAAA")];
        let left = sieved([&body[..]]);
        assert_eq!([read(&left, &id), read(&left, "AAAAAAAAAAA")], expected, "{name}");
        for lengths in [&[1, 2, 60, 1, 300, 2_000][..], &[16 * 1024]] {
            assert!(sieved(pieces(&body, lengths)) == left, "{name} in pieces of {lengths:?}");
        }
        if name.starts_with("watch-") {
            println!("{name:42} {:>8} bytes, {:>7} left", body.len(), left.len());
            (whole_bytes, left_bytes) = (whole_bytes + body.len(), left_bytes + left.len());
        }
    }
    println!("all watch pages: {whole_bytes} bytes, {left_bytes} left");
    assert!(left_bytes * 4 <= whole_bytes, "{left_bytes} of {whole_bytes} bytes are left");
}

/// Parts of bodies that are well-formed only by accident.
fn part() -> impl Strategy<Value = Vec<u8>> {
    let known = prop::sample::select(vec![
        "ytInitialPlayerResponse",
        "ytplayer.config",
        "\"playerResponse\":",
        "\"GL\":",
        "\"US\"",
        "\"player_response\":",
        "\"videoOwnerRenderer\":",
        "\"markersMap\":",
        "\"chapterRenderer\":",
        "class=\"g-recaptcha\"",
        "action=\"/consent",
        "<h1 id=\"unavailable-message\"",
        "\"]",
        "=",
        "{\"args\":{}}",
        "{\"videoDetails\":{\"videoId\":\"5fR9AHlSDtc\",\"title\":\"t\"}}",
        "{\"playabilityStatus\":{\"status\":\"ERROR\"}}",
        "\"videoDetails\":",
        "\"args\":",
        "{\"videoId\":\"5fR9AHlSDtc\",\"title\":\"a\",\"channelId\":\"UC1\"}",
        "\"microformat\":",
        "{\"playerMicroformatRenderer\":{\"availableCountries\":[]}}",
        "\"playabilityStatus\":",
        "{\"status\":\"UNPLAYABLE\"}",
        "[[{\"key\":\"a\",\"value\":{\"chapters\":[{\"chapterRenderer\":\
        {\"title\":{\"simpleText\":\"c\"},\"timeRangeStartMillis\":7}}]}}]]",
        "\"{\\\"videoDetails\\\":{\\\"videoId\\\":\\\"5fR9AHlSDtc\\\",\\\"title\\\":\\\"q\\\"}}\"",
        "{\"navigationEndpoint\":{\"browseEndpoint\":{\"browseId\":\"UC1\"}}}",
        "{\"\":",
        "null",
        "12",
    ]);
    let mark = prop::sample::select(vec!["{", "}", "[", "]", "\"", ":", ",", "\\", " ", "x", "\0"]);
    prop_oneof![
        4 => known.prop_map(|text| text.as_bytes().to_vec()),
        3 => mark.prop_map(|text| text.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..60),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn what_is_left_of_any_body_is_read_as_the_whole_is(
        parts in prop::collection::vec(part(), 0..24),
        lengths in prop::collection::vec(1_usize..80, 1..6),
    ) {
        let body = parts.concat();
        let left = sieved(pieces(&body, &lengths));
        prop_assert!(left.len() <= body.len());
        prop_assert_eq!(read(&left, ID), read(&body, ID), "{}", String::from_utf8_lossy(&body));
        prop_assert_eq!(sieved([&body[..]]), left, "in these pieces");
    }
}
