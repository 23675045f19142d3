//! Makes the rows of videos from the documents, page by page.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use futures::TryStreamExt;
use linkrelay_common::DocumentId;
use mongodb::Collection;
use mongodb::bson::{Document, RawDocumentBuf, doc};
use mongodb::options::{FindOptions, ReadConcern, ReadPreference, SelectionCriteria};

use super::deadline::{CALL_TIMEOUT, within};
use super::store::MongoStore;
use super::titles::Titles;
use super::video_removal::{self, Removed};
use super::{codec, read, videos};
use crate::document::{LinkDocument, LinkState};
use crate::error::StoreError;
use crate::videos::rebuild::PAGE_BYTES;
use crate::videos::{RebuildStore, RebuiltPage};

#[async_trait]
impl RebuildStore for MongoStore {
    async fn estimate_documents(&self) -> Result<u64, StoreError> {
        let count = self.collection().await?.estimated_document_count();
        within(CALL_TIMEOUT, count.into_future()).await
    }

    async fn rebuild_videos(
        &self,
        after: Option<&DocumentId>,
        limit: u32,
    ) -> Result<Option<RebuiltPage>, StoreError> {
        let documents = self.collection().await?;
        let rows = (self.videos_collection().await?, self.titles().await?);
        let after = after.map_or("", DocumentId::as_str);
        within(CALL_TIMEOUT, rebuild(documents, rows, after, limit)).await
    }
}

async fn rebuild(
    collection: &Collection<RawDocumentBuf>,
    (rows, titles): (&Collection<RawDocumentBuf>, &Titles),
    after: &str,
    limit: u32,
) -> Result<Option<RebuiltPage>, StoreError> {
    let found = page(collection, after, limit).await?;
    let (mut page, mut documents) = (None, Vec::new());
    for raw in &found {
        let last = raw.get_str("_id").map_err(|error| StoreError::Unreadable(error.to_string()))?;
        let last = DocumentId::from_stored(last.to_owned());
        let page = page.get_or_insert_with(|| RebuiltPage {
            last: last.clone(),
            documents: 0,
            unreadable: 0,
        });
        page.last = last;
        page.documents += 1;
        match decode(raw) {
            Ok(document) => documents.push(document),
            Err(error) => {
                page.unreadable += 1;
                tracing::warn!(id = %page.last, %error, "a document cannot be read");
            }
        }
    }
    videos::write(rows, titles, &documents.iter().collect::<Vec<_>>()).await?;
    forget_removed(collection, (rows, titles), &documents).await?;
    Ok(page)
}

/// Reads the next documents as a majority has them.
async fn page(
    collection: &Collection<RawDocumentBuf>,
    after: &str,
    limit: u32,
) -> Result<Vec<RawDocumentBuf>, StoreError> {
    let options = FindOptions::builder()
        .sort(doc! { "_id": 1 })
        .limit(i64::from(limit))
        .batch_size(limit)
        .selection_criteria(SelectionCriteria::ReadPreference(ReadPreference::Primary))
        .read_concern(ReadConcern::majority())
        .build();
    let mut found = collection.find(doc! { "_id": { "$gt": after } }).with_options(options).await?;
    let (mut documents, mut bytes) = (Vec::new(), 0);
    while bytes < PAGE_BYTES
        && let Some(document) = found.try_next().await?
    {
        bytes += document.as_bytes().len();
        documents.push(document);
    }
    Ok(documents)
}

fn decode(raw: &RawDocumentBuf) -> Result<LinkDocument, StoreError> {
    let fields = Document::try_from(raw.as_ref());
    fields.map_err(|error| StoreError::Unreadable(error.to_string())).and_then(codec::decode)
}

/// Takes back what was written from documents that were removed or deleted since they were read.
async fn forget_removed(
    collection: &Collection<RawDocumentBuf>,
    rows: (&Collection<RawDocumentBuf>, &Titles),
    documents: &[LinkDocument],
) -> Result<(), StoreError> {
    let of_videos: HashMap<&DocumentId, &String> = documents
        .iter()
        .filter_map(|document| Some((&document.id, document.video_id.as_ref()?)))
        .collect();
    let ids: Vec<DocumentId> = of_videos.keys().map(|id| (*id).clone()).collect();
    let known = read::known(&collection.clone_with_type(), &ids).await?.into_iter();
    let there = known.filter(|document| document.status != LinkState::Deleted);
    let there: HashSet<DocumentId> = there.map(|document| document.id).collect();
    let removed = of_videos.into_iter().filter(|(id, _)| !there.contains(id));
    let removed = removed
        .map(|(id, video_id)| Removed { id: id.clone(), video_id: video_id.clone() })
        .collect::<Vec<_>>();
    video_removal::forget_removed(collection, rows, &removed).await
}
