//! oEmbed: a title, an author and a thumbnail, for sites that embed a video.

use serde_json::{Value, json};

use super::escape;
use super::video::GeneratedVideo;

/// Returns the answer of `/oembed`, which has the id only in `html` and in the thumbnail's URL.
pub fn response(video: &GeneratedVideo) -> Value {
    let GeneratedVideo { video_id, title, .. } = video;
    let frame_title = escape::html(title);
    json!({
        "title": title,
        "author_name": video.author,
        "author_url": format!("https://www.youtube.com/{}", video.channel_handle),
        "type": "video",
        "height": 113, "width": 200,
        "version": "1.0",
        "provider_name": "YouTube", "provider_url": "https://www.youtube.com/",
        "thumbnail_height": 360, "thumbnail_width": 480,
        "thumbnail_url": format!("https://i.ytimg.com/vi/{video_id}/hqdefault.jpg"),
        "html": format!(
            r#"<iframe width="200" height="113" src="https://www.youtube.com/embed/{video_id}?feature=oembed" frameborder="0" allowfullscreen title="{frame_title}"></iframe>"#
        ),
    })
}
