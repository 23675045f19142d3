//! The videos of the store in memory: computed from all documents at each call.

use std::collections::{BTreeMap, HashSet};

use async_trait::async_trait;
use linkrelay_common::{DocumentId, VideoId};

use super::{FaultyStore, Method};
use crate::search::Folded;
use crate::videos::{
    Direction, LinkCursor, Newest, RebuildStore, RebuiltPage, VideoCursor, VideoFilter, VideoLink,
    VideoMetadata, VideoOrder, VideoPage, VideoQuery, VideoRegisters, VideoRow, VideoStatus,
    VideoStore, changes,
};
use crate::{Indexed, LinkDocument, SearchIndexStore, StoreError};

impl FaultyStore {
    /// Returns all rows, by their sequence.
    pub(super) fn rows(&self) -> Vec<VideoRow> {
        let documents = self.documents();
        let sequences = self.sequences();
        let row = |change: crate::videos::VideoChange| {
            Some(VideoRow {
                sequence: *sequences.get(&change.video_id)?,
                video_id: change.video_id,
                seen: change.seen,
                metadata: change.newest.and_then(|newest| {
                    let is_newest = |document: &&LinkDocument| document.id == newest.document_id;
                    documents.iter().find(is_newest).and_then(metadata)
                }),
                last_failure: change.failure.map(|failure| failure.0),
            })
        };
        let rows = changes(&documents).into_iter().filter_map(row);
        let rows: BTreeMap<i64, VideoRow> = rows.map(|row| (row.sequence, row)).collect();
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

    async fn registers(
        &self,
        after: Option<VideoId>,
        limit: u32,
    ) -> Result<Vec<VideoRegisters>, StoreError> {
        self.call(Method::Registers, 0).await?;
        let mut rows = self.rows();
        rows.retain(|row| after.is_none_or(|after| row.video_id > after));
        rows.sort_by_key(|row| row.video_id);
        rows.truncate(limit as usize);
        Ok(rows.into_iter().map(registers).collect())
    }

    async fn count_videos(&self, filter: &VideoFilter) -> Result<u64, StoreError> {
        self.call(Method::CountVideos, 0).await?;
        Ok(self.rows().iter().filter(|row| selects(filter, row)).count() as u64)
    }
}

#[async_trait]
impl RebuildStore for FaultyStore {
    async fn estimate_documents(&self) -> Result<u64, StoreError> {
        self.call(Method::EstimateDocuments, 0).await?;
        Ok(self.documents_count() as u64)
    }

    async fn rebuild_videos(
        &self,
        after: Option<&DocumentId>,
        limit: u32,
    ) -> Result<Option<RebuiltPage>, StoreError> {
        self.call(Method::RebuildVideos, 0).await?;
        let mut page = self.documents();
        page.retain(|document| after.is_none_or(|after| document.id > *after));
        page.truncate(limit as usize);
        page.iter().for_each(|document| self.make_row(document));
        let documents = page.len() as u64;
        Ok(page.pop().map(|last| RebuiltPage { last: last.id, documents, unreadable: 0 }))
    }
}

fn registers(row: VideoRow) -> VideoRegisters {
    let newest = row.metadata.map(|metadata| Newest {
        extracted_at: metadata.extracted_at,
        document_id: metadata.document_id,
    });
    VideoRegisters { video_id: row.video_id, newest, failure: row.last_failure }
}

#[async_trait]
impl SearchIndexStore for FaultyStore {
    /// A call indexes one of the batches that the test has set.
    async fn index_videos(&self) -> Result<Option<Indexed>, StoreError> {
        self.call(Method::IndexVideos, 0).await?;
        let Some(waiting_batches) = self.take_unindexed() else { return Ok(None) };
        let is_any = waiting_batches > 0;
        Ok(Some(Indexed {
            titles_count: u64::from(is_any),
            waiting_batches,
            oldest_at: is_any.then_some(jiff::Timestamp::UNIX_EPOCH),
            has_more: waiting_batches > 1,
        }))
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
    let has_text = |text: &crate::search::SearchText| {
        video.is_some_and(|video| text.matches(&Folded::of_video(video)))
    };
    filter.status.is_none_or(|wanted| wanted == status)
        && filter.text.as_ref().is_none_or(has_text)
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
