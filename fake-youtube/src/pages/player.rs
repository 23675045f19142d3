//! The player response: the JSON that carries a video's metadata.

use serde_json::{Map, Value, json};

use super::Playability;
use super::video::GeneratedVideo;

/// Which of YouTube's own programs the request names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client {
    /// The web page, which is also given the microformat.
    Web,
    /// An app, which is not: no publish date, category or likes.
    App,
}

/// What `/youtubei/v1/player` answers, and what a watch page holds as `ytInitialPlayerResponse`.
pub fn response(video: &GeneratedVideo, playability: Playability, client: Client) -> Value {
    let mut response = Map::new();
    let mut put = |key: &str, value: Value| response.insert(key.to_owned(), value);
    put("responseContext", response_context());
    put("playabilityStatus", playability.status(video));
    if playability == Playability::Ok {
        put("streamingData", streaming_data(video));
    }
    if playability.has_metadata() {
        put("videoDetails", video_details(video, playability));
        if client == Client::Web {
            put("microformat", microformat(video, playability));
        }
    }
    put("trackingParams", json!("CAAQu2kiEwjP5u_S3-eNAxU="));
    Value::Object(response)
}

fn response_context() -> Value {
    json!({
        "serviceTrackingParams": [
            {"service": "GFEEDBACK", "params": [{"key": "logged_in", "value": "0"}]},
            {"service": "CSI", "params": [{"key": "c", "value": "WEB"}, {"key": "cver", "value": "2.20250611.00.00"}]},
        ],
        "webResponseContextExtensionData": {"hasDecorated": true},
    })
}

/// One stream, at a host that never answers.
fn streaming_data(video: &GeneratedVideo) -> Value {
    json!({"expiresInSeconds": "21540", "formats": [{
        "itag": 18,
        "url": format!("https://rr1---sn-fake.googlevideo.invalid/videoplayback?id={}&itag=18", video.video_id),
        "mimeType": "video/mp4; codecs=\"avc1.42001E, mp4a.40.2\"",
        "bitrate": 389_363, "width": 640, "height": 360, "quality": "medium", "fps": 25,
        "qualityLabel": "360p", "projectionType": "RECTANGULAR", "audioQuality": "AUDIO_QUALITY_LOW",
        "approxDurationMs": (video.length_seconds * 1_000).to_string(),
        "audioSampleRate": "44100", "audioChannels": 2,
    }]})
}

fn video_details(video: &GeneratedVideo, playability: Playability) -> Value {
    let is_broadcast = playability.is_broadcast();
    let length_seconds = if is_broadcast { 0 } else { video.length_seconds };
    let mut details = json!({
        "videoId": video.video_id,
        "title": video.title,
        "lengthSeconds": length_seconds.to_string(),
        "channelId": video.channel_id,
        "isOwnerViewing": false,
        "shortDescription": video.description,
        "isCrawlable": true,
        "thumbnail": {"thumbnails": video.thumbnails},
        "allowRatings": video.like_count.is_some(),
        "viewCount": view_count(video, playability).to_string(),
        "author": video.author,
        "isPrivate": false,
        "isUnpluggedCorpus": false,
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
        "isShortsEligible": false,
        "externalVideoId": video.video_id,
        "canonicalUrl": video.watch_url(),
    });
    if let Some(like_count) = video.like_count {
        renderer["likeCount"] = json!(like_count.to_string());
    }
    let start = match playability {
        Playability::Live => Some(video.published_at),
        Playability::Upcoming => Some(video.upcoming_start),
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

/// Nobody has seen what has not begun.
fn view_count(video: &GeneratedVideo, playability: Playability) -> u64 {
    if playability == Playability::Upcoming { 0 } else { video.view_count }
}
