//! Asks for the few fields that a site needs to embed a video: title, author and a thumbnail.
//! That is better than nothing, so this strategy is the last resort.
//!
//! Its refusals prove nothing: YouTube answers 401 for a private video and for one that may not be
//! embedded. So no status is returned as a refusal.

use async_trait::async_trait;
use linkrelay_common::VideoId;
use linkrelay_common::video::{Author, Thumbnail, Video};
use serde_json::Value;
use url::Url;

use super::StrategyName;
use crate::Strategy;
use crate::body;
use crate::client::YouTubeClient;
use crate::error::ExtractError;
use crate::page::json;

/// The base of author URLs that are relative.
const YOUTUBE: &str = "https://www.youtube.com/";

/// The strategy `oembed`.
#[derive(Debug)]
pub(crate) struct Oembed {
    client: YouTubeClient,
}

impl Oembed {
    pub(crate) fn new(client: YouTubeClient) -> Self {
        Self { client }
    }
}

#[async_trait]
impl Strategy for Oembed {
    fn name(&self) -> &'static str {
        StrategyName::Oembed.as_str()
    }

    fn is_last_resort(&self) -> bool {
        true
    }

    async fn extract(&self, video_id: VideoId) -> Result<Video, ExtractError> {
        match self.client.oembed(video_id).await {
            Ok(body) => read(&body, video_id),
            Err(ExtractError::Status(status @ 400..=499)) => {
                let problem = format!("oEmbed answered {status}, which has several meanings");
                Err(ExtractError::Unreadable(problem))
            }
            Err(error) => Err(error),
        }
    }
}

/// Reads the answer, if it is about this video.
pub(crate) fn read(body: &[u8], video_id: VideoId) -> Result<Video, ExtractError> {
    let unreadable = |what: &str| ExtractError::Unreadable(format!("oEmbed: {what}"));
    let answer: Value = body::whole(body).ok_or_else(|| unreadable("the answer is not JSON"))?;
    if !is_about(&answer, video_id) {
        return Err(unreadable("the answer is not about this video"));
    }
    let title = answer.get("title").and_then(Value::as_str);
    Ok(Video {
        title: title.ok_or_else(|| unreadable("there is no title"))?.to_owned(),
        author: Author {
            name: json::text(&answer, "author_name"),
            url: json::text(&answer, "author_url").and_then(|url| absolute(&url)),
            ..Author::default()
        },
        thumbnails: thumbnail(&answer).map(|thumbnail| vec![thumbnail]),
        ..super::untitled()
    })
}

/// Whether the answer is about this video: only the address of the frame contains the id. For a
/// playlist YouTube sends the thumbnail of its first video, so the thumbnail proves nothing.
fn is_about(answer: &Value, video_id: VideoId) -> bool {
    let html = answer.get("html").and_then(Value::as_str).unwrap_or_default();
    let embedded = html.split_once("/embed/").map_or("", |(_, rest)| rest);
    let is_end = |byte: Option<&u8>| matches!(byte, Some(b'?' | b'"' | b'&'));
    embedded.strip_prefix(video_id.as_str()).is_some_and(|rest| is_end(rest.as_bytes().first()))
}

fn absolute(url: &str) -> Option<String> {
    let base = Url::parse(YOUTUBE).ok()?;
    Some(base.join(url).ok()?.into())
}

fn thumbnail(answer: &Value) -> Option<Thumbnail> {
    Some(Thumbnail {
        url: json::text(answer, "thumbnail_url")?,
        width: json::pixels(answer, "thumbnail_width"),
        height: json::pixels(answer, "thumbnail_height"),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(html: &str) -> Vec<u8> {
        let answer = json!({
            "title": "A title", "author_name": "Somebody", "author_url": "/user/somebody",
            "thumbnail_url": "https://i.ytimg.com/vi/5fR9AHlSDtc/hqdefault.jpg",
            "thumbnail_width": 480, "thumbnail_height": 360, "html": html,
        });
        answer.to_string().into_bytes()
    }

    fn read_for(html: &str) -> Result<Video, ExtractError> {
        read(&answer(html), VideoId::parse("5fR9AHlSDtc").unwrap())
    }

    #[test]
    fn its_fields_are_read_and_all_others_are_unknown() {
        let video = read_for("src=\"https://www.youtube.com/embed/5fR9AHlSDtc?feature=oembed\"");
        let video = video.unwrap();
        assert_eq!(video.title, "A title");
        assert_eq!(video.author.name.as_deref(), Some("Somebody"));
        assert_eq!(video.author.url.as_deref(), Some("https://www.youtube.com/user/somebody"));
        assert_eq!(video.thumbnails.unwrap()[0].width, Some(480));
        assert_eq!((video.view_count, video.availability), (None, None));
    }

    #[test]
    fn a_playlist_another_video_and_a_longer_id_are_not_this_video() {
        for html in [
            "src=\"https://www.youtube.com/embed/videoseries?list=5fR9AHlSDtc\"",
            "src=\"https://www.youtube.com/embed/AAAAAAAAAAA?feature=oembed\"",
            "src=\"https://www.youtube.com/embed/5fR9AHlSDtcx?feature=oembed\"",
            "src=\"https://www.youtube.com/embed/5fR9AHlSDtc",
            "",
        ] {
            assert_eq!(read_for(html).unwrap_err().code(), "unreadable", "{html}");
        }
        let id = VideoId::parse("5fR9AHlSDtc").unwrap();
        for body in ["", "Unauthorized", "[]", "{}", "{\"html\":5}"] {
            assert_eq!(read(body.as_bytes(), id).unwrap_err().code(), "unreadable", "{body}");
        }
    }
}
