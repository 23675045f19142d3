//! The store in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use linkrelay_common::{DocumentId, RequestId, VideoId};

use super::jobs::JobsById;
use super::plan::{Method, MethodCounts, Plan};
use crate::processes::ProcessRow;
use crate::requests::RequestRow;
use crate::videos::VideoChange;
use crate::{
    ExpandedRange, Expansion, KnownDocument, LinkDocument, LinkState, LinkStatus, LinkStore,
    MAX_DOCUMENT_BYTES, RequestCounts, StoreError, WriteOutcome,
};

/// The error text of a [`FaultyStore`] that cannot be reached; no answer may repeat it.
const AWAY: &str = "no route to secret-host:27017";

type DocumentsById = BTreeMap<DocumentId, LinkDocument>;

/// Keeps documents until it is dropped, and fails where a test wants it.
#[derive(Debug, Default)]
pub struct FaultyStore {
    documents: Mutex<DocumentsById>,
    /// The numbers of the videos that have a row, in the order in which they were first seen.
    sequences: Mutex<BTreeMap<VideoId, i64>>,
    /// The rows of requests, by id.
    requests: Mutex<BTreeMap<String, RequestRow>>,
    /// The rows of processes, by key, and when each last beat.
    processes: Mutex<BTreeMap<String, (Timestamp, ProcessRow)>>,
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

    /// Lets videos be indexed by [`index_videos`](crate::SearchIndexStore::index_videos), of which
    /// this many batches wait.
    pub fn set_unindexed(&self, batches: u64) {
        self.plan().unindexed_batches = Some(batches);
    }

    /// Takes one of the batches that wait. Returns how many there were.
    pub(super) fn take_unindexed(&self) -> Option<u64> {
        let mut plan = self.plan();
        let waiting = plan.unindexed_batches?;
        plan.unindexed_batches = Some(waiting.saturating_sub(1));
        Some(waiting)
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

    /// Removes the rows of all videos, as if the documents were older than them.
    pub fn drop_rows(&self) {
        self.sequences.lock().unwrap_or_else(PoisonError::into_inner).clear();
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

    /// Returns the rows of requests, by id.
    pub(super) fn rows_of_requests(&self) -> MutexGuard<'_, BTreeMap<String, RequestRow>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the rows of processes, by key.
    pub(super) fn rows_of_processes(
        &self,
    ) -> MutexGuard<'_, BTreeMap<String, (Timestamp, ProcessRow)>> {
        self.processes.lock().unwrap_or_else(PoisonError::into_inner)
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
        self.make_row(document);
        documents.insert(document.id.clone(), document.clone());
        outcome
    }

    /// Gives the video of this document a number, unless it has one.
    pub(super) fn make_row(&self, document: &LinkDocument) {
        let Some(change) = VideoChange::of(document) else { return };
        let mut sequences = self.sequences.lock().unwrap_or_else(PoisonError::into_inner);
        let next = sequences.values().max().map_or(1, |last| last + 1);
        sequences.entry(change.video_id).or_insert(next);
    }

    fn found(&self, ids: &[DocumentId]) -> Vec<LinkDocument> {
        let documents = self.lock();
        let ids: BTreeSet<&DocumentId> = ids.iter().collect();
        ids.into_iter().filter_map(|id| documents.get(id).cloned()).collect()
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
        self.rows_of_requests().remove(&request_id.to_string());
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
        self.rows_of_requests().retain(|_, row| row.accepted_at >= stored_before);
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
