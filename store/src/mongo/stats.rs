//! Counts documents and videos by aggregations.

use std::time::Duration;

use async_trait::async_trait;
use futures::TryStreamExt;
use mongodb::Collection;
use mongodb::bson::{DateTime, Document, RawDocumentBuf, doc};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::codec;
use super::deadline::within;
use super::read_indexes::ReadIndex;
use super::store::MongoStore;
use super::video_pages::{self, CHANNEL};
use crate::LinkState;
use crate::error::StoreError;
use crate::stats::{
    ChannelStats, StatsStore, StoreStats, TOP_CHANNELS, VideoKind, VideoStats, keep_top,
};
use crate::videos::{VideoFilter, VideoQuery};

/// How long the server may work on one aggregation. It reads a complete collection.
const MAX_TIME: Duration = Duration::from_secs(120);
/// The server is asked to give up first.
const DEADLINE: Duration = Duration::from_secs(130);

#[async_trait]
impl StatsStore for MongoStore {
    async fn stats(&self) -> Result<StoreStats, StoreError> {
        let (documents, videos) = (self.collection().await?, self.videos_collection().await?);
        let of_channel = VideoQuery {
            filter: VideoFilter { channel_id: Some(String::new()), ..VideoFilter::default() },
            ..VideoQuery::default()
        };
        let (_, keys) = video_pages::index(&of_channel);
        self.read_indexes.ensure(ReadIndex::ByChannel, videos, keys).await?;
        let by_status: Vec<StatusGroup> =
            aggregate(documents, [doc! { "$group": { "_id": "$status", "count": { "$sum": 1 } } }])
                .await?;
        let mut top_channels = Vec::new();
        let channels: Vec<ChannelGroup> = aggregate(videos, channels()).await?;
        keep_top(&mut top_channels, channels.into_iter().map(ChannelStats::from));
        Ok(StoreStats {
            documents: by_status.into_iter().map(|group| (group.status, group.count)).collect(),
            videos: sum(aggregate(videos, [kinds()]).await?)?,
            top_channels,
        })
    }
}

async fn aggregate<T: DeserializeOwned + Send + Sync + Unpin>(
    collection: &Collection<RawDocumentBuf>,
    pipeline: impl IntoIterator<Item = Document>,
) -> Result<Vec<T>, StoreError> {
    let groups = async {
        let groups = collection.aggregate(pipeline).max_time(MAX_TIME).allow_disk_use(true);
        groups.with_type::<T>().await?.try_collect().await
    };
    within::<_, mongodb::error::Error>(DEADLINE, groups).await
}

#[derive(Debug, Deserialize)]
struct StatusGroup {
    #[serde(rename = "_id")]
    status: LinkState,
    count: u64,
}

/// All videos in a pass, by all of their kinds: a few dozen groups.
fn kinds() -> Document {
    doc! { "$group": {
        "_id": {
            // Missing, and so of no type, in a row without metadata.
            "document": { "$type": "$newest.document_id" },
            "availability": "$newest.video.availability",
            "source": "$newest.source",
            "class": "$failure.error.class",
        },
        "count": { "$sum": 1 },
        "first": { "$min": "$first_seen" },
        "last": { "$max": "$last_seen" },
    } }
}

#[derive(Debug, Deserialize)]
struct KindGroup {
    #[serde(rename = "_id")]
    kind: KindFields,
    count: u64,
    first: DateTime,
    last: DateTime,
}

#[derive(Debug, Deserialize)]
struct KindFields {
    document: String,
    availability: Option<String>,
    source: Option<String>,
    class: Option<String>,
}

fn sum(groups: Vec<KindGroup>) -> Result<VideoStats, StoreError> {
    let mut stats = VideoStats::default();
    for KindGroup { kind, count, first, last } in groups {
        let kind = VideoKind {
            is_stored: kind.document != "missing",
            error_class: kind.class.as_deref(),
            availability: kind.availability.as_deref(),
            source: kind.source.as_deref(),
        };
        stats.add(kind, count);
        stats.see(codec::time(first)?, codec::time(last)?);
    }
    Ok(stats)
}

fn channels() -> [Document; 4] {
    let most = i64::try_from(TOP_CHANNELS).unwrap_or(i64::MAX);
    [
        doc! { "$match": { CHANNEL: { "$gt": "" } } },
        doc! { "$group": { "_id": format!("${CHANNEL}"), "videos": { "$sum": 1 } } },
        doc! { "$sort": { "videos": -1, "_id": 1 } },
        doc! { "$limit": most },
    ]
}

#[derive(Debug, Deserialize)]
struct ChannelGroup {
    #[serde(rename = "_id")]
    channel_id: String,
    videos: u64,
}

impl From<ChannelGroup> for ChannelStats {
    fn from(ChannelGroup { channel_id, videos }: ChannelGroup) -> Self {
        Self { channel_id, videos }
    }
}
