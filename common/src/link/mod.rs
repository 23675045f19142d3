//! From the text that a client submitted to a video id, or to the name of a list of videos. No
//! other module reads YouTube addresses.
//!
//! In reading order: [`split()`] finds the links in a text, which `clean` has freed of what other
//! programs did to it; `redirect` takes the address out of one that only leads to it; `address`
//! knows the forms of YouTube's own addresses. The table of the tests is docs/LINKS.md.
//!
//! Only the [`VideoId`] or [`ListLink`] goes further: no host that a client named is ever asked.

mod address;
mod clean;
mod error;
mod id;
mod redirect;
mod split;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use url::{Host, Url};

pub use error::LinkError;
pub use id::VideoId;
pub use split::split;

use crate::list::ListLink;

/// The longest link that is accepted, in bytes.
pub const MAX_LINK_BYTES: usize = 2_048;

/// How many addresses may lead to one another.
const MAX_REDIRECTS: usize = 5;

/// What a link names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum LinkTarget {
    /// One video.
    Video(VideoId),
    /// Many.
    List(ListLink),
}

impl LinkTarget {
    /// What a record's key is made of, so that all links to one target meet in one partition.
    pub fn key(&self) -> Cow<'_, str> {
        match self {
            Self::Video(video_id) => Cow::Borrowed(video_id.as_str()),
            Self::List(list) => Cow::Owned(list.to_string()),
        }
    }
}

/// Finds the video that a link names. The link may have words, quotes or Markdown around it.
///
/// # Errors
/// A [`LinkError`] whose text can be shown to the client.
pub fn parse_link(link: &str) -> Result<VideoId, LinkError> {
    match parse_target(link)? {
        LinkTarget::Video(video_id) => Ok(video_id),
        LinkTarget::List(ListLink::Playlist(_)) => Err(LinkError::Playlist),
        LinkTarget::List(ListLink::Channel(_) | ListLink::Handle(_) | ListLink::User(_)) => {
            Err(LinkError::Channel)
        }
    }
}

/// Finds the video or the list of videos that a link names. A video that is watched as a part of
/// a list (`watch?v=…&list=…`) is that video.
///
/// # Errors
/// As [`parse_link`], without [`LinkError::Playlist`] and [`LinkError::Channel`];
/// [`LinkError::SeveralLinks`] for a text that [`split()`] takes apart.
pub fn parse_target(link: &str) -> Result<LinkTarget, LinkError> {
    if let Some(video_id) = plainest_video(link) {
        return Ok(LinkTarget::Video(video_id));
    }
    match split(link).as_slice() {
        [piece] => target_of(piece),
        _ => Err(LinkError::SeveralLinks),
    }
}

/// Reads the two plainest addresses, which nearly every record has, without an allocation.
fn plainest_video(link: &str) -> Option<VideoId> {
    let plainest = ["https://www.youtube.com/watch?v=", "https://youtu.be/"];
    let id = plainest.iter().find_map(|address| link.strip_prefix(address))?;
    VideoId::parse(id).ok()
}

/// Returns what one piece of a text names.
fn target_of(piece: &str) -> Result<LinkTarget, LinkError> {
    if piece.len() > MAX_LINK_BYTES {
        return Err(LinkError::TooLong);
    }
    if let Some(video_id) = VideoId::alone(piece) {
        return Ok(LinkTarget::Video(video_id));
    }
    let mut url = parse_url(piece)?;
    for _ in 0..MAX_REDIRECTS {
        match redirect::inner(&url) {
            Some(inner) => url = inner,
            None => return address::target_of(&url),
        }
    }
    Err(LinkError::NotYouTube)
}

fn parse_url(link: &str) -> Result<Url, LinkError> {
    let has_scheme = link.split_once(':').is_some_and(|(scheme, _)| is_http(scheme))
        || link.contains("://") && !link.starts_with("//");
    let url = if has_scheme {
        Url::parse(link)
    } else {
        Url::parse(&format!("https://{}", link.trim_start_matches('/')))
    };
    let url = url.map_err(|_| LinkError::NotAUrl)?;
    // Without a scheme, a single word ("hello") would otherwise count as a host.
    let has_real_host = has_scheme || url.host_str().is_some_and(|host| host.contains('.'));
    if is_http(url.scheme()) && has_real_host { Ok(url) } else { Err(LinkError::NotAUrl) }
}

fn is_http(scheme: &str) -> bool {
    ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known))
}

/// Returns the host's name without a last dot; `None` for an IP address.
fn host_of(url: &Url) -> Option<&str> {
    match url.host() {
        Some(Host::Domain(host)) => Some(host.strip_suffix('.').unwrap_or(host)),
        _ => None,
    }
}

/// Whether the host is of this domain.
fn is_of_domain(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}
