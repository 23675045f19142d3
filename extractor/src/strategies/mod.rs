//! The ways to find metadata, one file or folder each.

mod rusty_ytdl;
mod watch_page;

pub(crate) use rusty_ytdl::RustyYtdl;
pub(crate) use watch_page::WatchPage;

/// The name of a strategy in `EXTRACTORS`, in documents and in metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StrategyName {
    WatchPage,
    RustyYtdl,
}

impl StrategyName {
    pub(crate) const ALL: [Self; 2] = [Self::WatchPage, Self::RustyYtdl];

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|name| name.as_str() == text)
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::WatchPage => "watch_page",
            Self::RustyYtdl => "rusty_ytdl",
        }
    }
}
