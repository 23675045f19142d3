//! A store in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use linkrelay_common::{DocumentId, RequestId, VideoId};

use crate::{
    ExpandedRange, Expansion, KnownDocument, LinkDocument, LinkState, LinkStatus, LinkStore,
    MAX_DOCUMENT_BYTES, RequestCounts, StoreError, WriteOutcome,
};

type Documents = BTreeMap<DocumentId, LinkDocument>;

/// Keeps documents until it is dropped.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<Documents>);

impl MemoryStore {
    /// All documents, by id.
    pub fn documents(&self) -> Vec<LinkDocument> {
        self.lock().values().cloned().collect()
    }

    /// How many documents there are.
    pub fn documents_count(&self) -> usize {
        self.lock().len()
    }

    /// Takes a document away, as if it had never been written.
    pub fn remove(&self, id: &DocumentId) {
        self.lock().remove(id);
    }

    fn lock(&self) -> MutexGuard<'_, Documents> {
        // Each change is whole in itself, so a panic elsewhere leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The documents of a request, by index.
    fn of_request(&self, request_id: RequestId) -> Vec<LinkDocument> {
        let mut found = self.documents();
        found.retain(|document| document.request_id == Some(request_id));
        found.sort_by_key(|document| document.index);
        found
    }
}

#[async_trait]
impl LinkStore for MemoryStore {
    async fn ensure_schema(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn write_batch(
        &self,
        documents: &[LinkDocument],
    ) -> Result<Vec<WriteOutcome>, StoreError> {
        let mut there = self.lock();
        Ok(documents.iter().map(|document| write(&mut there, document)).collect())
    }

    async fn find(&self, ids: &[DocumentId]) -> Result<Vec<LinkDocument>, StoreError> {
        let there = self.lock();
        let ids: BTreeSet<&DocumentId> = ids.iter().collect();
        Ok(ids.into_iter().filter_map(|id| there.get(id).cloned()).collect())
    }

    async fn known(&self, ids: &[DocumentId]) -> Result<Vec<KnownDocument>, StoreError> {
        Ok(self.find(ids).await?.iter().map(KnownDocument::from).collect())
    }

    /// There is no journal.
    async fn done(&self, _: &[DocumentId]) -> Result<(), StoreError> {
        Ok(())
    }

    async fn request_counts(&self, request_id: RequestId) -> Result<RequestCounts, StoreError> {
        let mut counts = RequestCounts::default();
        for document in self.of_request(request_id) {
            match document.status {
                LinkState::Stored => counts.stored += 1,
                LinkState::Failed => counts.failed += 1,
                LinkState::Expanded => counts.expanded += 1,
            }
        }
        Ok(counts)
    }

    async fn request_links(
        &self,
        request_id: RequestId,
        from_index: u32,
        limit: u32,
    ) -> Result<Vec<LinkStatus>, StoreError> {
        let mut found = self.of_request(request_id);
        let indexes = from_index..from_index.saturating_add(limit);
        found.retain(|document| indexes.contains(&document.index));
        Ok(found.into_iter().map(link_status).collect())
    }

    async fn request_expansions(
        &self,
        request_id: RequestId,
    ) -> Result<Vec<ExpandedRange>, StoreError> {
        let lists = self.of_request(request_id).into_iter();
        Ok(lists.filter_map(|document| document.expansion.as_ref().map(range)).collect())
    }

    /// Every search goes through all documents.
    async fn ensure_video_index(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn newest_of_video(&self, video_id: VideoId) -> Result<Option<LinkDocument>, StoreError> {
        let video_id = video_id.to_string();
        let mut found = self.documents();
        found.retain(|document| {
            document.status == LinkState::Stored && document.video_id.as_ref() == Some(&video_id)
        });
        Ok(found.into_iter().max_by_key(|document| document.extracted_at))
    }

    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

fn write(there: &mut Documents, document: &LinkDocument) -> WriteOutcome {
    let size_bytes = serde_json::to_vec(document).map_or(usize::MAX, |json| json.len());
    if size_bytes > MAX_DOCUMENT_BYTES {
        return WriteOutcome::Refused { reason: "too large".to_owned() };
    }
    let outcome = match there.get(&document.id).map(KnownDocument::from) {
        None => WriteOutcome::Inserted,
        Some(known) if known.gives_way_to(document) => WriteOutcome::Replaced,
        Some(_) => return WriteOutcome::AlreadyThere,
    };
    there.insert(document.id.clone(), document.clone());
    outcome
}

fn link_status(document: LinkDocument) -> LinkStatus {
    LinkStatus {
        index: document.index,
        link: document.link,
        video_id: document.video_id,
        state: document.status,
        title: document.video.map(|video| video.title),
        error: document.error,
        expanded: document.expansion.as_ref().map(range),
    }
}

fn range(expansion: &Expansion) -> ExpandedRange {
    let Expansion { first_index, videos_count, .. } = *expansion;
    ExpandedRange { first_index, videos_count }
}
