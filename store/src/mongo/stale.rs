//! The queries about videos with old metadata, which the server computes from all documents.

use futures::TryStreamExt;
use jiff::Timestamp;
use mongodb::Collection;
use mongodb::bson::{Bson, DateTime, Document, doc};
use serde::Deserialize;

use super::codec;
use crate::document::LinkState;
use crate::error::StoreError;
use crate::stale::{StaleVideo, StaleVideos};

/// Makes a page few round trips; by default the server's first answer has 101 rows.
const ROWS_PER_ROUND_TRIP: u32 = 1_000;

#[derive(Debug, Deserialize)]
struct StaleRow {
    #[serde(rename = "_id")]
    video_id: String,
    extracted_at: DateTime,
}

#[derive(Debug, Deserialize)]
struct CountRow {
    count: i64,
}

pub(super) async fn stale_videos(
    collection: &Collection<Document>,
    stale: &StaleVideos,
    limit: u32,
) -> Result<Vec<StaleVideo>, StoreError> {
    let mut stages = stages(stale);
    stages.push(doc! { "$sort": { "extracted_at": 1, "_id": 1 } });
    stages.push(doc! { "$limit": i64::from(limit) });
    let rows = collection
        .aggregate(stages)
        .allow_disk_use(true)
        .batch_size(ROWS_PER_ROUND_TRIP)
        .with_type::<StaleRow>()
        .await?;
    let rows: Vec<StaleRow> = rows.try_collect().await?;
    rows.into_iter().map(stale_video).collect()
}

pub(super) async fn count_stale_videos(
    collection: &Collection<Document>,
    stale: &StaleVideos,
) -> Result<u64, StoreError> {
    let mut stages = stages(stale);
    stages.push(doc! { "$count": "count" });
    let counting = collection.aggregate(stages).allow_disk_use(true).with_type::<CountRow>();
    // Without a row there is no video.
    let counted: Vec<CountRow> = counting.await?.try_collect().await?;
    Ok(counted.first().map_or(0, |row| row.count.unsigned_abs()))
}

/// Returns the stages that give one row for each of these videos.
fn stages(stale: &StaleVideos) -> Vec<Document> {
    let (stored, failed) = (LinkState::Stored.as_str(), LinkState::Failed.as_str());
    let is_stored = doc! { "$eq": ["$status", stored] };
    let is_refused =
        doc! { "$and": [{ "$eq": ["$status", failed] }, { "$eq": ["$error.class", "permanent"] }] };
    let newest_if = |condition: Document, time: &str| {
        doc! { "$max": { "$cond": [condition, time, Bson::Null] } }
    };
    let before = codec::date(stale.extracted_before);
    // A video that was never refused has null there, which is less than any time.
    let refused = if stale.with_failed {
        doc! { "$lt": ["$refused_at", before.clone()] }
    } else {
        doc! { "$lte": ["$refused_at", "$extracted_at"] }
    };
    let mut stages = vec![
        doc! { "$match": { "video_id": { "$type": "string" } } },
        doc! { "$group": {
            "_id": "$video_id",
            "extracted_at": newest_if(is_stored, "$extracted_at"),
            "refused_at": newest_if(is_refused, "$stored_at"),
        } },
        doc! { "$match": { "extracted_at": { "$lt": before }, "$expr": refused } },
    ];
    if let Some(after) = &stale.after {
        let at = codec::date(after.extracted_at);
        stages.push(doc! { "$match": { "$or": [
            { "extracted_at": { "$gt": at.clone() } },
            { "extracted_at": at, "_id": { "$gt": &after.video_id } },
        ] } });
    }
    stages
}

fn stale_video(row: StaleRow) -> Result<StaleVideo, StoreError> {
    let extracted_at = Timestamp::from_millisecond(row.extracted_at.timestamp_millis());
    let extracted_at = extracted_at.map_err(|error| StoreError::Unreadable(error.to_string()))?;
    Ok(StaleVideo { extracted_at, video_id: row.video_id })
}
