//! The rows of videos in a SQLite file, as a [`VideoStore`].

use std::collections::HashSet;

use async_trait::async_trait;
use linkrelay_common::VideoId;

use super::store::SqliteStore;
use super::{search_pages, video_pages, videos};
use crate::error::StoreError;
use crate::indexing::{Indexed, SearchIndexStore};
use crate::videos::{
    LinkCursor, VideoFilter, VideoLink, VideoPage, VideoQuery, VideoRegisters, VideoRow, VideoStore,
};

#[async_trait]
impl VideoStore for SqliteStore {
    async fn video(&self, video_id: VideoId) -> Result<Option<VideoRow>, StoreError> {
        self.readers.run(move |connection| videos::video(connection, video_id)).await
    }

    async fn stored_among(&self, video_ids: &[VideoId]) -> Result<HashSet<VideoId>, StoreError> {
        let video_ids = video_ids.to_vec();
        self.readers.run(move |connection| videos::stored_among(connection, &video_ids)).await
    }

    async fn links_of_video(
        &self,
        video_id: VideoId,
        after: Option<LinkCursor>,
        limit: u32,
    ) -> Result<Vec<VideoLink>, StoreError> {
        let read = move |connection: &_| {
            videos::links_of_video(connection, video_id, after.as_ref(), limit)
        };
        self.readers.run(read).await
    }

    async fn count_links_of_video(&self, video_id: VideoId) -> Result<u64, StoreError> {
        self.readers.run(move |connection| videos::count_links_of_video(connection, video_id)).await
    }

    async fn videos(&self, query: &VideoQuery) -> Result<VideoPage, StoreError> {
        let query = query.clone();
        let read = move |connection: &_| match &query.filter.text {
            Some(text) => search_pages::videos(connection, &query, text),
            None => video_pages::videos(connection, &query),
        };
        self.readers.run(read).await
    }

    async fn registers(
        &self,
        after: Option<VideoId>,
        limit: u32,
    ) -> Result<Vec<VideoRegisters>, StoreError> {
        self.readers.run(move |connection| videos::registers(connection, after, limit)).await
    }

    async fn count_videos(&self, filter: &VideoFilter) -> Result<u64, StoreError> {
        let filter = filter.clone();
        let read = move |connection: &_| match &filter.text {
            Some(text) => search_pages::count(connection, &filter, text),
            None => video_pages::count(connection, &filter),
        };
        self.readers.run(read).await
    }
}

#[async_trait]
impl SearchIndexStore for SqliteStore {
    /// A video is indexed in the transaction of its row.
    async fn index_videos(&self) -> Result<Option<Indexed>, StoreError> {
        Ok(None)
    }
}
