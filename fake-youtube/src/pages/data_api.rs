//! `videos.list` of the YouTube Data API v3.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::Playability;
use super::video::GeneratedVideo;

/// The numbers of the categories that made-up videos have.
const CATEGORY_IDS: [(&str, &str); 11] = [
    ("Education", "27"),
    ("Entertainment", "24"),
    ("Film & Animation", "1"),
    ("Gaming", "20"),
    ("Howto & Style", "26"),
    ("Music", "10"),
    ("News & Politics", "25"),
    ("People & Blogs", "22"),
    ("Science & Technology", "28"),
    ("Sports", "17"),
    ("Travel & Events", "19"),
];

/// The answer with these items.
pub fn list(items: &[Value]) -> Value {
    json!({
        "kind": "youtube#videoListResponse", "etag": "0",
        "items": items,
        "pageInfo": {"totalResults": items.len(), "resultsPerPage": items.len()},
    })
}

/// One video; `None` where there is no metadata: then the list leaves it out.
pub fn item(video: &GeneratedVideo, playability: Playability) -> Option<Value> {
    // A key is never taken for a robot.
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

/// What the API says when it refuses a whole call.
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
    let category = CATEGORY_IDS.iter().find(|(name, _)| *name == video.category);
    let mut snippet = json!({
        "publishedAt": video.published_at.to_string(),
        "channelId": video.channel_id, "channelTitle": video.author,
        "title": video.title, "description": video.description,
        "thumbnails": {
            "default": {"url": format!("https://i.ytimg.com/vi/{}/default.jpg", video.video_id), "width": 120, "height": 90},
            "high": {"url": format!("https://i.ytimg.com/vi/{}/hqdefault.jpg", video.video_id), "width": 480, "height": 360},
        },
        "categoryId": category.map(|(_, id)| *id),
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

/// ISO 8601, as the API writes it: parts that are zero are left out.
fn duration(seconds: u64) -> String {
    if seconds == 0 {
        return "P0D".to_owned();
    }
    SignedDuration::from_secs(seconds.cast_signed()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::{expected, words};

    #[test]
    fn every_category_of_a_made_up_video_has_its_number() {
        for category in words::CATEGORIES {
            assert!(CATEGORY_IDS.iter().any(|(name, _)| name == category), "{category}");
        }
    }

    #[test]
    fn durations_leave_out_what_is_zero() {
        for (seconds, text) in [(0, "P0D"), (59, "PT59S"), (3_600, "PT1H"), (3_671, "PT1H1M11S")] {
            assert_eq!(duration(seconds), text);
        }
    }

    #[test]
    fn what_has_no_metadata_is_not_listed() {
        let video = expected("5fR9AHlSDtc");
        assert!(item(&video, Playability::Private).is_none());
        assert_eq!(item(&video, Playability::Live).unwrap()["contentDetails"]["duration"], "P0D");
    }
}
