//! From the text that a client submitted to a video id, or to the name of a list of videos. No
//! other module reads YouTube URLs.
//!
//! Only the [`VideoId`] or [`ListLink`] goes further: no host that a client named is ever asked.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};
use url::{Host, Url};

use crate::list::{BadListName, ListLink};

/// The longest link that is accepted, in bytes.
pub const MAX_LINK_BYTES: usize = 2_048;

const VIDEO_ID_BYTES: usize = 11;
const WATCH_HOSTS: [&str; 7] = [
    "youtube.com",
    "www.youtube.com",
    "m.youtube.com",
    "music.youtube.com",
    "gaming.youtube.com",
    "youtube-nocookie.com",
    "www.youtube-nocookie.com",
];
const SHORT_HOSTS: [&str; 2] = ["youtu.be", "www.youtu.be"];
/// Path prefixes that are followed by the video id.
const ID_PATHS: [&str; 7] = ["shorts", "live", "embed", "v", "e", "vi", "watch"];

/// The eleven characters that name a video.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VideoId([u8; VIDEO_ID_BYTES]);

impl VideoId {
    /// Reads exactly eleven characters of `A-Z a-z 0-9 - _`.
    ///
    /// # Errors
    /// [`LinkError::BadVideoId`] for anything else.
    pub fn parse(text: &str) -> Result<Self, LinkError> {
        let bytes: [u8; VIDEO_ID_BYTES] =
            text.as_bytes().try_into().map_err(|_| LinkError::BadVideoId)?;
        let is_id_byte = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if bytes.iter().all(is_id_byte) { Ok(Self(bytes)) } else { Err(LinkError::BadVideoId) }
    }

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        // `parse`, the only constructor, accepts only ASCII.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Returns the plainest link to this video.
    pub fn watch_url(&self) -> String {
        format!("https://www.youtube.com/watch?v={self}")
    }
}

impl fmt::Display for VideoId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for VideoId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VideoId({self})")
    }
}

impl FromStr for VideoId {
    type Err = LinkError;

    fn from_str(text: &str) -> Result<Self, LinkError> {
        Self::parse(text)
    }
}

impl Serialize for VideoId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for VideoId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// Why a link is refused; the text is meant for the client that submitted it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum LinkError {
    /// Not an http(s) URL at all.
    #[error("this is not a web address")]
    NotAUrl,
    /// A URL of another site.
    #[error("this is not a YouTube address")]
    NotYouTube,
    /// A YouTube page that is not one video (the start page, a search).
    #[error("this YouTube address names no video")]
    NoVideoId,
    /// A list of videos.
    #[error("this address names a playlist; send the links of its videos")]
    Playlist,
    /// A channel, which publishes videos.
    #[error("this address names a channel; send the links of its videos")]
    Channel,
    /// A channel's address of a kind by which YouTube finds no channel (`/c/…`, `live_stream`).
    #[error("a channel cannot be found by this address; send its /@… or /channel/UC… address")]
    UnknownChannel,
    /// The address has a text where a list's name belongs, which cannot be one.
    #[error("this address names a playlist or channel, but its name cannot be right")]
    BadListName,
    /// The id has the wrong length or alphabet.
    #[error("the video id must be 11 characters of A-Z, a-z, 0-9, - and _")]
    BadVideoId,
    /// Longer than [`MAX_LINK_BYTES`].
    #[error("the link is longer than {MAX_LINK_BYTES} bytes")]
    TooLong,
}

impl LinkError {
    /// Returns the stable code that answers and documents carry.
    pub fn code(self) -> &'static str {
        match self {
            Self::NotAUrl => "not_a_url",
            Self::NotYouTube => "not_youtube",
            Self::NoVideoId => "no_video_id",
            Self::Playlist => "playlist",
            Self::Channel => "channel",
            Self::UnknownChannel => "unknown_channel",
            Self::BadListName => "bad_list_name",
            Self::BadVideoId => "bad_video_id",
            Self::TooLong => "too_long",
        }
    }
}

