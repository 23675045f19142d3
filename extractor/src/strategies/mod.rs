//! The strategies to find metadata, one file or folder each.

mod data_api;
mod innertube;
mod oembed;
#[cfg(test)]
mod properties;
#[cfg(feature = "rusty-ytdl")]
mod rusty_ytdl;
mod watch_page;

use linkrelay_common::Video;

use crate::page::json;

pub(crate) use data_api::{DataApi, DataApiClient, ListLookup};
pub(crate) use innertube::Innertube;
pub(crate) use oembed::Oembed;
#[cfg(feature = "rusty-ytdl")]
pub(crate) use rusty_ytdl::{PageReaders, RustyYtdl};
pub(crate) use watch_page::WatchPage;

#[cfg(feature = "properties")]
pub use data_api::{playlist_page, uploads};
#[cfg(feature = "properties")]
pub(crate) use {
    data_api::read_one as read_data_api, innertube::read_web, oembed::read as read_oembed,
};

/// The name of a strategy in `EXTRACTORS`, in documents and in metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StrategyName {
    DataApi,
    WatchPage,
    #[cfg(feature = "rusty-ytdl")]
    RustyYtdl,
    Innertube,
    Oembed,
}

impl StrategyName {
    /// Those that this build has.
    pub(crate) const ALL: &[Self] = &[
        Self::DataApi,
        Self::WatchPage,
        Self::Innertube,
        #[cfg(feature = "rusty-ytdl")]
        Self::RustyYtdl,
        Self::Oembed,
    ];

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|name| name.as_str() == text)
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::DataApi => "data_api",
            Self::WatchPage => "watch_page",
            #[cfg(feature = "rusty-ytdl")]
            Self::RustyYtdl => "rusty_ytdl",
            Self::Innertube => "innertube",
            Self::Oembed => "oembed",
        }
    }
}

/// Returns a video of which everything is unknown, for strategies that find little; the caller
/// sets the title.
pub(crate) fn untitled() -> Video {
    Video::titled(String::new())
}

/// Whether a strategy found nothing about a video. A blank title alone does not mean that: there
/// are videos that have one.
pub(crate) fn is_nothing(video: &Video) -> bool {
    json::is_blank(&video.title) && *video == Video::titled(video.title.clone())
}
