//! The reads. Each uses `_id`, or begins with an equality on `request_id`, so that an index serves it; none counts documents by scanning, and none names an index as a hint.

use std::collections::BTreeSet;

use futures::TryStreamExt;
use linkrelay_common::{DocumentId, LinkFailure, RequestId};
use mongodb::Collection;
use mongodb::bson::{Document, doc};
use mongodb::options::{FindOptions, ReadConcern, ReadPreference, SelectionCriteria};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::codec;
use crate::error::StoreError;
use crate::{ExpandedRange, KnownDocument, LinkDocument, LinkState, LinkStatus, RequestCounts};

/// How many ids one query asks for; far below the limit of a command's size.
const IDS_PER_QUERY: usize = 1_000;
/// Makes a page of a request one round trip; by default the server's first answer has 101
/// documents.
const ROWS_PER_ROUND_TRIP: u32 = 1_000;

/// The fields of a document that the status of its link needs.
#[derive(Debug, Deserialize)]
pub(super) struct LinkRow {
    index: u32,
    link: String,
    video_id: Option<String>,
    status: LinkState,
    video: Option<TitleOnly>,
    error: Option<LinkFailure>,
    expansion: Option<ExpandedRange>,
}

/// The fields of an expanded link that are read.
#[derive(Debug, Deserialize)]
pub(super) struct ExpandedRow {
    expansion: ExpandedRange,
}

#[derive(Debug, Deserialize)]
struct TitleOnly {
    title: Option<String>,
}

/// The number of links of a request that have a status.
#[derive(Debug, Deserialize)]
struct CountRow {
    #[serde(rename = "_id")]
    status: LinkState,
    count: u32,
}

pub(super) async fn find(
    collection: &Collection<Document>,
    ids: &[DocumentId],
) -> Result<Vec<LinkDocument>, StoreError> {
    let found = find_by_id(collection, ids, None).await?;
    found.into_iter().map(codec::decode).collect()
}

pub(super) async fn known(
    collection: &Collection<KnownDocument>,
    ids: &[DocumentId],
) -> Result<Vec<KnownDocument>, StoreError> {
    find_by_id(collection, ids, Some(doc! { "status": 1, "kafka": 1 })).await
}

/// Reads documents from the primary, as acknowledged by a majority, no matter what the connection
/// string prefers: they decide whether a link is complete.
async fn find_by_id<T: DeserializeOwned + Send + Sync>(
    collection: &Collection<T>,
    ids: &[DocumentId],
    fields: Option<Document>,
) -> Result<Vec<T>, StoreError> {
    let distinct: BTreeSet<&str> = ids.iter().map(DocumentId::as_str).collect();
    let distinct: Vec<&str> = distinct.into_iter().collect();
    let mut documents = Vec::with_capacity(distinct.len());
    for ids in distinct.chunks(IDS_PER_QUERY) {
        let options = FindOptions::builder()
            .projection(fields.clone())
            .batch_size(ROWS_PER_ROUND_TRIP)
            .selection_criteria(SelectionCriteria::ReadPreference(ReadPreference::Primary))
            .read_concern(ReadConcern::majority())
            .build();
        let found = collection.find(doc! { "_id": { "$in": ids } }).with_options(options).await;
        let found: Vec<T> = found?.try_collect().await?;
        documents.extend(found);
    }
    Ok(documents)
}

/// Lets the server count, from the index alone.
pub(super) async fn request_counts(
    collection: &Collection<Document>,
    request_id: RequestId,
) -> Result<RequestCounts, StoreError> {
    let by_status = [
        doc! { "$match": { "request_id": request_id.to_string() } },
        doc! { "$group": { "_id": "$status", "count": { "$sum": 1 } } },
    ];
    let mut rows = collection.aggregate(by_status).with_type::<CountRow>().await?;
    let mut counts = RequestCounts::default();
    while let Some(row) = rows.try_next().await? {
        counts.add(row.status, row.count);
    }
    Ok(counts)
}

/// Reads one page of a request's links, in the order of the index.
pub(super) async fn request_links(
    collection: &Collection<LinkRow>,
    request_id: RequestId,
    from_index: u32,
    limit: u32,
) -> Result<Vec<LinkStatus>, StoreError> {
    let end = i64::from(from_index) + i64::from(limit);
    let page = doc! {
        "request_id": request_id.to_string(),
        "index": { "$gte": i64::from(from_index), "$lt": end },
    };
    let fields = doc! {
        "_id": 0, "index": 1, "link": 1, "video_id": 1, "status": 1, "video.title": 1, "error": 1,
        "expansion.first_index": 1, "expansion.videos_count": 1,
    };
    let rows = collection
        .find(page)
        .projection(fields)
        .sort(doc! { "index": 1 })
        .batch_size(ROWS_PER_ROUND_TRIP)
        .await?;
    Ok(rows.map_ok(LinkStatus::from).try_collect().await?)
}

pub(super) async fn request_expansions(
    collection: &Collection<ExpandedRow>,
    request_id: RequestId,
) -> Result<Vec<ExpandedRange>, StoreError> {
    let expanded =
        doc! { "request_id": request_id.to_string(), "status": LinkState::Expanded.as_str() };
    let rows = collection
        .find(expanded)
        .projection(doc! { "_id": 0, "expansion.first_index": 1, "expansion.videos_count": 1 })
        .sort(doc! { "index": 1 })
        .batch_size(ROWS_PER_ROUND_TRIP)
        .await?;
    Ok(rows.map_ok(|row| row.expansion).try_collect().await?)
}

impl From<LinkRow> for LinkStatus {
    fn from(row: LinkRow) -> Self {
        Self {
            index: row.index,
            link: row.link,
            video_id: row.video_id,
            state: row.status,
            title: row.video.and_then(|video| video.title),
            error: row.error,
            expanded: row.expansion,
        }
    }
}