impl From<BadListName> for LinkError {
    fn from(_: BadListName) -> Self {
        Self::BadListName
    }
}

/// What a link names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum LinkTarget {
    /// One video.
    Video(VideoId),
    /// A list of videos.
    List(ListLink),
}

impl LinkTarget {
    /// Returns the key of the link's record, so that all links to one target are in one partition.
    pub fn key(&self) -> Cow<'_, str> {
        match self {
            Self::Video(video_id) => Cow::Borrowed(video_id.as_str()),
            Self::List(list) => Cow::Owned(list.to_string()),
        }
    }
}

/// Returns the video that a link names: watch, youtu.be, shorts, live, embed, /v/, with or
/// without a scheme, on any of YouTube's own hosts.
///
/// # Errors
/// A [`LinkError`] whose text can be shown to the client that submitted the link.
pub fn parse_link(link: &str) -> Result<VideoId, LinkError> {
    match parse_target(link)? {
        LinkTarget::Video(video_id) => Ok(video_id),
        LinkTarget::List(ListLink::Playlist(_)) => Err(LinkError::Playlist),
        LinkTarget::List(ListLink::Channel(_) | ListLink::Handle(_) | ListLink::User(_)) => {
            Err(LinkError::Channel)
        }
    }
}

/// Returns the video or the list of videos that a link names. A video that is watched as a part of
/// a list (`watch?v=…&list=…`) is that video.
///
/// # Errors
/// The same as of [`parse_link`], without [`LinkError::Playlist`] and [`LinkError::Channel`].
pub fn parse_target(link: &str) -> Result<LinkTarget, LinkError> {
    let link = link.trim();
    if link.len() > MAX_LINK_BYTES {
        return Err(LinkError::TooLong);
    }
    let url = parse_url(link)?;
    let Some(Host::Domain(host)) = url.host() else {
        return Err(LinkError::NotYouTube);
    };
    let host = host.strip_suffix('.').unwrap_or(host);
    if SHORT_HOSTS.contains(&host) {
        id_of_short_link(&url).map(LinkTarget::Video)
    } else if WATCH_HOSTS.contains(&host) {
        target_of_watch_host(&url)
    } else {
        Err(LinkError::NotYouTube)
    }
}

fn parse_url(link: &str) -> Result<Url, LinkError> {
    let with_scheme = if link.contains("://") {
        link.to_owned()
    } else {
        format!("https://{}", link.trim_start_matches('/'))
    };
    let url = Url::parse(&with_scheme).map_err(|_| LinkError::NotAUrl)?;
    let is_web = matches!(url.scheme(), "http" | "https");
    // Without a scheme, a single word ("hello") would otherwise count as a host.
    let has_real_host =
        link.contains("://") || url.host_str().is_some_and(|host| host.contains('.'));
    if is_web && has_real_host { Ok(url) } else { Err(LinkError::NotAUrl) }
}

fn path_segments(url: &Url) -> impl Iterator<Item = &str> {
    url.path().split('/').filter(|segment| !segment.is_empty())
}

fn id_of_short_link(url: &Url) -> Result<VideoId, LinkError> {
    match path_segments(url).next() {
        Some("watch") => id_of_query(url),
        Some(segment) => VideoId::parse(segment),
        None => Err(LinkError::NoVideoId),
    }
}

fn target_of_watch_host(url: &Url) -> Result<LinkTarget, LinkError> {
    let mut segments = path_segments(url);
    let page = segments.next().unwrap_or_default();
    let list = match (page, segments.next()) {
        ("playlist", _) | ("embed", Some("videoseries")) => playlist_of_query(url)?,
        ("channel", Some(id)) => ListLink::channel(&decoded(id))?,
        ("user", Some(name)) => ListLink::user(&decoded(name))?,
        ("c", Some(_)) | ("embed", Some("live_stream")) => return Err(LinkError::UnknownChannel),
        ("channel" | "user" | "c", None) => return Err(LinkError::BadListName),
        ("watch", None) => return id_of_query(url).map(LinkTarget::Video),
        (page, Some(id)) if ID_PATHS.contains(&page) => {
            return VideoId::parse(id).map(LinkTarget::Video);
        }
        // Browsers write the sign of a handle as `@` or as `%40`.
        (page, _) => match decoded(page).strip_prefix('@') {
            Some(handle) => ListLink::handle(handle)?,
            None => return Err(LinkError::NoVideoId),
        },
    };
    Ok(LinkTarget::List(list))
}

