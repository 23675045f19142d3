//! The readers of YouTube's answers, for the crate `properties` alone; no part of the API.

use linkrelay_common::VideoId;
use linkrelay_common::video::Video;

use crate::error::ExtractError;
use crate::{page, strategies};

pub use strategies::{playlist_page, uploads};

/// Reads an answer about one video.
pub type Read = fn(&[u8], VideoId) -> Result<Video, ExtractError>;

/// A reader, as its index in [`READERS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Reader {
    /// Of a watch page.
    WatchPage,
    /// Of a player answer.
    Player,
    /// Of oEmbed.
    Oembed,
    /// Of the Data API.
    DataApi,
}

/// Every reader of an answer about one video.
pub const READERS: [Read; 4] =
    [page::read, strategies::read_web, strategies::read_oembed, strategies::read_data_api];

/// Whether nothing was found about a video.
pub fn is_nothing(video: &Video) -> bool {
    strategies::is_nothing(video)
}
