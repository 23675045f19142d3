//! The statistics of the store in memory: counted by a loop.

use std::collections::BTreeMap;

use async_trait::async_trait;
use linkrelay_common::video::Availability;

use super::{FaultyStore, Method};
use crate::StoreError;
use crate::stats::{ChannelStats, StatsStore, StoreStats, VideoKind, keep_top};

#[async_trait]
impl StatsStore for FaultyStore {
    async fn stats(&self) -> Result<StoreStats, StoreError> {
        self.call(Method::Stats, 0).await?;
        let mut stats = StoreStats::default();
        for document in self.documents() {
            *stats.documents.entry(document.status).or_default() += 1;
        }
        let mut channels: BTreeMap<String, u64> = BTreeMap::new();
        for row in self.rows() {
            let metadata = row.metadata.as_ref();
            let video = metadata.map(|metadata| &metadata.video);
            let kind = VideoKind {
                is_stored: metadata.is_some(),
                error_class: row.last_failure.as_ref().map(|last| last.error.class.as_str()),
                availability: video.and_then(|video| video.availability).map(Availability::as_str),
                source: metadata.and_then(|metadata| metadata.source.as_deref()),
            };
            stats.videos.add(kind, 1);
            stats.videos.see(row.seen.first_at, row.seen.last_at);
            if let Some(channel_id) = video.and_then(|video| video.author.channel_id.clone()) {
                *channels.entry(channel_id).or_default() += 1;
            }
        }
        let channels = channels.into_iter();
        let channels = channels.map(|(channel_id, videos)| ChannelStats { channel_id, videos });
        keep_top(&mut stats.top_channels, channels);
        Ok(stats)
    }
}
