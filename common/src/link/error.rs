//! Why a link is refused.

use super::MAX_LINK_BYTES;
use crate::list::BadListName;

/// Why a link is refused; the text tells the client what to send instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum LinkError {
    /// Not an http(s) URL at all.
    #[error("this is not a web address; send the address of a video, such as https://youtu.be/…")]
    NotAUrl,
    /// Several links, where one is asked for.
    #[error("this text has several links; send each of them as a link of its own")]
    SeveralLinks,
    /// A URL of another site.
    #[error("this is not a YouTube address; send the address that the video has on youtube.com")]
    NotYouTube,
    /// A short address of another site, which only that site can resolve.
    #[error("this is a short address; open it, and send the YouTube address to which it leads")]
    ShortAddress,
    /// A YouTube page that is not one video (the start page, a search).
    #[error("this YouTube address names no video; open the video and send its address")]
    NoVideoId,
    /// A clip, whose address does not tell the video.
    #[error("this address names a clip; send the address of the video that it was cut from")]
    Clip,
    /// A list of videos.
    #[error("this address names a playlist; send the links of its videos")]
    Playlist,
    /// A channel, which publishes videos.
    #[error("this address names a channel; send the links of its videos")]
    Channel,
    /// A tab of a channel that does not show all of its videos.
    #[error("this address names only a part of a channel; send the links of the videos in it")]
    ChannelTab,
    /// A channel's address of a kind by which YouTube finds no channel (`/c/…`, `live_stream`).
    #[error("a channel cannot be found by this address; send its /@… or /channel/UC… address")]
    UnknownChannel,
    /// The text in the position of a list's name cannot be one.
    #[error(
        "this address names a playlist or channel, but its name cannot be right; copy it again"
    )]
    BadListName,
    /// The id has the wrong length or alphabet.
    #[error(
        "the video id in this address is not 11 characters of A-Z, a-z, 0-9, - and _; copy it again"
    )]
    BadVideoId,
    /// Longer than [`MAX_LINK_BYTES`].
    #[error("the link is longer than {MAX_LINK_BYTES} bytes; send the plain address of the video")]
    TooLong,
}

impl LinkError {
    /// The stable code that answers and documents carry.
    pub fn code(self) -> &'static str {
        match self {
            Self::NotAUrl => "not_a_url",
            Self::SeveralLinks => "several_links",
            Self::NotYouTube => "not_youtube",
            Self::ShortAddress => "short_address",
            Self::NoVideoId => "no_video_id",
            Self::Clip => "clip",
            Self::Playlist => "playlist",
            Self::Channel => "channel",
            Self::ChannelTab => "channel_tab",
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
