//! The reads of documents. Each selects by `_id`, the only index that documents have; none counts by
//! scanning, and none names an index as a hint.

use std::collections::BTreeSet;

use futures::TryStreamExt;
use linkrelay_common::{DocumentId, LinkFailure, RequestId};
use mongodb::Collection;
use mongodb::bson::{Document, doc};
use mongodb::options::{FindOptions, ReadConcern, ReadPreference, SelectionCriteria};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::codec;
use super::deadline::{CALL_TIMEOUT, within};
use super::of_request::{self, Selection};
use crate::error::StoreError;
use crate::{ExpandedRange, KnownDocument, LinkDocument, LinkState, LinkStatus, RequestCounts};

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
    index: u32,
    expansion: ExpandedRange,
}

#[derive(Debug, Deserialize)]
struct TitleOnly {
    title: Option<String>,
}

/// The one field of a document that is counted.
#[derive(Debug, Deserialize)]
struct StatusRow {
    status: LinkState,
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
    let options = FindOptions::builder()
        .projection(fields)
        .batch_size(ROWS_PER_ROUND_TRIP)
        .selection_criteria(SelectionCriteria::ReadPreference(ReadPreference::Primary))
        .read_concern(ReadConcern::majority())
        .build();
    let filters = of_request::by_ids(distinct);
    find_all(collection, filters, &options).await
}

/// Returns what each of the filters finds. They are asked one after the other, so that a request
/// that is watched, or a take-over, uses one connection at a time; and each has a deadline of its
/// own, so that a slow server gets through many of them.
pub(super) async fn find_all<T: DeserializeOwned + Send + Sync>(
    collection: &Collection<T>,
    filters: Vec<Document>,
    options: &FindOptions,
) -> Result<Vec<T>, StoreError> {
    let mut all = Vec::new();
    for filter in filters {
        let found = async {
            let rows = collection.find(filter).with_options(options.clone()).await?;
            rows.try_collect::<Vec<T>>().await
        };
        all.append(&mut within(CALL_TIMEOUT, found).await?);
    }
    Ok(all)
}

/// Counts the documents of a request by their status.
pub(super) async fn request_counts(
    collection: &Collection<Document>,
    request_id: RequestId,
) -> Result<RequestCounts, StoreError> {
    if let Selection::Ids(filters) = of_request::links(request_id) {
        let options = FindOptions::builder().projection(doc! { "_id": 0, "status": 1 }).build();
        let rows = find_all(&collection.clone_with_type::<StatusRow>(), filters, &options).await?;
        let mut counts = RequestCounts::default();
        rows.iter().for_each(|row| counts.add(row.status, 1));
        if !of_request::may_have_lists(&counts) {
            return Ok(counts);
        }
    }
    let by_status = [
        doc! { "$match": of_request::all(request_id) },
        doc! { "$group": { "_id": "$status", "count": { "$sum": 1 } } },
    ];
    let counted = async {
        let rows = collection.aggregate(by_status).with_type::<CountRow>().await?;
        rows.try_collect::<Vec<CountRow>>().await
    };
    let mut counts = RequestCounts::default();
    let rows = within(CALL_TIMEOUT, counted).await?;
    rows.iter().for_each(|row| counts.add(row.status, row.count));
    Ok(counts)
}

/// Reads one page of a request's links, in the order of the index.
pub(super) async fn request_links(
    collection: &Collection<LinkRow>,
    request_id: RequestId,
    from_index: u32,
    limit: u32,
) -> Result<Vec<LinkStatus>, StoreError> {
    let page = from_index..from_index.saturating_add(limit);
    let fields = doc! {
        "_id": 0, "index": 1, "link": 1, "video_id": 1, "status": 1, "video.title": 1, "error": 1,
        "expansion.first_index": 1, "expansion.videos_count": 1,
    };
    let filters = of_request::page(request_id, page).into_filters();
    let mut rows = find_all(collection, filters, &options(fields)).await?;
    rows.sort_unstable_by_key(|row| row.index);
    Ok(rows.into_iter().map(LinkStatus::from).collect())
}

pub(super) async fn request_expansions(
    collection: &Collection<ExpandedRow>,
    request_id: RequestId,
) -> Result<Vec<ExpandedRange>, StoreError> {
    let expanded = LinkState::Expanded.as_str();
    let mut filters = of_request::links(request_id).into_filters();
    filters.iter_mut().for_each(|filter| drop(filter.insert("status", expanded)));
    let fields = doc! {
        "_id": 0, "index": 1, "expansion.first_index": 1, "expansion.videos_count": 1,
    };
    let mut rows = find_all(collection, filters, &options(fields)).await?;
    rows.sort_unstable_by_key(|row| row.index);
    Ok(rows.into_iter().map(|row| row.expansion).collect())
}

fn options(fields: Document) -> FindOptions {
    FindOptions::builder().projection(fields).batch_size(ROWS_PER_ROUND_TRIP).build()
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
