//! Deletes the documents of a request, and what the rows of their videos have from them.

use jiff::Timestamp;
use linkrelay_common::RequestId;
use mongodb::Collection;
use mongodb::bson::{self, Bson, DateTime, RawDocumentBuf, doc};

use super::retention::ACCEPTED_AT;
use super::titles::Titles;
use super::{codec, of_request, schema, video_removal};
use crate::document::{LinkState, deletion};
use crate::error::StoreError;

/// The path of a row whose request was deleted: it stays, so that it is not added again.
pub(super) const DELETED_PATH: &str = "deleted";

/// Empties the row of a request, so that it is not listed, and not added again.
pub(super) async fn forget_request(
    requests: &Collection<RawDocumentBuf>,
    request_id: RequestId,
) -> Result<(), StoreError> {
    let emptied = doc! {
        "$set": { "path": DELETED_PATH, "has_key": false, "links": [] },
        "$setOnInsert": { ACCEPTED_AT: DateTime::now() },
    };
    let forget = requests.update_one(doc! { "_id": request_id.to_string() }, emptied).upsert(true);
    match forget.await {
        Err(error) if schema::is_left_to_the_operator(&error) => {
            tracing::warn!(
                %request_id, collection = requests.name(), problem = %StoreError::from(error),
                "this user may not update the rows of requests, so GET /requests may still list \
                 a deleted one"
            );
            Ok(())
        }
        done => Ok(done.map(drop)?),
    }
}

/// Empties the documents of a request, except their ids, and returns how many there were. The
/// fields are those of [`LinkDocument::deleted`](crate::LinkDocument::deleted).
pub(super) async fn delete_request(
    collection: &Collection<RawDocumentBuf>,
    rows: (&Collection<RawDocumentBuf>, &Titles),
    request_id: RequestId,
    deleted_at: Timestamp,
) -> Result<u64, StoreError> {
    let deleted = LinkState::Deleted.as_str();
    let mut not_deleted = of_request::all(request_id);
    not_deleted.insert("status", doc! { "$ne": deleted });
    video_removal::forget(collection, rows, not_deleted.clone()).await?;
    let error = bson::to_bson(&deletion());
    let error = error.map_err(|error| StoreError::Unreadable(error.to_string()))?;
    let emptied = doc! {
        "link": "", "video_id": Bson::Null, "status": deleted, "video": Bson::Null, "error": error,
        "source": Bson::Null, "submitted_at": Bson::Null, "extracted_at": Bson::Null,
        "stored_at": codec::date(deleted_at), "kafka": Bson::Null,
    };
    let change = doc! { "$set": emptied, "$unset": { "expansion": "" } };
    Ok(collection.update_many(not_deleted, change).await?.modified_count)
}
