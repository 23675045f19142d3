//! The rows of videos in a collection of MongoDB, as a [`VideoStore`].

use std::collections::HashSet;

use async_trait::async_trait;
use futures::TryStreamExt;
use linkrelay_common::{DocumentId, VideoId};
use mongodb::Collection;
use mongodb::bson::{self, DateTime, Document, RawDocumentBuf, doc};
use serde::Deserialize;

use super::deadline::{CALL_TIMEOUT, within};
use super::read_indexes::ReadIndex;
use super::store::MongoStore;
use super::titles::GRAMS;
use super::video_row::{StoredRegisters, StoredRow};
use super::{codec, schema, search, title_blocks, title_search, video_pages};
use crate::error::StoreError;
use crate::search::SearchText;
use crate::videos::{
    LinkCursor, VideoFilter, VideoLink, VideoPage, VideoQuery, VideoRegisters, VideoRow, VideoStore,
};

impl MongoStore {
    /// Returns the documents, once there is the index for those of a video.
    async fn documents_by_video(&self) -> Result<&Collection<RawDocumentBuf>, StoreError> {
        let documents = self.collection().await?;
        let keys = schema::links_index();
        self.read_indexes.ensure(ReadIndex::LinksOfVideo, documents, keys).await?;
        Ok(documents)
    }

    /// Returns the videos whose titles may have this text; `None` if they are too many, or not
    /// known.
    async fn may_match(&self, text: &SearchText) -> Result<Option<search::Among>, StoreError> {
        let titles = self.titles().await?;
        if !within(CALL_TIMEOUT, title_blocks::have_all_rows(titles)).await? {
            return Ok(None);
        }
        let blocks = titles.blocks.clone_with_type();
        self.read_indexes.ensure(ReadIndex::BlocksByGram, &blocks, doc! { GRAMS: 1 }).await?;
        within(CALL_TIMEOUT, title_search::candidates(titles, text)).await
    }
}

#[async_trait]
impl VideoStore for MongoStore {
    async fn video(&self, video_id: VideoId) -> Result<Option<VideoRow>, StoreError> {
        let videos = self.videos_collection().await?.clone_with_type::<StoredRow>();
        let found = videos.find_one(doc! { "_id": video_id.as_str() });
        let row: Option<StoredRow> = within(CALL_TIMEOUT, found.into_future()).await?;
        row.map(VideoRow::try_from).transpose()
    }

    async fn stored_among(&self, video_ids: &[VideoId]) -> Result<HashSet<VideoId>, StoreError> {
        let videos = self.videos_collection().await?.clone_with_type::<StoredId>();
        within(CALL_TIMEOUT, stored_among(&videos, video_ids)).await
    }

    async fn links_of_video(
        &self,
        video_id: VideoId,
        after: Option<LinkCursor>,
        limit: u32,
    ) -> Result<Vec<VideoLink>, StoreError> {
        let documents = self.documents_by_video().await?.clone_with_type::<Document>();
        within(CALL_TIMEOUT, links(&documents, video_id, after, limit)).await
    }

    async fn count_links_of_video(&self, video_id: VideoId) -> Result<u64, StoreError> {
        let documents = self.documents_by_video().await?;
        let count = documents.count_documents(doc! { "video_id": video_id.as_str() });
        within(CALL_TIMEOUT, count.into_future()).await
    }

    async fn videos(&self, query: &VideoQuery) -> Result<VideoPage, StoreError> {
        let videos = self.videos_collection().await?;
        let (index, keys) = video_pages::index(query);
        self.read_indexes.ensure(index, videos, keys).await?;
        let videos = videos.clone_with_type::<StoredRow>();
        if let Some(text) = &query.filter.text {
            return match self.may_match(text).await? {
                Some(among) => {
                    let searched = search::videos_among(&videos, query, (text, &among));
                    within(CALL_TIMEOUT, searched).await
                }
                None => within(CALL_TIMEOUT, search::videos(&videos, query, text)).await,
            };
        }
        within(CALL_TIMEOUT, video_pages::videos(&videos, query)).await
    }

    async fn registers(
        &self,
        after: Option<VideoId>,
        limit: u32,
    ) -> Result<Vec<VideoRegisters>, StoreError> {
        let videos = self.videos_collection().await?.clone_with_type::<StoredRegisters>();
        within(CALL_TIMEOUT, registers(&videos, after, limit)).await
    }

