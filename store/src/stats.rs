//! How many documents and videos a store has, and of what kind.

use std::collections::BTreeMap;
use std::fmt::Debug;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::{LinkState, StoreError};

/// How many channels are named.
pub const TOP_CHANNELS: usize = 10;
/// How a value that is not known is counted.
pub const UNKNOWN: &str = "unknown";

/// How many documents and videos there are. What is written while they are counted may be in some
/// of the numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreStats {
    /// The documents, by status.
    pub documents: BTreeMap<LinkState, u64>,
    /// The videos.
    pub videos: VideoStats,
    /// The channels with the most videos, those with the most first; of equal ones, the smallest id
    /// first.
    pub top_channels: Vec<ChannelStats>,
}

/// How many videos there are, of which kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VideoStats {
    /// Videos with metadata.
    pub stored: u64,
    /// Videos without metadata: all of their links have failed.
    pub failed: u64,
    /// The failed ones by the class of their last error.
    pub by_error_class: BTreeMap<String, u64>,
    /// The stored ones by availability.
    pub by_availability: BTreeMap<String, u64>,
    /// The stored ones by the strategy that found the newest metadata.
    pub by_source: BTreeMap<String, u64>,
    /// When the first of all links was submitted, and the last.
    pub seen: Option<(Timestamp, Timestamp)>,
}

/// Videos of one kind.
#[derive(Debug, Clone, Copy)]
pub(crate) struct VideoKind<'a> {
    /// Whether they have metadata.
    pub(crate) is_stored: bool,
    pub(crate) error_class: Option<&'a str>,
    pub(crate) availability: Option<&'a str>,
    pub(crate) source: Option<&'a str>,
}

impl VideoStats {
    /// Adds `count` videos of a kind.
    pub(crate) fn add(&mut self, kind: VideoKind<'_>, count: u64) {
        let kinds = if kind.is_stored {
            self.stored += count;
            add(&mut self.by_availability, kind.availability, count);
            (&mut self.by_source, kind.source)
        } else {
            self.failed += count;
            (&mut self.by_error_class, kind.error_class)
        };
        add(kinds.0, kinds.1, count);
    }

    /// Adds videos that were seen in this time.
    pub(crate) fn see(&mut self, first_at: Timestamp, last_at: Timestamp) {
        let (first, last) = self.seen.unwrap_or((first_at, last_at));
        self.seen = Some((first.min(first_at), last.max(last_at)));
    }
}

fn add(counts: &mut BTreeMap<String, u64>, name: Option<&str>, count: u64) {
    let name = name.unwrap_or(UNKNOWN);
    match counts.get_mut(name) {
        Some(sum) => *sum += count,
        None => drop(counts.insert(name.to_owned(), count)),
    }
}

/// How many videos a channel has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelStats {
    /// The channel's id.
    pub channel_id: String,
    /// Its videos.
    pub videos: u64,
}

/// Keeps the [`TOP_CHANNELS`] of these and of those that are given, in their order.
pub(crate) fn keep_top(top: &mut Vec<ChannelStats>, more: impl IntoIterator<Item = ChannelStats>) {
    top.extend(more);
    top.sort_by(|a, b| b.videos.cmp(&a.videos).then_with(|| a.channel_id.cmp(&b.channel_id)));
    top.truncate(TOP_CHANNELS);
}

/// What a store can count. As with [`LinkStore`](crate::LinkStore), it does not retry.
#[async_trait]
pub trait StatsStore: Debug + Send + Sync {
    /// Counts all documents and videos. It reads every row, or an entry of an index for each, which
    /// takes seconds for millions of them; no transaction lasts for that long.
    async fn stats(&self) -> Result<StoreStats, StoreError>;
}
