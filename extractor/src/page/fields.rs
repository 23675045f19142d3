//! Reads the fields of a [`Video`] from a player response.
//!
//! `videoDetails` is authoritative; `microformat` adds what YouTube sends only to the web client.
//! Titles and owners elsewhere in a page may be translated or of another channel, and are not
//! read.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use linkrelay_common::video::{Author, Thumbnail, Video};
use serde_json::Value;

use super::locate::PlayerResponse;
use super::{chapters, country, json, owner, playability};

/// Returns all metadata that the body has for the video of this player response.
pub(super) fn video(body: &[u8], player: &PlayerResponse, title: String) -> Video {
    let details = &player.video_details;
    let renderer = microformat(player);
    // YouTube leaves these members out instead of sending false.
    let is_live = json::flag(details, "isLive").unwrap_or_default();
    let is_upcoming = json::flag(details, "isUpcoming").unwrap_or_default();
    // 0 means a length that is not known yet.
    let length_seconds = json::count(details, "lengthSeconds").filter(|seconds| *seconds > 0);
    Video {
        title,
        description: json::text(details, "shortDescription"),
        author: author(body, details, renderer),
        length_seconds: length_seconds.filter(|_| !is_live && !is_upcoming),
        view_count: json::count(details, "viewCount"),
        // Exact, or absent; elsewhere a page has only a rounded text ("215 K").
        like_count: json::count(renderer, "likeCount"),
        publish_date: json::text(renderer, "publishDate").and_then(|text| instant(&text)),
        category: json::text(renderer, "category"),
        keywords: json::texts(details, "keywords"),
        thumbnails: thumbnails(details),
        availability: playability::availability(&player.playability_status, || {
            country::is_blocked_here(body, renderer)
        }),
        is_live: Some(is_live),
        is_upcoming: Some(is_upcoming),
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

fn microformat(player: &PlayerResponse) -> &Value {
    player.microformat.get("playerMicroformatRenderer").unwrap_or(&Value::Null)
}

fn author(body: &[u8], details: &Value, renderer: &Value) -> Author {
    let channel_id = json::text(details, "channelId");
    let owner = channel_id.as_deref().and_then(|id| owner::read(body, id));
    Author {
        name: json::text(details, "author"),
        url: json::text(renderer, "ownerProfileUrl"),
        subscribers: owner.as_ref().and_then(|owner| owner.subscribers),
        verified: owner.map(|owner| owner.is_verified),
        channel_id,
    }
}

fn thumbnails(details: &Value) -> Option<Vec<Thumbnail>> {
    let thumbnails = details.get("thumbnail")?.get("thumbnails")?.as_array()?;
    Some(thumbnails.iter().filter_map(json::thumbnail).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_counts_as_midnight_and_an_offset_is_honoured() {
        let text = |text| instant(text).map(|at| at.to_string());
        assert_eq!(text("2019-12-05").as_deref(), Some("2019-12-05T00:00:00Z"));
        assert_eq!(text("2017-04-14T09:02:38-07:00").as_deref(), Some("2017-04-14T16:02:38Z"));
        assert_eq!(text("yesterday"), None);
        assert_eq!(text(""), None);
    }
}
