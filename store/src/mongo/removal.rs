//! Deletes the documents of a request, and what the rows of their videos have from them.

use jiff::Timestamp;
use linkrelay_common::RequestId;
use mongodb::Collection;
use mongodb::bson::{self, Bson, RawDocumentBuf, doc};

use super::{codec, video_removal};
use crate::document::{LinkState, deletion};
use crate::error::StoreError;

/// Removes the row of a request.
pub(super) async fn forget_request(
    requests: &Collection<RawDocumentBuf>,
    request_id: RequestId,
) -> Result<(), StoreError> {
    requests.delete_one(doc! { "_id": request_id.to_string() }).await?;
    Ok(())
}

/// Empties the documents of a request, except their ids, and returns how many there were. The
/// fields are those of [`LinkDocument::deleted`](crate::LinkDocument::deleted).
pub(super) async fn delete_request(
    collection: &Collection<RawDocumentBuf>,
    rows: &Collection<RawDocumentBuf>,
    request_id: RequestId,
    deleted_at: Timestamp,
) -> Result<u64, StoreError> {
    let deleted = LinkState::Deleted.as_str();
    let not_deleted = doc! { "request_id": request_id.to_string(), "status": { "$ne": deleted } };
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
