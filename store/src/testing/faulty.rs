//! The store in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use linkrelay_common::{DocumentId, ErrorClass, RequestId, VideoId};

use super::jobs::JobsById;
use super::plan::{Method, MethodCounts, Plan};
use crate::videos::VideoChange;
use crate::{
    ExpandedRange, Expansion, KnownDocument, LinkDocument, LinkState, LinkStatus, LinkStore,
    MAX_DOCUMENT_BYTES, RequestCounts, StaleVideo, StaleVideos, StoreError, WriteOutcome,
};

/// The error text of a [`FaultyStore`] that cannot be reached; no answer may repeat it.
const AWAY: &str = "no route to secret-host:27017";

type DocumentsById = BTreeMap<DocumentId, LinkDocument>;

/// Keeps documents until it is dropped, and fails where a test wants it.
#[derive(Debug, Default)]
pub struct FaultyStore {
    documents: Mutex<DocumentsById>,
    /// The numbers of the videos, in the order in which they were first seen.
    sequences: Mutex<BTreeMap<VideoId, i64>>,
    pub(super) jobs: Mutex<JobsById>,
    plan: Mutex<Plan>,
}

impl FaultyStore {
    /// Sets whether every call fails, because the store cannot be reached.
    pub fn set_down(&self, is_down: bool) {
        self.plan().is_down = is_down;
    }

    /// Lets those calls of a method fail that have these numbers, counted from 0.
    pub fn fail(&self, method: Method, calls: Range<usize>) {
        self.plan().failing.insert(method, calls);
    }

    /// Lets a method never answer.
    pub fn hang(&self, method: Method) {
        self.plan().hanging.insert(method);
    }

    /// Refuses the `stored` documents of a link; its `failed` ones are written.
    pub fn refuse(&self, link: &str) {
        self.plan().refused_links.insert(link.to_owned());
    }

    /// Refuses no link any longer.
    pub fn refuse_none(&self) {
        self.plan().refused_links.clear();
    }

    /// Returns how often a method was called.
    pub fn counts(&self, method: Method) -> MethodCounts {
        self.plan().counts.get(&method).copied().unwrap_or_default()
    }

    /// Returns all documents, by id.
    pub fn documents(&self) -> Vec<LinkDocument> {
        self.lock().values().cloned().collect()
    }

    /// Returns how many documents there are.
    pub fn documents_count(&self) -> usize {
        self.lock().len()
    }

