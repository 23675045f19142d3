//! The forms of YouTube's own addresses: watch pages, short addresses, thumbnails, playlists,
//! channels.
//!
//! It must not know: the text around an address.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use url::{Url, form_urlencoded};

use super::{LinkError, LinkTarget, VideoId, host_of, is_of_domain};
use crate::list::{BadListName, ListLink};

const WATCH_DOMAINS: [&str; 5] = [
    "youtube.com",
    "youtube-nocookie.com",
    "youtubekids.com",
    "youtubeeducation.com",
    "youtube.googleapis.com",
];
const SHORT_DOMAIN: &str = "youtu.be";
/// Thumbnails; img.youtube.com has them at the same paths.
const IMAGE_DOMAIN: &str = "ytimg.com";
/// Sites whose short addresses often lead to YouTube.
const SHORTENERS: [&str; 14] = [
    "t.co",
    "bit.ly",
    "goo.gl",
    "tinyurl.com",
    "lnkd.in",
    "fb.watch",
    "ow.ly",
    "is.gd",
    "buff.ly",
    "rb.gy",
    "cutt.ly",
    "t.ly",
    "shorturl.at",
    "share.google",
];

/// Path prefixes that are followed by the video id.
const ID_PATHS: [&str; 11] =
    ["shorts", "live", "embed", "v", "e", "vi", "vi_webp", "an_webp", "sb", "watch", "video"];
/// Pages with the video in the query.
const QUERY_PAGES: [&str; 9] = [
    "",
    "watch",
    "watch_popup",
    "embed",
    "live_chat",
    "live_chat_replay",
    "movie",
    "details",
    "ytscreeningroom",
];
/// The tabs of a channel behind which all of its videos are.
const WHOLE_CHANNEL: [&str; 4] = ["videos", "featured", "about", "home"];

/// Returns what an address names.
///
/// # Errors
/// Why it names neither a video nor a list.
pub(super) fn target_of(url: &Url) -> Result<LinkTarget, LinkError> {
    let host = host_of(url).ok_or(LinkError::NotYouTube)?;
    let is_of = |domain: &&str| is_of_domain(host, domain);
    if is_of_domain(host, SHORT_DOMAIN) {
        of_short_address(url)
    } else if WATCH_DOMAINS.iter().any(&is_of) {
        of_watch_host(url)
    } else if is_of_domain(host, IMAGE_DOMAIN) {
        of_image(url)
    } else if SHORTENERS.iter().any(&is_of) {
        Err(LinkError::ShortAddress)
    } else {
        Err(LinkError::NotYouTube)
    }
}

/// Returns the videos of an address that plays several (`watch_videos?video_ids=A,B`); none of
/// another.
pub(super) fn played_together(url: &Url) -> Vec<VideoId> {
    let is_watch_host = host_of(url)
        .is_some_and(|host| WATCH_DOMAINS.iter().any(|domain| is_of_domain(host, domain)));
    if !is_watch_host || segments(url).next().as_deref() != Some("watch_videos") {
        return Vec::new();
    }
    let ids = parameter(url.query().unwrap_or_default(), "video_ids").unwrap_or_default();
    let ids: Result<_, _> = ids.split(',').map(VideoId::at_start_of).collect();
    // One that is wrong makes the whole address wrong, so that it is reported and not left out.
    ids.unwrap_or_default()
}

/// Whether a host in a text, without `https://`, begins an address of YouTube's.
pub(super) fn begins_with_youtube_host(text: &str) -> bool {
    let end = text.find(|char: char| !(char.is_ascii_alphanumeric() || matches!(char, '.' | '-')));
    let Some(end) = end.filter(|end| text[*end..].starts_with(['/', '?', ':', '%'])) else {
        return false;
    };
    let host = text[..end].to_ascii_lowercase();
    if !host.starts_with(|char: char| char.is_ascii_alphanumeric()) {
        return false;
    }
    let mut domains = WATCH_DOMAINS.iter().chain([&SHORT_DOMAIN, &IMAGE_DOMAIN]);
    domains.any(|domain| is_of_domain(&host, domain))
}

fn of_short_address(url: &Url) -> Result<LinkTarget, LinkError> {
    let mut segments = segments(url);
    let first = segments.next().ok_or(LinkError::NoVideoId)?;
    match (first.as_ref(), segments.next()) {
        ("watch", None) => id_of_query(url),
        (page, Some(id)) if ID_PATHS.contains(&page) => VideoId::at_start_of(&id),
        (id, _) => VideoId::at_start_of(id),
    }
    .map(LinkTarget::Video)
}

