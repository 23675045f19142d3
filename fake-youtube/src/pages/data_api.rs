//! The answers of the YouTube Data API v3: `videos.list`, and `playlistItems.list` and
//! `channels.list` with the part `contentDetails`.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::Playability;
use super::video::{GeneratedVideo, expected};

/// Returns the answer with these videos.
pub fn list(items: &[Value]) -> Value {
    json!({
        "kind": "youtube#videoListResponse", "etag": "0",
        "items": items,
        "pageInfo": {"totalResults": items.len(), "resultsPerPage": items.len()},
    })
}

/// Returns one video, or `None` if it has no metadata: the list then omits it.
pub fn item(video: &GeneratedVideo, playability: Playability) -> Option<Value> {
    // A client with a key is never taken for a robot.
    let is_listed = playability.has_metadata() || playability == Playability::BotCheck;
    is_listed.then(|| {
        json!({
            "kind": "youtube#video", "etag": "0", "id": video.video_id,
            "snippet": snippet(video, playability),
            "contentDetails": content_details(video, playability),
            "status": {
                "uploadStatus": "processed", "privacyStatus": "public", "license": "youtube",
                "embeddable": true, "publicStatsViewable": true, "madeForKids": false,
            },
            "statistics": statistics(video),
        })
    })
}

/// Returns one page of a playlist: these videos of `total`, and the token of the next page.
pub fn playlist_items(video_ids: &[String], total: usize, next_page: Option<&str>) -> Value {
    let item = |id: &String| {
        json!({
            "kind": "youtube#playlistItem", "etag": "0", "id": format!("item-{id}"),
            "contentDetails": {
                "videoId": id, "videoPublishedAt": expected(id).published_at.to_string(),
            },
        })
    };
    let items: Vec<Value> = video_ids.iter().map(item).collect();
    let mut answer = json!({
        "kind": "youtube#playlistItemListResponse", "etag": "0",
        "items": items,
        "pageInfo": {"totalResults": total, "resultsPerPage": items.len()},
    });
    if let Some(token) = next_page {
        answer["nextPageToken"] = json!(token);
    }
    answer
}

/// Returns a channel and the playlist of its videos; without a channel, the API omits `items`.
pub fn channels(channel: Option<(&str, &str)>) -> Value {
    let count = usize::from(channel.is_some());
    let mut answer = json!({
        "kind": "youtube#channelListResponse", "etag": "0",
        "pageInfo": {"totalResults": count, "resultsPerPage": 5},
    });
    if let Some((channel_id, uploads)) = channel {
        answer["items"] = json!([{
            "kind": "youtube#channel", "etag": "0", "id": channel_id,
            "contentDetails": {"relatedPlaylists": {"likes": "", "uploads": uploads}},
        }]);
    }
    answer
}

/// Returns the error of a refused call, with its reason, which is the code for programs.
pub fn error(code: u16, reason: &str) -> Value {
    json!({"error": {
        "code": code, "message": "The request cannot be completed.",
        "errors": [{"message": "The request cannot be completed.", "domain": "youtube.quota", "reason": reason}],
    }})
}

fn snippet(video: &GeneratedVideo, playability: Playability) -> Value {
    let broadcast = match playability {
        Playability::Live => "live",
        Playability::Upcoming => "upcoming",
        _ => "none",
    };
    let mut snippet = json!({
        "publishedAt": video.published_at.to_string(),
        "channelId": video.channel_id, "channelTitle": video.author,
        "title": video.title, "description": video.description,
        "thumbnails": {
            "default": {"url": format!("https://i.ytimg.com/vi/{}/default.jpg", video.video_id), "width": 120, "height": 90},
            "high": {"url": format!("https://i.ytimg.com/vi/{}/hqdefault.jpg", video.video_id), "width": 480, "height": 360},
        },
        "categoryId": video.category_id,
        "liveBroadcastContent": broadcast,
        "localized": {"title": video.title, "description": video.description},
    });
    if !video.keywords.is_empty() {
        snippet["tags"] = json!(video.keywords);
    }
    snippet
}

fn content_details(video: &GeneratedVideo, playability: Playability) -> Value {
    let rating = match playability {
        Playability::AgeRestricted => json!({"ytRating": "ytAgeRestricted"}),
        _ => json!({}),
    };
    json!({
        "duration": duration(if playability.is_broadcast() { 0 } else { video.length_seconds }),
        "dimension": "2d", "definition": "hd", "caption": "false",
        "licensedContent": false, "contentRating": rating, "projection": "rectangular",
    })
}

fn statistics(video: &GeneratedVideo) -> Value {
    let mut statistics = json!({
        "viewCount": video.view_count.to_string(), "favoriteCount": "0", "commentCount": "12",
    });
    if let Some(like_count) = video.like_count {
        statistics["likeCount"] = json!(like_count.to_string());
    }
    statistics
}

/// Writes an ISO 8601 duration as the API does, without parts that are zero.
fn duration(seconds: u64) -> String {
    if seconds == 0 {
        return "P0D".to_owned();
    }
    SignedDuration::from_secs(seconds.cast_signed()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_omit_parts_that_are_zero() {
        for (seconds, text) in [(0, "P0D"), (59, "PT59S"), (3_600, "PT1H"), (3_671, "PT1H1M11S")] {
            assert_eq!(duration(seconds), text);
        }
    }

    #[test]
    fn a_video_without_metadata_is_not_listed() {
        let video = expected("5fR9AHlSDtc");
        assert!(item(&video, Playability::Private).is_none());
        assert_eq!(item(&video, Playability::Live).unwrap()["contentDetails"]["duration"], "P0D");
    }
}