    /// Removes a document, as if it had never been written.
    pub fn remove(&self, id: &DocumentId) {
        self.lock().remove(id);
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, DocumentsById> {
        // The map is consistent after every step, so a panic elsewhere does no harm.
        self.documents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the number of each video.
    pub(super) fn sequences(&self) -> BTreeMap<VideoId, i64> {
        self.sequences.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Counts a call, and fails or hangs if the test wants it.
    pub(super) async fn call(&self, method: Method, items: usize) -> Result<(), StoreError> {
        let (is_failing, is_hanging) = self.plan().enter(method, items);
        if is_hanging {
            std::future::pending::<()>().await;
        }
        if is_failing { Err(StoreError::Unreachable(AWAY.to_owned())) } else { Ok(()) }
    }

    fn write(&self, document: &LinkDocument) -> WriteOutcome {
        let size_bytes = serde_json::to_vec(document).map_or(usize::MAX, |json| json.len());
        let is_stored = document.status == LinkState::Stored;
        let is_refused = is_stored && self.plan().refused_links.contains(&document.link);
        if is_refused || size_bytes > MAX_DOCUMENT_BYTES {
            return WriteOutcome::Refused { reason: "too large".to_owned() };
        }
        let mut documents = self.lock();
        let outcome = match documents.get(&document.id).map(KnownDocument::from) {
            None => WriteOutcome::Inserted,
            Some(known) if known.gives_way_to(document) => WriteOutcome::Replaced,
            Some(_) => return WriteOutcome::AlreadyThere,
        };
        if let Some(change) = VideoChange::of(document) {
            let mut sequences = self.sequences.lock().unwrap_or_else(PoisonError::into_inner);
            let next = sequences.len() as i64 + 1;
            sequences.entry(change.video_id).or_insert(next);
        }
        documents.insert(document.id.clone(), document.clone());
        outcome
    }

    fn found(&self, ids: &[DocumentId]) -> Vec<LinkDocument> {
        let documents = self.lock();
        let ids: BTreeSet<&DocumentId> = ids.iter().collect();
        ids.into_iter().filter_map(|id| documents.get(id).cloned()).collect()
    }

    /// Returns all of these videos, in their order.
    fn stale(&self, stale: &StaleVideos) -> Vec<StaleVideo> {
        let mut times: BTreeMap<String, (Option<i64>, Option<i64>)> = BTreeMap::new();
        for document in self.documents() {
            let Some(video_id) = document.video_id else { continue };
            let (extracted, refused) = times.entry(video_id).or_default();
            let class = document.error.map(|error| error.class);
            match (document.status, class) {
                (LinkState::Stored, _) => {
                    let at = document.extracted_at.map(Timestamp::as_millisecond);
                    *extracted = (*extracted).max(at);
                }
                (LinkState::Failed, Some(ErrorClass::Permanent)) => {
                    *refused = (*refused).max(Some(document.stored_at.as_millisecond()));
                }
                _ => {}
            }
        }
        let before = stale.extracted_before.as_millisecond();
        let found = times.into_iter().filter_map(|(video_id, (extracted, refused))| {
            let extracted = extracted.filter(|extracted| *extracted < before)?;
            let end = if stale.with_failed { before } else { extracted + 1 };
            let extracted_at = Timestamp::from_millisecond(extracted).ok()?;
            refused.is_none_or(|at| at < end).then_some(StaleVideo { extracted_at, video_id })
        });
        let mut found: Vec<StaleVideo> =
            found.filter(|video| stale.after.as_ref().is_none_or(|after| video > after)).collect();
        found.sort();
        found
    }

    /// Returns the documents of a request, by index.
    fn of_request(&self, request_id: RequestId) -> Vec<LinkDocument> {
        let mut found = self.documents();
        found.retain(|document| document.request_id == Some(request_id));
        found.sort_by_key(|document| document.index);
        found
    }
}

#[async_trait]
impl LinkStore for FaultyStore {
    async fn ensure_schema(&self) -> Result<(), StoreError> {
        self.call(Method::EnsureSchema, 0).await
    }

    async fn write_batch(
        &self,
        documents: &[LinkDocument],
    ) -> Result<Vec<WriteOutcome>, StoreError> {
        self.call(Method::WriteBatch, documents.len()).await?;
        Ok(documents.iter().map(|document| self.write(document)).collect())
    }

    async fn find(&self, ids: &[DocumentId]) -> Result<Vec<LinkDocument>, StoreError> {
        self.call(Method::Find, ids.len()).await?;
        Ok(self.found(ids))
    }

    async fn known(&self, ids: &[DocumentId]) -> Result<Vec<KnownDocument>, StoreError> {
        self.call(Method::Known, ids.len()).await?;
        Ok(self.found(ids).iter().map(KnownDocument::from).collect())
    }

    /// There is no journal.
    async fn done(&self, ids: &[DocumentId]) -> Result<(), StoreError> {
        self.call(Method::Done, ids.len()).await
    }

    async fn request_counts(&self, request_id: RequestId) -> Result<RequestCounts, StoreError> {
        self.call(Method::RequestCounts, 0).await?;
        let mut counts = RequestCounts::default();
        for document in self.of_request(request_id) {
            counts.add(document.status, 1);
        }
        Ok(counts)
    }

    async fn request_links(
        &self,
        request_id: RequestId,
        from_index: u32,
        limit: u32,
    ) -> Result<Vec<LinkStatus>, StoreError> {
        self.call(Method::RequestLinks, 0).await?;
        let mut found = self.of_request(request_id);
        let indexes = from_index..from_index.saturating_add(limit);
        found.retain(|document| indexes.contains(&document.index));
        Ok(found.into_iter().map(link_status).collect())
    }

    async fn request_expansions(
        &self,
        request_id: RequestId,
    ) -> Result<Vec<ExpandedRange>, StoreError> {
        self.call(Method::RequestExpansions, 0).await?;
        let lists = self.of_request(request_id).into_iter();
        Ok(lists.filter_map(|document| document.expansion.as_ref().map(range)).collect())
    }

    /// There are no dead letters, and there is no journal.
    async fn delete_request(
        &self,
        request_id: RequestId,
        deleted_at: Timestamp,
    ) -> Result<u64, StoreError> {
        self.call(Method::DeleteRequest, 0).await?;
        let mut documents = self.lock();
        let of_request = documents.values_mut().filter(|document| {
            document.request_id == Some(request_id) && document.status != LinkState::Deleted
        });
        Ok(of_request.map(|document| *document = document.clone().deleted(deleted_at)).count()
            as u64)
    }

    async fn set_retention(&self, _: Option<Duration>) -> Result<(), StoreError> {
        self.call(Method::SetRetention, 0).await
    }

    async fn remove_expired(
        &self,
        stored_before: Timestamp,
        limit: u32,
    ) -> Result<u32, StoreError> {
        self.call(Method::RemoveExpired, 0).await?;
        let mut documents = self.lock();
        let mut old: Vec<(Timestamp, DocumentId)> = documents
            .values()
            .map(|document| (document.stored_at, document.id.clone()))
            .filter(|(stored_at, _)| *stored_at < stored_before)
            .collect();
        old.sort();
        old.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        old.iter().for_each(|(_, id)| drop(documents.remove(id)));
        Ok(u32::try_from(old.len()).unwrap_or(u32::MAX))
    }

    /// Every search goes through all documents.
    async fn ensure_video_index(&self) -> Result<(), StoreError> {
        self.call(Method::EnsureVideoIndex, 0).await
    }

    async fn newest_of_video(&self, video_id: VideoId) -> Result<Option<LinkDocument>, StoreError> {
        self.call(Method::NewestOfVideo, 0).await?;
        let video_id = video_id.to_string();
        let mut found = self.documents();
        found.retain(|document| {
            document.status == LinkState::Stored && document.video_id.as_ref() == Some(&video_id)
        });
        Ok(found.into_iter().max_by_key(|document| document.extracted_at))
    }

    async fn stale_videos(
        &self,
        stale: &StaleVideos,
        limit: u32,
    ) -> Result<Vec<StaleVideo>, StoreError> {
        self.call(Method::StaleVideos, 0).await?;
        let mut found = self.stale(stale);
        found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(found)
    }

    async fn count_stale_videos(&self, stale: &StaleVideos) -> Result<u64, StoreError> {
        self.call(Method::CountStaleVideos, 0).await?;
        Ok(self.stale(stale).len() as u64)
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.call(Method::Ping, 0).await
    }
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