fn of_image(url: &Url) -> Result<LinkTarget, LinkError> {
    let mut segments = segments(url);
    match (segments.next(), segments.next()) {
        (Some(page), Some(id)) if ID_PATHS.contains(&page.as_ref()) => {
            VideoId::at_start_of(&id).map(LinkTarget::Video)
        }
        _ => Err(LinkError::NoVideoId),
    }
}

fn of_watch_host(url: &Url) -> Result<LinkTarget, LinkError> {
    let mut segments = segments(url);
    let page = segments.next().unwrap_or_default();
    let (next, tab) = (segments.next(), segments.next());
    let list = match (page.to_ascii_lowercase().as_str(), next) {
        ("playlist", _) => playlist_of_query(url)?,
        ("embed", Some(name)) if name == "videoseries" => playlist_of_query(url)?,
        ("embed", Some(name)) if name == "live_stream" => return Err(LinkError::UnknownChannel),
        ("clip", _) => return Err(LinkError::Clip),
        ("c", Some(_)) => return Err(LinkError::UnknownChannel),
        ("channel" | "user" | "c", None) => return Err(LinkError::BadListName),
        ("channel", Some(id)) => whole(ListLink::channel(&id)?, tab.as_deref())?,
        ("user", Some(name)) => match id_of_old_fragment(url) {
            Some(video_id) => return Ok(LinkTarget::Video(video_id)),
            None => whole(ListLink::user(&name)?, tab.as_deref())?,
        },
        (page, Some(id)) if ID_PATHS.contains(&page) => {
            return VideoId::at_start_of(&id).map(LinkTarget::Video);
        }
        (lower, next) => match page.strip_prefix('@') {
            Some(handle) => whole(ListLink::handle(handle)?, next.as_deref())?,
            None if QUERY_PAGES.contains(&lower) => {
                return id_of_query(url).map(LinkTarget::Video);
            }
            None => return id_of_page(&page).map(LinkTarget::Video),
        },
    };
    Ok(LinkTarget::List(list))
}

/// A channel, unless the address has a tab with only a part of its videos.
fn whole(channel: ListLink, tab: Option<&str>) -> Result<ListLink, LinkError> {
    match tab {
        Some(tab) if !WHOLE_CHANNEL.contains(&tab) => Err(LinkError::ChannelTab),
        _ => Ok(channel),
    }
}

fn playlist_of_query(url: &Url) -> Result<ListLink, BadListName> {
    let list = parameter(url.query().unwrap_or_default(), "list");
    list.map_or(Err(BadListName), |id| ListLink::playlist(&id))
}

/// `?v=…`; also behind `#` (`#!v=…`, `#/watch?v=…`), where old pages had it.
fn id_of_query(url: &Url) -> Result<VideoId, LinkError> {
    let fragment = url.fragment().unwrap_or_default();
    let fragment = fragment.trim_start_matches(['!', '/']).trim_start_matches("watch");
    let mut id = Err(LinkError::NoVideoId);
    for query in [url.query().unwrap_or_default(), fragment] {
        if let Some(text) = parameter(query, "v") {
            id = VideoId::at_start_of(&text);
        }
        if id.is_ok() {
            break;
        }
    }
    id
}

/// `watch&v=…` and `watch%3Fv%3D…`: a query that became a part of the path.
fn id_of_page(page: &str) -> Result<VideoId, LinkError> {
    let query = page.strip_prefix("watch").filter(|query| query.starts_with(['&', '?', ';']));
    let id = query.and_then(|query| parameter(query, "v")).ok_or(LinkError::NoVideoId)?;
    VideoId::at_start_of(&id)
}

/// `/user/name#p/u/1/ID`: a video that was played on a channel's page.
fn id_of_old_fragment(url: &Url) -> Option<VideoId> {
    let (_, id) = url.fragment()?.strip_prefix("p/")?.rsplit_once('/')?;
    VideoId::parse(id).ok()
}

/// Returns a parameter of a query, also of one that was percent-encoded as a whole, and one with
/// `?` instead of `&` (`v=ID?t=10`).
fn parameter(query: &str, wanted: &str) -> Option<String> {
    let query = query.trim_start_matches(['&', ';']).replace('?', "&");
    let find = |query: &str| {
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs
            .find(|(name, value)| name == wanted && !value.is_empty())
            .map(|(_, value)| value.into_owned())
    };
    find(&query).or_else(|| find(&decoded(&query)))
}

fn segments(url: &Url) -> impl Iterator<Item = Cow<'_, str>> {
    url.path().split('/').filter(|segment| !segment.is_empty()).map(decoded)
}

/// A part of an address as it was meant; bytes that are not UTF-8 are not a name, and are refused.
fn decoded(text: &str) -> Cow<'_, str> {
    percent_decode_str(text).decode_utf8_lossy()
}
