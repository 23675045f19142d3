//! YouTube's answers about one video: a watch page, a player answer, oEmbed, the Data API. The
//! first byte chooses the reader.

use linkrelay_common::VideoId;
use linkrelay_common::video::Video;
use linkrelay_extractor::ExtractError;
use linkrelay_extractor::answers::{self, Reader};
use linkrelay_fake_youtube::pages::{self, Playability, player};
use serde_json::{Value, json};

const ID: &str = "5fR9AHlSDtc";
const OTHER: &str = "AAAAAAAAAAA";

/// Checks what is read from an answer.
pub fn check(bytes: &[u8]) {
    let Some((number, body)) = bytes.split_first() else { return };
    let read = answers::READERS[usize::from(*number) % answers::READERS.len()];
    match read(body, id(ID)) {
        Ok(video) => check_video(&video),
        Err(error) => check_error(&error),
    }
    // An answer that does not name the other video is not about it. An id may be escaped.
    let names_other = contains(body, OTHER.as_bytes()) || contains(body, b"\\u0041");
    assert!(names_other || read(body, id(OTHER)).is_err(), "a video that was not asked for");
}

fn check_video(video: &Video) {
    assert!(!answers::is_nothing(video), "nothing was read");
    let json = serde_json::to_value(video).unwrap();
    let back: Video = serde_json::from_value(json).unwrap();
    assert_eq!(&back, video, "metadata survives the store");
}

fn check_error(error: &ExtractError) {
    assert!(!error.to_string().is_empty() && !error.code().is_empty());
}

fn contains(body: &[u8], part: &[u8]) -> bool {
    body.windows(part.len()).any(|window| window == part)
}

fn id(text: &str) -> VideoId {
    VideoId::parse(text).unwrap()
}

/// Small answers of the fake YouTube, one for each reader and each way to refuse a video.
pub fn seeds() -> Vec<Vec<u8>> {
    let video = pages::expected(ID);
    let mut seeds = Vec::new();
    for playability in [Playability::Ok, Playability::Private, Playability::AgeRestricted] {
        let player = player::response(&video, playability, player::Client::Web);
        seeds.push((Reader::WatchPage, watch_page(&player)));
        seeds.push((Reader::Player, player.to_string()));
    }
    let item = pages::data_api::item(&video, Playability::Ok);
    seeds.push((Reader::DataApi, pages::data_api::list(&Vec::from_iter(item)).to_string()));
    seeds.push((Reader::Oembed, pages::oembed::response(&video).to_string()));
    seeds
        .push((Reader::WatchPage, "<form action=\"https://consent.youtube.com/save\">".to_owned()));
    seeds.push((Reader::WatchPage, pages::refusal::sorry_page("https://www.youtube.com/")));
    let number = |reader: Reader| reader as u8;
    seeds.into_iter().map(|(reader, body)| [&[number(reader)], body.as_bytes()].concat()).collect()
}

fn watch_page(player: &Value) -> String {
    let badges = json!([{"metadataBadgeRenderer": {"style": "BADGE_STYLE_TYPE_VERIFIED"}}]);
    format!(
        "<html><script>var ytInitialPlayerResponse = {player};</script>\"GL\":\"US\",\
         \"videoOwnerRenderer\":{{\"badges\":{badges},\"subscriberCountText\":{{\"simpleText\":\"1.2M\"}}}}</html>"
    )
}