    async fn count_videos(&self, filter: &VideoFilter) -> Result<u64, StoreError> {
        let videos = self.videos_collection().await?;
        if let Some(text) = &filter.text {
            let videos = videos.clone_with_type::<StoredRow>();
            let among = self.may_match(text).await?;
            let counted = search::count(&videos, filter, (text, among.as_ref()));
            return within(CALL_TIMEOUT, counted).await;
        }
        let count = videos.count_documents(video_pages::filter(filter));
        within(CALL_TIMEOUT, count.into_future()).await
    }
}

/// A row of which only the id is read.
#[derive(Debug, Deserialize)]
struct StoredId {
    #[serde(rename = "_id")]
    video_id: VideoId,
}

async fn stored_among(
    videos: &Collection<StoredId>,
    video_ids: &[VideoId],
) -> Result<HashSet<VideoId>, StoreError> {
    let ids: Vec<&str> = video_ids.iter().map(VideoId::as_str).collect();
    let stored = doc! { "_id": { "$in": ids }, "newest": { "$exists": true } };
    let found = videos.find(stored).projection(doc! { "_id": 1 }).await?;
    Ok(found.map_ok(|row| row.video_id).try_collect().await?)
}

async fn registers(
    videos: &Collection<StoredRegisters>,
    after: Option<VideoId>,
    limit: u32,
) -> Result<Vec<VideoRegisters>, StoreError> {
    let behind = doc! { "_id": { "$gt": after.as_ref().map_or("", VideoId::as_str) } };
    let found = videos
        .find(behind)
        .projection(StoredRegisters::fields())
        .sort(doc! { "_id": 1 })
        .limit(i64::from(limit))
        .batch_size(limit)
        .await?;
    let found: Vec<StoredRegisters> = found.try_collect().await?;
    found.into_iter().map(VideoRegisters::try_from).collect()
}

async fn links(
    documents: &Collection<Document>,
    video_id: VideoId,
    after: Option<LinkCursor>,
    limit: u32,
) -> Result<Vec<VideoLink>, StoreError> {
    let mut filter = doc! { "video_id": video_id.as_str() };
    if let Some(LinkCursor { stored_ms, document_id }) = after {
        let stored_at = DateTime::from_millis(stored_ms);
        filter.insert("stored_at", doc! { "$lte": stored_at });
        let earlier = doc! { "stored_at": { "$lt": stored_at } };
        filter.insert("$or", vec![earlier, doc! { "_id": { "$lt": document_id.as_str() } }]);
    }
    // The metadata may be large, and only two numbers of it are read.
    let fields = doc! {
        "request_id": 1, "index": 1, "link": 1, "status": 1, "submitted_at": 1, "extracted_at": 1,
        "stored_at": 1, "video.view_count": 1, "video.like_count": 1, "error.code": 1,
    };
    let found = documents
        .find(filter)
        .projection(fields)
        .sort(doc! { "stored_at": -1, "_id": -1 })
        .limit(i64::from(limit))
        .await?;
    let found: Vec<Document> = found.try_collect().await?;
    found.into_iter().map(link).collect()
}

/// A document of a video with the fields that [`links`] reads.
#[derive(Debug, Deserialize)]
struct StoredLink {
    #[serde(rename = "_id")]
    document_id: DocumentId,
    request_id: Option<linkrelay_common::RequestId>,
    index: u32,
    link: String,
    status: crate::LinkState,
    submitted_at: Option<DateTime>,
    extracted_at: Option<DateTime>,
    stored_at: DateTime,
    video: Option<Counted>,
    error: Option<Coded>,
}

#[derive(Debug, Deserialize)]
struct Counted {
    view_count: Option<u64>,
    like_count: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct Coded {
    code: String,
}

fn link(fields: Document) -> Result<VideoLink, StoreError> {
    let stored: StoredLink =
        bson::from_document(fields).map_err(|error| StoreError::Unreadable(error.to_string()))?;
    let video = stored.video.as_ref();
    Ok(VideoLink {
        document_id: stored.document_id,
        request_id: stored.request_id,
        index: stored.index,
        link: stored.link,
        state: stored.status,
        submitted_at: stored.submitted_at.map(codec::time).transpose()?,
        extracted_at: stored.extracted_at.map(codec::time).transpose()?,
        stored_at: codec::time(stored.stored_at)?,
        view_count: video.and_then(|video| video.view_count),
        like_count: video.and_then(|video| video.like_count),
        error_code: stored.error.map(|error| error.code),
    })
}
