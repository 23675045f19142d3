//! Reads the fields of a [`Video`] from a player response.
//!
//! `videoDetails` is authoritative. `microformat` adds what YouTube sends only to the web client,
//! and what `videoDetails` lacks; its title may be a translation, and its length is rounded up.
//! Titles and owners elsewhere in a page may be translated or of another channel, and are not
//! read.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use linkrelay_common::video::{Author, Thumbnail, Video};
use serde_json::Value;

use super::locate::PlayerResponse;
use super::{broadcast, chapters, country, json, owner, playability};

/// Returns the id of the video that the metadata is about.
pub(super) fn video_id(player: &PlayerResponse) -> Option<&str> {
    let id = player.video_details.get("videoId").and_then(Value::as_str);
    id.or_else(|| player.microformat().get("externalVideoId")?.as_str())
}

/// Returns the title, without which metadata counts as missing. It is blank only if YouTube says
/// that the title is blank and plays the video.
pub(super) fn title(player: &PlayerResponse) -> Option<String> {
    let details = player.video_details.get("title").and_then(Value::as_str);
    let microformat = json::formatted_text(player.microformat(), "title");
    let shows_something = |title: &&str| !json::is_blank(title);
    let microformat = microformat.as_deref().filter(shows_something);
    let title = details.filter(shows_something).or(microformat);
    if title.is_some() {
        return title.map(str::to_owned);
    }
    let blank = || player.microformat().pointer("/title/simpleText").and_then(Value::as_str);
    let blank = details.or_else(blank).map(str::to_owned);
    blank.filter(|_| playability::is_ok(&player.playability_status))
}

/// Returns all metadata that the body has for the video of this player response.
pub(super) fn video(body: &[u8], player: &PlayerResponse, title: String) -> Video {
    let (details, renderer) = (&player.video_details, player.microformat());
    let broadcast = broadcast::read(player);
    let count = |key| json::count(details, key).or_else(|| json::count(renderer, key));
    // 0 means a length that is not known yet.
    let length_seconds = count("lengthSeconds").filter(|seconds| *seconds > 0);
    Video {
        title,
        description: json::text(details, "shortDescription")
            .or_else(|| json::formatted_text(renderer, "description")),
        author: author(body, details, renderer),
        length_seconds: length_seconds.filter(|_| !broadcast.is_live && !broadcast.is_upcoming),
        view_count: count("viewCount"),
        // Exact, or absent; elsewhere a page has only a rounded text ("215 K").
        like_count: json::count(renderer, "likeCount"),
        publish_date: json::text(renderer, "publishDate").and_then(|text| instant(&text)),
        category: json::text(renderer, "category"),
        keywords: json::texts(details, "keywords"),
        thumbnails: thumbnails(details).or_else(|| thumbnails(renderer)),
        availability: playability::availability(
            &player.playability_status,
            broadcast.has_ended,
            || country::is_blocked_here(body, renderer),
        ),
        is_live: Some(broadcast.is_live),
        is_upcoming: Some(broadcast.is_upcoming),
        family_safe: json::flag(renderer, "isFamilySafe"),
        chapters: chapters::read(body),
    }
}

/// Parses a date-time with an offset (pages since 2023-09), or a day, which counts as midnight UTC.
pub(crate) fn instant(text: &str) -> Option<Timestamp> {
    if let Ok(instant) = text.parse() {
        return Some(instant);
    }
    let day: Date = text.parse().ok()?;
    TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0)).ok()
}

fn author(body: &[u8], details: &Value, renderer: &Value) -> Author {
    let text =
        |key, other_key| json::text(details, key).or_else(|| json::text(renderer, other_key));
    let channel_id = text("channelId", "externalChannelId");
    let owner = channel_id.as_deref().and_then(|id| owner::read(body, id));
    Author {
        name: text("author", "ownerChannelName"),
        url: json::text(renderer, "ownerProfileUrl"),
        subscribers: owner.as_ref().and_then(|owner| owner.subscribers),
        verified: owner.and_then(|owner| owner.is_verified),
        channel_id,
    }
}

fn thumbnails(part: &Value) -> Option<Vec<Thumbnail>> {
    let thumbnails = part.get("thumbnail")?.get("thumbnails")?.as_array()?;
    Some(thumbnails.iter().filter_map(json::thumbnail).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_day_counts_as_midnight_and_an_offset_is_honoured() {
        let text = |text| instant(text).map(|at| at.to_string());
        assert_eq!(text("2019-12-05").as_deref(), Some("2019-12-05T00:00:00Z"));
        assert_eq!(text("2017-04-14T09:02:38-07:00").as_deref(), Some("2017-04-14T16:02:38Z"));
        assert_eq!(text("yesterday"), None);
        assert_eq!(text(""), None);
    }

    fn player(status: &str, details: Value, renderer: Value) -> PlayerResponse {
        PlayerResponse {
            playability_status: json!({"status": status}),
            video_details: details,
            microformat: json!({"playerMicroformatRenderer": renderer}),
        }
    }

    #[test]
    fn a_title_is_read_from_the_details_or_else_from_the_microformat() {
        let simple = |title: &str| json!({"title": {"simpleText": title}});
        for (status, details, renderer, expected) in [
            ("OK", json!({"title": "a"}), simple("translated"), Some("a")),
            ("OK", json!({}), simple("b &amp; c"), Some("b &amp; c")),
            ("OK", Value::Null, json!({"title": {"runs": [{"text": "b"}]}}), Some("b")),
            ("OK", json!({"title": " "}), simple("b"), Some("b")),
            ("ERROR", json!({"title": " "}), simple("b"), Some("b")),
            ("OK", json!({"title": " "}), simple(""), Some(" ")),
            ("OK", json!({"title": ""}), Value::Null, Some("")),
            ("OK", json!({}), simple(""), Some("")),
            ("ERROR", json!({"title": " "}), simple(""), None),
            ("OK", json!({"title": 5}), Value::Null, None),
            ("OK", Value::Null, Value::Null, None),
        ] {
            let player = player(status, details.clone(), renderer.clone());
            assert_eq!(title(&player).as_deref(), expected, "{details} {renderer}");
        }
    }

    #[test]
    fn what_the_details_lack_is_taken_from_the_microformat() {
        let renderer = json!({
            "externalVideoId": "5fR9AHlSDtc", "description": {"simpleText": "d"},
            "ownerChannelName": "o", "externalChannelId": "UC1", "lengthSeconds": "61",
            "viewCount": "7", "thumbnail": {"thumbnails": [{"url": "u"}]},
        });
        let alone = player("OK", Value::Null, renderer.clone());
        assert_eq!(video_id(&alone), Some("5fR9AHlSDtc"));
        let found = video(b"", &alone, "t".to_owned());
        assert_eq!((found.description.as_deref(), found.view_count), (Some("d"), Some(7)));
        assert_eq!((found.length_seconds, found.thumbnails.unwrap().len()), (Some(61), 1));
        assert_eq!(found.author.name.as_deref(), Some("o"));
        assert_eq!(found.author.channel_id.as_deref(), Some("UC1"));
        let details = json!({
            "videoId": "a", "shortDescription": "s", "author": "p", "lengthSeconds": "60",
        });
        let both = player("OK", details, renderer);
        assert_eq!(video_id(&both), Some("a"));
        let found = video(b"", &both, "t".to_owned());
        assert_eq!((found.description.as_deref(), found.length_seconds), (Some("s"), Some(60)));
        assert_eq!(found.author.name.as_deref(), Some("p"));
    }
}
