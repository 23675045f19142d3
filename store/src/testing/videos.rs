//! The videos of the store in memory: computed from all documents at each call.

use std::collections::{BTreeMap, HashSet};

use async_trait::async_trait;
use linkrelay_common::VideoId;

use super::{FaultyStore, Method};
use crate::videos::{
    Direction, LinkCursor, VideoCursor, VideoFilter, VideoLink, VideoMetadata, VideoOrder,
    VideoPage, VideoQuery, VideoRow, VideoStatus, VideoStore, changes,
};
use crate::{LinkDocument, StoreError};

impl FaultyStore {
    /// Returns all rows, by their sequence.
    pub(super) fn rows(&self) -> Vec<VideoRow> {
        let documents = self.documents();
        let sequences = self.sequences();
        let row = |change: crate::videos::VideoChange| VideoRow {
            sequence: sequences.get(&change.video_id).copied().unwrap_or_default(),
            video_id: change.video_id,
            seen: change.seen,
            metadata: change.newest.and_then(|newest| {
                let is_newest = |document: &&LinkDocument| document.id == newest.document_id;
                documents.iter().find(is_newest).and_then(metadata)
            }),
            last_failure: change.failure.map(|failure| failure.0),
        };
        let rows: BTreeMap<i64, VideoRow> =
            changes(&documents).into_iter().map(row).map(|row| (row.sequence, row)).collect();
        rows.into_values().collect()
    }

    fn links(&self, video_id: VideoId) -> Vec<VideoLink> {
        let video_id = video_id.to_string();
        let mut found = self.documents();
        found.retain(|document| document.video_id.as_ref() == Some(&video_id));
        let mut links: Vec<_> = found.iter().map(VideoLink::from).collect();
        links.sort_by_key(|link| (link.stored_at, link.document_id.clone()));
        links.reverse();
        links
    }
}

#[async_trait]
impl VideoStore for FaultyStore {
    async fn video(&self, video_id: VideoId) -> Result<Option<VideoRow>, StoreError> {
        self.call(Method::Video, 0).await?;
        Ok(self.rows().into_iter().find(|row| row.video_id == video_id))
    }

    async fn stored_among(&self, video_ids: &[VideoId]) -> Result<HashSet<VideoId>, StoreError> {
        self.call(Method::StoredAmong, 0).await?;
        let rows = self.rows().into_iter().filter(|row| row.metadata.is_some());
        Ok(rows.map(|row| row.video_id).filter(|id| video_ids.contains(id)).collect())
    }

    async fn links_of_video(
        &self,
        video_id: VideoId,
        after: Option<LinkCursor>,
        limit: u32,
    ) -> Result<Vec<VideoLink>, StoreError> {
        self.call(Method::LinksOfVideo, 0).await?;
        let mut links = self.links(video_id);
        if let Some(after) = after {
            let key = (after.stored_ms, after.document_id);
            links.retain(|link| {
                (link.stored_at.as_millisecond(), &link.document_id) < (key.0, &key.1)
            });
        }
        links.truncate(limit as usize);
        Ok(links)
    }

    async fn count_links_of_video(&self, video_id: VideoId) -> Result<u64, StoreError> {
        self.call(Method::CountLinksOfVideo, 0).await?;
        Ok(self.links(video_id).len() as u64)
    }

    async fn videos(&self, query: &VideoQuery) -> Result<VideoPage, StoreError> {
        self.call(Method::Videos, 0).await?;
        let mut rows: Vec<_> = self
            .rows()
            .into_iter()
            .filter(|row| selects(&query.filter, row))
            .filter_map(|row| Some((key(&row, query.order)?, row)))
            .collect();
        rows.sort_by_key(|(key, _)| *key);
        if query.direction == Direction::Descending {
            rows.reverse();
        }
        if let Some(after) = query.after {
            let after = (after.published_ms, after.sequence);
            rows.retain(|(key, _)| match query.direction {
                Direction::Descending => *key < after,
                Direction::Ascending => *key > after,
            });
        }
        let has_more = rows.len() > query.limit as usize;
        rows.truncate(query.limit as usize);
        let cursor = |(published_ms, sequence)| VideoCursor { published_ms, sequence };
        let next = rows.last().filter(|_| has_more).map(|(key, _)| cursor(*key));
        Ok(VideoPage { videos: rows.into_iter().map(|(_, row)| row).collect(), next })
    }

    async fn count_videos(&self, filter: &VideoFilter) -> Result<u64, StoreError> {
        self.call(Method::CountVideos, 0).await?;
        Ok(self.rows().iter().filter(|row| selects(filter, row)).count() as u64)
    }
}

/// Returns by what a row is sorted; `None` if it is not in this order.
fn key(row: &VideoRow, order: VideoOrder) -> Option<(Option<i64>, i64)> {
    let published = row.metadata.as_ref().and_then(|metadata| metadata.video.publish_date);
    match order {
        VideoOrder::FirstSeen => Some((None, row.sequence)),
        VideoOrder::Published => Some((Some(published?.as_millisecond()), row.sequence)),
    }
}

fn selects(filter: &VideoFilter, row: &VideoRow) -> bool {
    let video = row.metadata.as_ref().map(|metadata| &metadata.video);
    let status = if video.is_some() { VideoStatus::Stored } else { VideoStatus::Failed };
    let channel_id = video.and_then(|video| video.author.channel_id.as_ref());
    let category = video.and_then(|video| video.category.as_ref());
    let availability = video.and_then(|video| video.availability);
    filter.status.is_none_or(|wanted| wanted == status)
        && filter.channel_id.as_ref().is_none_or(|wanted| Some(wanted) == channel_id)
        && filter.category.as_ref().is_none_or(|wanted| Some(wanted) == category)
        && filter.availability.is_none_or(|wanted| Some(wanted) == availability)
        && filter.published.includes(video.and_then(|video| video.publish_date))
        && filter.length_seconds.includes(video.and_then(|video| video.length_seconds))
}

fn metadata(document: &LinkDocument) -> Option<VideoMetadata> {
    let LinkDocument { id, extracted_at, source, video, .. } = document.clone();
    Some(VideoMetadata { document_id: id, extracted_at, source, video: video? })
}
