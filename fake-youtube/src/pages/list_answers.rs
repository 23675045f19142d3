//! `playlistItems.list` and `channels.list` of the YouTube Data API v3, with the part
//! `contentDetails`.

use serde_json::{Value, json};

use super::video;

/// One page of a playlist: these videos of `total`, and how to ask for the next page.
pub fn playlist_items(video_ids: &[String], total: usize, next_page: Option<&str>) -> Value {
    let items: Vec<Value> = video_ids.iter().map(|id| playlist_item(id)).collect();
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

/// One channel and the playlist of its videos; without one, the API leaves `items` out.
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

fn playlist_item(video_id: &str) -> Value {
    json!({
        "kind": "youtube#playlistItem", "etag": "0", "id": format!("item-{video_id}"),
        "contentDetails": {
            "videoId": video_id,
            "videoPublishedAt": video::expected(video_id).published_at.to_string(),
        },
    })
}
