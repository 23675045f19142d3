//! Makes the rows of videos again whose documents are about to be deleted.

use std::collections::BTreeSet;

use futures::TryStreamExt;
use linkrelay_common::{DocumentId, VideoId};
use mongodb::Collection;
use mongodb::bson::{Document, RawDocumentBuf, doc};
use serde::Deserialize;

use super::titles::Titles;
use super::{codec, videos};
use crate::error::StoreError;
use crate::videos::VideoChange;
use crate::{LinkDocument, LinkState};

/// A document that is removed, and its video.
#[derive(Debug, Deserialize)]
pub(super) struct Removed {
    #[serde(rename = "_id")]
    pub(super) id: DocumentId,
    pub(super) video_id: String,
}

/// One of the registers of a row.
struct Register {
    /// The field that has what the register keeps.
    field: &'static str,
    /// The field that has its rank.
    rank: &'static str,
    /// The status of the documents that it keeps.
    status: LinkState,
    /// The field by which the greatest of them is found.
    greatest: &'static str,
}

const REGISTERS: [Register; 2] = [
    Register { field: "newest", rank: "rank", status: LinkState::Stored, greatest: "extracted_at" },
    Register {
        field: "failure",
        rank: "failure_rank",
        status: LinkState::Failed,
        greatest: "stored_at",
    },
];

/// Lets no row show what it has from these documents, but what it has from others; a row that has
/// nothing from others is removed. `documents` selects the documents, which are still there: so if
/// this fails, it can be repeated.
pub(super) async fn forget(
    collection: &Collection<RawDocumentBuf>,
    rows: (&Collection<RawDocumentBuf>, &Titles),
    mut documents: Document,
) -> Result<(), StoreError> {
    documents.insert("video_id", doc! { "$type": "string" });
    let found = collection.clone_with_type::<Removed>();
    let found = found.find(documents).projection(doc! { "_id": 1, "video_id": 1 }).await?;
    let found: Vec<Removed> = found.try_collect().await?;
    forget_removed(collection, rows, &found).await
}

/// Like [`forget`], of documents that may already have been removed.
pub(super) async fn forget_removed(
    collection: &Collection<RawDocumentBuf>,
    (rows, titles): (&Collection<RawDocumentBuf>, &Titles),
    removed: &[Removed],
) -> Result<(), StoreError> {
    let ids: Vec<&str> = removed.iter().map(|removed| removed.id.as_str()).collect();
    let video_ids: BTreeSet<&str> =
        removed.iter().map(|removed| removed.video_id.as_str()).collect();
    let erased: Vec<VideoId> =
        video_ids.iter().filter_map(|video_id| VideoId::parse(video_id).ok()).collect();
    titles.begin_erasure(erased.clone()).await?;
    for video_id in video_ids {
        for register in &REGISTERS {
            forget_register(collection, rows, (video_id, &ids), register).await?;
        }
        let has_nothing = doc! {
            "_id": video_id, "newest": { "$exists": false }, "failure": { "$exists": false },
        };
        rows.delete_one(has_nothing).await?;
    }
    titles.erase(&erased).await
}

async fn forget_register(
    collection: &Collection<RawDocumentBuf>,
    rows: &Collection<RawDocumentBuf>,
    (video_id, ids): (&str, &[&str]),
    register: &Register,
) -> Result<(), StoreError> {
    let Register { field, rank, status, greatest } = register;
    let of_deleted = doc! { "_id": video_id, format!("{field}.document_id"): { "$in": ids } };
    let row = rows.clone_with_type::<Document>();
    let Some(row) = row.find_one(of_deleted).projection(doc! { *rank: 1 }).await? else {
        return Ok(());
    };
    let left = doc! { "video_id": video_id, "status": status.as_str(), "_id": { "$nin": ids } };
    let left = collection
        .clone_with_type::<Document>()
        .find_one(left)
        .sort(doc! { *greatest: -1, "_id": -1 })
        .await?;
    let left: Option<LinkDocument> = left.map(codec::decode).transpose()?;
    let set = left.as_ref().map(fields).transpose()?.flatten();
    let change = match set {
        Some(set) => doc! { "$set": set },
        None => doc! { "$unset": { *field: "", *rank: "" } },
    };
    // If the rank is another one by now, a consumer has written something newer.
    let unchanged = doc! { "_id": video_id, *rank: row.get(rank).cloned() };
    rows.update_one(unchanged, change).await?;
    Ok(())
}

/// Returns the fields of the register that keeps this document.
fn fields(document: &LinkDocument) -> Result<Option<Document>, StoreError> {
    let Some(change) = VideoChange::of(document) else { return Ok(None) };
    match (&change.newest, &change.failure) {
        (Some(newest), _) => videos::newest_fields(newest, document).map(Some),
        (None, Some(failure)) => videos::failure_fields(failure).map(Some),
        (None, None) => Ok(None),
    }
}
