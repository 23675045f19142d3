//! The requests in a collection of MongoDB, as a [`RequestStore`]. The collection has the name of
//! the documents' with `.requests`.

use std::collections::HashMap;

use async_trait::async_trait;
use futures::TryStreamExt;
use linkrelay_common::RequestId;
use mongodb::Collection;
use mongodb::bson::{self, DateTime, Document, RawDocumentBuf, doc};
use mongodb::options::FindOptions;
use serde::{Deserialize, Serialize};

use super::deadline::{CALL_TIMEOUT, within};
use super::read_indexes::ReadIndex;
use super::removal::DELETED_PATH;
use super::retention::ACCEPTED_AT;
use super::store::MongoStore;
use super::{codec, failure, insert, of_request, read};
use crate::LinkState;
use crate::error::StoreError;
use crate::requests::{RequestCursor, RequestPath, RequestRow, RequestStore, RequestTally};

/// A row as MongoDB has it.
#[derive(Debug, Serialize, Deserialize)]
struct StoredRequest {
    #[serde(rename = "_id")]
    id: RequestId,
    accepted_at: DateTime,
    path: String,
    has_key: bool,
    links: Vec<String>,
}

#[async_trait]
impl RequestStore for MongoStore {
    async fn add_requests(&self, rows: &[RequestRow]) -> Result<(), StoreError> {
        let requests = self.requests_collection().await?;
        within(CALL_TIMEOUT, add(requests, rows)).await
    }

    async fn requests(
        &self,
        after: Option<RequestCursor>,
        limit: u32,
    ) -> Result<Vec<RequestRow>, StoreError> {
        let requests = self.requests_collection().await?;
        let keys = doc! { ACCEPTED_AT: 1, "_id": 1 };
        self.read_indexes.ensure(ReadIndex::RequestsByTime, requests, keys).await?;
        let requests = requests.clone_with_type::<StoredRequest>();
        within(CALL_TIMEOUT, page(&requests, after, limit)).await
    }

    async fn tallies(
        &self,
        ids: &[RequestId],
    ) -> Result<HashMap<RequestId, RequestTally>, StoreError> {
        let documents = self.collection().await?.clone_with_type::<Document>();
        tallies(&documents, ids).await
    }
}

/// Inserts the rows. One that an operator's validator refuses is left out, since it would be
/// refused each time.
async fn add(requests: &Collection<RawDocumentBuf>, rows: &[RequestRow]) -> Result<(), StoreError> {
    let encoded = rows.iter().map(encode).collect::<Result<Vec<_>, _>>()?;
    let encoded: Vec<&RawDocumentBuf> = encoded.iter().collect();
    for error in insert::unordered(requests, &encoded).await? {
        if failure::is_of_the_server(error.code) {
            return Err(StoreError::Refused(format!("{} (code {})", error.message, error.code)));
        }
        if error.code != failure::DUPLICATE_KEY {
            let code = error.code;
            tracing::warn!(code, "MongoDB refuses the row of a request, which is not listed");
        }
    }
    Ok(())
}

fn encode(row: &RequestRow) -> Result<RawDocumentBuf, StoreError> {
    let stored = StoredRequest {
        id: row.id,
        accepted_at: DateTime::from_millis(row.accepted_at.as_millisecond()),
        path: row.path.as_str().to_owned(),
        has_key: row.has_key,
        links: row.links.clone(),
    };
    bson::to_raw_document_buf(&stored).map_err(|error| StoreError::Unreadable(error.to_string()))
}

async fn page(
    requests: &Collection<StoredRequest>,
    after: Option<RequestCursor>,
    limit: u32,
) -> Result<Vec<RequestRow>, StoreError> {
    let not_deleted = doc! { "$ne": DELETED_PATH };
    let behind = match after {
        None => doc! { "path": not_deleted },
        Some(RequestCursor { accepted_ms, id }) => {
            let accepted_at = DateTime::from_millis(accepted_ms);
            // The first condition is what an index serves.
            doc! {
                "path": not_deleted,
                ACCEPTED_AT: { "$lte": accepted_at },
                "$or": [
                    { ACCEPTED_AT: { "$lt": accepted_at } },
                    { "_id": { "$lt": id.to_string() } },
                ],
            }
        }
    };
    let newest_first = doc! { ACCEPTED_AT: -1, "_id": -1 };
    let found = requests.find(behind).sort(newest_first).limit(i64::from(limit)).await?;
    let found: Vec<StoredRequest> = found.try_collect().await?;
    found.into_iter().map(decode).collect()
}

fn decode(stored: StoredRequest) -> Result<RequestRow, StoreError> {
    let StoredRequest { id, accepted_at, path, has_key, links } = stored;
    let unknown = || StoreError::Unreadable(format!("{path:?} is not a path of a request"));
    Ok(RequestRow {
        id,
        accepted_at: codec::time(accepted_at)?,
        path: RequestPath::from_stored(&path).ok_or_else(unknown)?,
        has_key,
        links,
    })
}

/// What a tally needs of a document.
#[derive(Debug, Deserialize)]
struct TallyRow {
    request_id: RequestId,
    status: LinkState,
    expansion: Option<VideosOfList>,
}

#[derive(Debug, Deserialize)]
struct VideosOfList {
    videos_count: u32,
}

/// Reads the links of all these requests together, because most have few; then, where there may be
/// lists, it lets the server count their videos.
async fn tallies(
    documents: &Collection<Document>,
    ids: &[RequestId],
) -> Result<HashMap<RequestId, RequestTally>, StoreError> {
    let fields = doc! { "_id": 0, "request_id": 1, "status": 1, "expansion.videos_count": 1 };
    let options = FindOptions::builder().projection(fields).build();
    let rows = documents.clone_with_type::<TallyRow>();
    let rows = read::find_all(&rows, of_request::links_of_all(ids), &options).await?;
    let mut tallies: HashMap<RequestId, RequestTally> = HashMap::new();
    for TallyRow { request_id, status, expansion } in rows {
        let tally = tallies.entry(request_id).or_default();
        tally.counts.add(status, 1);
        tally.list_videos += expansion.map_or(0, |list| list.videos_count);
    }
    let with_lists =
        tallies.iter_mut().filter(|(_, tally)| of_request::may_have_lists(&tally.counts));
    for (id, tally) in with_lists {
        tally.counts = read::request_counts(documents, *id).await?;
    }
    Ok(tallies)
}