/// Decodes a part of a path. What is not UTF-8 gets a character that no name has, so it is refused
/// later.
fn decoded(segment: &str) -> Cow<'_, str> {
    percent_decode_str(segment).decode_utf8_lossy()
}

fn playlist_of_query(url: &Url) -> Result<ListLink, BadListName> {
    let list = url.query_pairs().find(|(name, _)| name == "list");
    list.map_or(Err(BadListName), |(_, id)| ListLink::playlist(&id))
}

fn id_of_query(url: &Url) -> Result<VideoId, LinkError> {
    let video = url.query_pairs().find(|(name, _)| name == "v");
    match video {
        Some((_, id)) if !id.is_empty() => VideoId::parse(&id),
        _ => Err(LinkError::NoVideoId),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: &str = "5fR9AHlSDtc";

    #[test]
    fn every_form_of_link_to_a_video_is_understood() {
        for link in [
            "https://www.youtube.com/watch?v=5fR9AHlSDtc",
            "http://youtube.com/watch?v=5fR9AHlSDtc&t=42s&list=PL1&index=3",
            "https://www.youtube.com/watch?app=desktop&v=5fR9AHlSDtc#at",
            "  https://youtu.be/5fR9AHlSDtc?si=abc  ",
            "youtu.be/5fR9AHlSDtc",
            "//youtu.be/5fR9AHlSDtc",
            "https://www.youtube.com/shorts/5fR9AHlSDtc",
            "https://www.youtube.com/live/5fR9AHlSDtc?feature=share",
            "https://www.youtube.com/embed/5fR9AHlSDtc",
            "https://www.youtube.com/v/5fR9AHlSDtc",
            "https://music.youtube.com/watch?v=5fR9AHlSDtc",
            "https://m.youtube.com/watch?v=5fR9AHlSDtc",
            "https://www.youtube-nocookie.com/embed/5fR9AHlSDtc",
            "www.youtube.com/watch?v=5fR9AHlSDtc",
            "HTTPS://WWW.YOUTUBE.COM/watch?v=5fR9AHlSDtc",
            "https://www.youtube.com./watch?v=5fR9AHlSDtc",
            "https://www.youtube.com//watch?v=5fR9AHlSDtc",
            "https://www.youtube.com:443/watch?v=5fR9AHlSDtc",
            "https://www.youtube.com/watch?v=%35fR9AHlSDtc",
        ] {
            assert_eq!(parse_link(link).map(|id| id.to_string()), Ok(ID.to_owned()), "{link}");
        }
    }

    #[test]
    fn everything_else_is_refused_with_its_code() {
        let long = format!("https://www.youtube.com/watch?v=5fR9AHlSDtc&x={}", "a".repeat(2_048));
        for (link, code) in [
            ("", "not_a_url"),
            ("hello", "not_a_url"),
            ("hello world", "not_a_url"),
            ("ftp://youtube.com/watch?v=5fR9AHlSDtc", "not_a_url"),
            ("javascript:alert(1)", "not_a_url"),
            ("https://", "not_a_url"),
            ("https://example.com/watch?v=5fR9AHlSDtc", "not_youtube"),
            ("https://youtube.com.example.com/watch?v=5fR9AHlSDtc", "not_youtube"),
            ("https://www.youtube.com@example.com/watch?v=5fR9AHlSDtc", "not_youtube"),
            ("https://notyoutube.com/watch?v=5fR9AHlSDtc", "not_youtube"),
            ("https://127.0.0.1/watch?v=5fR9AHlSDtc", "not_youtube"),
            ("https://www.youtube.com/", "no_video_id"),
            ("https://www.youtube.com/watch", "no_video_id"),
            ("https://www.youtube.com/watch?v=", "no_video_id"),
            ("https://www.youtube.com/results?search_query=cats", "no_video_id"),
            ("https://www.youtube.com/@someone", "channel"),
            ("https://www.youtube.com/playlist?list=PL1", "playlist"),
            ("https://www.youtube.com/c/someone", "unknown_channel"),
            ("https://www.youtube.com/embed/live_stream?channel=UC1", "unknown_channel"),
            ("https://www.youtube.com/playlist", "bad_list_name"),
            ("https://www.youtube.com/playlist?list=", "bad_list_name"),
            ("https://www.youtube.com/playlist?list=PL%2f..%2f", "bad_list_name"),
            ("https://www.youtube.com/channel", "bad_list_name"),
            ("https://www.youtube.com/channel/UC1", "bad_list_name"),
            ("https://www.youtube.com/channel/AA0123456789012345678901", "bad_list_name"),
            ("https://www.youtube.com/user/", "bad_list_name"),
            ("https://www.youtube.com/@", "bad_list_name"),
            ("https://www.youtube.com/@some%20one", "bad_list_name"),
            ("https://www.youtube.com/@%ff", "bad_list_name"),
            ("https://youtu.be/", "no_video_id"),
            ("https://youtu.be/short", "bad_video_id"),
            ("https://www.youtube.com/watch?v=5fR9AHlSDt", "bad_video_id"),
            ("https://www.youtube.com/watch?v=5fR9AHlSDtcc", "bad_video_id"),
            ("https://www.youtube.com/watch?v=5fR9AHlSDt%20", "bad_video_id"),
            (long.as_str(), "too_long"),
        ] {
            assert_eq!(parse_link(link).map_err(LinkError::code), Err(code), "{link}");
        }
    }

    #[test]
    fn every_form_of_link_to_many_videos_is_understood() {
        let channel = "UC0123456789012345678901";
        for (link, key) in [
            ("https://www.youtube.com/playlist?list=PLrAXtmErZgOeiKm4", "PLrAXtmErZgOeiKm4"),
            ("m.youtube.com/playlist?app=desktop&list=UU_01-23", "UU_01-23"),
            ("https://music.youtube.com/playlist?list=OLAK5uy_abc", "OLAK5uy_abc"),
            ("https://www.youtube.com/embed/videoseries?list=PL1", "PL1"),
            ("https://www.youtube.com/channel/UC0123456789012345678901", channel),
            ("https://youtube.com/channel/UC0123456789012345678901/videos", channel),
            ("https://www.youtube.com/@some.one/featured", "@some.one"),
            ("https://www.youtube.com/%40some-one", "@some-one"),
            ("https://www.youtube.com/@m%C3%BCller", "@m\u{fc}ller"),
            ("https://m.youtube.com/user/someone", "user/someone"),
        ] {
            let target = parse_target(link);
            assert_eq!(target.as_ref().map(LinkTarget::key), Ok(Cow::from(key)), "{link}");
            let refused = parse_link(link).map_err(LinkError::code);
            assert!(matches!(refused, Err("playlist" | "channel")), "{link}");
        }
    }

    #[test]
    fn a_video_that_is_watched_in_a_list_is_a_video() {
        let target = parse_target("https://www.youtube.com/watch?v=5fR9AHlSDtc&list=PL1&index=3");
        assert_eq!(target, VideoId::parse(ID).map(LinkTarget::Video));
    }

    proptest! {
        #[test]
        fn any_text_is_answered_without_a_panic(text in "\\PC{0,80}") {
            let _answer = parse_link(&text);
        }

        #[test]
        fn every_id_survives_its_own_watch_url(id in "[A-Za-z0-9_-]{11}") {
            let parsed = parse_link(&format!("https://www.youtube.com/watch?v={id}"))?;
            prop_assert_eq!(parsed.as_str(), id.as_str());
            prop_assert_eq!(parse_link(&parsed.watch_url())?, parsed);
        }
    }
}
