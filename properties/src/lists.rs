//! The Data API's answers about playlists and channels. An answer that is not complete is an error,
//! so that no list becomes shorter than it is. The first byte chooses the reader.

use linkrelay_common::ListLink;
use linkrelay_extractor::answers;
use linkrelay_fake_youtube::pages::{data_api, lists};
use serde_json::Value;

const CHANNEL: &str = "UC0123456789012345678901";
const UPLOADS: &str = "UU0123456789012345678901";
const MAX_TOKEN_BYTES: usize = 2_048;

/// Checks what is read from an answer.
pub fn check(bytes: &[u8]) {
    let Some((kind, body)) = bytes.split_first() else { return };
    if kind % 2 == 0 {
        check_page(body);
    } else {
        check_channel(body);
    }
}

fn check_page(body: &[u8]) {
    let Ok((video_ids, next_token)) = answers::playlist_page(body) else { return };
    let answer: Value = serde_json::from_str(&String::from_utf8_lossy(body)).unwrap_or_default();
    // What serde_json does not read either, linkrelay reads by replacing stray bytes.
    if let Some(items) = answer["items"].as_array() {
        assert_eq!(items.len(), video_ids.len(), "a list became shorter");
        assert_eq!(answer.get("nextPageToken").is_some(), next_token.is_some());
    }
    let is_valid = |token: &String| (1..=MAX_TOKEN_BYTES).contains(&token.len());
    assert!(next_token.as_ref().is_none_or(is_valid));
}

fn check_channel(body: &[u8]) {
    if let Ok(Some(uploads)) = answers::uploads(body, None) {
        assert!(ListLink::playlist(&uploads).is_ok(), "{uploads} is no playlist");
    }
    if answers::uploads(body, Some(CHANNEL)).is_ok_and(|found| found.is_some()) {
        let text = String::from_utf8_lossy(body);
        assert!(text.contains(CHANNEL) || text.contains("\\u"), "another channel");
    }
}

/// Small answers of the fake YouTube.
pub fn seeds() -> Vec<Vec<u8>> {
    let ids = lists::video_ids("PL-3", 3);
    [
        (0, data_api::playlist_items(&ids, 120, Some("token"))),
        (0, data_api::playlist_items(&ids, 3, None)),
        (0, data_api::playlist_items(&[], 0, None)),
        (1, data_api::channels(Some((CHANNEL, UPLOADS)))),
        (1, data_api::channels(None)),
        (1, data_api::error(404, "playlistNotFound")),
    ]
    .map(|(kind, answer)| [&[kind], answer.to_string().as_bytes()].concat())
    .into()
}
