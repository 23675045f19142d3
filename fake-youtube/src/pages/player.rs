//! The player response: the JSON that has a video's metadata.

use serde_json::{Map, Value, json};

use super::Playability;
use super::video::{GeneratedVideo, UPCOMING_START};

/// The program that a request names as its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client {
    /// The web page; its answers have a microformat.
    Web,
    /// An app; its answers lack publish date, category and likes.
    App,
}

/// Returns the answer of `/youtubei/v1/player`, which a watch page has as
/// `ytInitialPlayerResponse`.
pub fn response(video: &GeneratedVideo, playability: Playability, client: Client) -> Value {
    let mut response = Map::new();
    let mut put = |key: &str, value: Value| response.insert(key.to_owned(), value);
    put("playabilityStatus", playability.status(video));
    if playability.has_metadata() {
        put("videoDetails", video_details(video, playability));
        if client == Client::Web {
            put("microformat", microformat(video, playability));
        }
    }
    Value::Object(response)
}

fn video_details(video: &GeneratedVideo, playability: Playability) -> Value {
    let is_broadcast = playability.is_broadcast();
    let length_seconds = if is_broadcast { 0 } else { video.length_seconds };
    let mut details = json!({
        "videoId": video.video_id,
        "title": video.title,
        "lengthSeconds": length_seconds.to_string(),
        "channelId": video.channel_id,
        "shortDescription": video.description,
        "thumbnail": {"thumbnails": video.thumbnails},
        "allowRatings": video.like_count.is_some(),
        "viewCount": view_count(video, playability).to_string(),
        "author": video.author,
        "isLiveContent": is_broadcast,
    });
    if !video.keywords.is_empty() {
        details["keywords"] = json!(video.keywords);
    }
    match playability {
        Playability::Live => details["isLive"] = json!(true),
        Playability::Upcoming => details["isUpcoming"] = json!(true),
        _ => {}
    }
    details
}

fn microformat(video: &GeneratedVideo, playability: Playability) -> Value {
    let length_seconds = if playability.is_broadcast() { 0 } else { video.length_seconds + 1 };
    let mut renderer = json!({
        "thumbnail": {"thumbnails": [{"url": format!("https://i.ytimg.com/vi/{}/hqdefault.jpg", video.video_id), "width": 480, "height": 360}]},
        "embed": {"iframeUrl": format!("https://www.youtube.com/embed/{}", video.video_id), "width": 1_280, "height": 720},
        "title": {"simpleText": video.title},
        "description": {"simpleText": video.description},
        "lengthSeconds": length_seconds.to_string(),
        "ownerProfileUrl": video.owner_profile_url(),
        "externalChannelId": video.channel_id,
        "isFamilySafe": playability != Playability::AgeRestricted,
        "availableCountries": playability.available_countries(),
        "isUnlisted": false,
        "hasYpcMetadata": playability == Playability::PaymentRequired,
        "viewCount": view_count(video, playability).to_string(),
        "category": video.category,
        "publishDate": video.publish_date,
        "ownerChannelName": video.author,
        "uploadDate": video.publish_date,
        "externalVideoId": video.video_id,
        "canonicalUrl": video.watch_url(),
    });
    if let Some(like_count) = video.like_count {
        renderer["likeCount"] = json!(like_count.to_string());
    }
    let start = match playability {
        Playability::Live => Some(video.published_at),
        Playability::Upcoming => Some(UPCOMING_START),
        _ => None,
    };
    if let Some(start) = start {
        renderer["liveBroadcastDetails"] = json!({
            "isLiveNow": playability == Playability::Live,
            "startTimestamp": start.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string(),
        });
    }
    json!({"playerMicroformatRenderer": renderer})
}

/// A broadcast that has not begun has no views.
fn view_count(video: &GeneratedVideo, playability: Playability) -> u64 {
    if playability == Playability::Upcoming { 0 } else { video.view_count }
}
