//! A store that fails, hangs and counts as a test says.

use std::collections::{HashMap, HashSet};
use std::ops::{Deref, Range};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use linkrelay_common::{DocumentId, RequestId, VideoId};

use super::memory::MemoryStore;
use crate::{
    ExpandedRange, KnownDocument, LinkDocument, LinkState, LinkStatus, LinkStore, RequestCounts,
    StoreError, WriteOutcome,
};

/// What a [`FaultyStore`] says of itself where it cannot be reached; no answer may repeat it.
const AWAY: &str = "no route to secret-host:27017";

/// A method of [`LinkStore`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are those of the methods")]
pub enum Method {
    EnsureSchema,
    WriteBatch,
    Find,
    Known,
    Done,
    RequestCounts,
    RequestLinks,
    RequestExpansions,
    EnsureVideoIndex,
    NewestOfVideo,
    Ping,
}

/// How often a method was called.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// All calls.
    pub calls: usize,
    /// Those that failed because the test said so.
    pub failed: usize,
    /// The documents and ids of all calls together.
    pub items: usize,
}

/// A [`MemoryStore`] with faults.
#[derive(Debug, Default)]
pub struct FaultyStore {
    memory: MemoryStore,
    plan: Mutex<Plan>,
}

#[derive(Debug, Default)]
struct Plan {
    is_down: bool,
    failing: HashMap<Method, Range<usize>>,
    hanging: HashSet<Method>,
    refused_links: HashSet<String>,
    counts: HashMap<Method, Counts>,
}

impl FaultyStore {
    /// Says whether every call fails from now on, because the store cannot be reached.
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

    /// Refuses the documents of a link that say `stored`; those that say `failed` are written.
    pub fn refuse(&self, link: &str) {
        self.plan().refused_links.insert(link.to_owned());
    }

    /// Refuses no link any more.
    pub fn refuse_none(&self) {
        self.plan().refused_links.clear();
    }

    /// How often a method was called.
    pub fn counts(&self, method: Method) -> Counts {
        self.plan().counts.get(&method).copied().unwrap_or_default()
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call, and fails or hangs where it shall.
    async fn call(&self, method: Method, items: usize) -> Result<&MemoryStore, StoreError> {
        let (is_failing, is_hanging) = self.plan().enter(method, items);
        if is_hanging {
            std::future::pending::<()>().await;
        }
        if is_failing {
            return Err(StoreError::Unreachable(AWAY.to_owned()));
        }
        Ok(&self.memory)
    }

    fn is_refused(&self, document: &LinkDocument) -> bool {
        document.status == LinkState::Stored && self.plan().refused_links.contains(&document.link)
    }
}

impl Plan {
    /// Whether this call fails, and whether it hangs.
    fn enter(&mut self, method: Method, items: usize) -> (bool, bool) {
        let counts = self.counts.entry(method).or_default();
        let is_listed =
            self.failing.get(&method).is_some_and(|calls| calls.contains(&counts.calls));
        let is_failing = self.is_down || is_listed;
        counts.calls += 1;
        counts.items += items;
        counts.failed += usize::from(is_failing);
        (is_failing, self.hanging.contains(&method))
    }
}

impl Deref for FaultyStore {
    type Target = MemoryStore;

    fn deref(&self) -> &MemoryStore {
        &self.memory
    }
}

#[async_trait]
impl LinkStore for FaultyStore {
    async fn ensure_schema(&self) -> Result<(), StoreError> {
        self.call(Method::EnsureSchema, 0).await?.ensure_schema().await
    }

    async fn write_batch(
        &self,
        documents: &[LinkDocument],
    ) -> Result<Vec<WriteOutcome>, StoreError> {
        let memory = self.call(Method::WriteBatch, documents.len()).await?;
        let mut outcomes = Vec::with_capacity(documents.len());
        for document in documents {
            if self.is_refused(document) {
                outcomes.push(WriteOutcome::Refused { reason: "too large".to_owned() });
            } else {
                outcomes.extend(memory.write_batch(std::slice::from_ref(document)).await?);
            }
        }
        Ok(outcomes)
    }

    async fn find(&self, ids: &[DocumentId]) -> Result<Vec<LinkDocument>, StoreError> {
        self.call(Method::Find, ids.len()).await?.find(ids).await
    }

    async fn known(&self, ids: &[DocumentId]) -> Result<Vec<KnownDocument>, StoreError> {
        self.call(Method::Known, ids.len()).await?.known(ids).await
    }

    async fn done(&self, ids: &[DocumentId]) -> Result<(), StoreError> {
        self.call(Method::Done, ids.len()).await?.done(ids).await
    }

    async fn request_counts(&self, request_id: RequestId) -> Result<RequestCounts, StoreError> {
        self.call(Method::RequestCounts, 0).await?.request_counts(request_id).await
    }

    async fn request_links(
        &self,
        request_id: RequestId,
        from_index: u32,
        limit: u32,
    ) -> Result<Vec<LinkStatus>, StoreError> {
        let memory = self.call(Method::RequestLinks, 0).await?;
        memory.request_links(request_id, from_index, limit).await
    }

    async fn request_expansions(
        &self,
        request_id: RequestId,
    ) -> Result<Vec<ExpandedRange>, StoreError> {
        self.call(Method::RequestExpansions, 0).await?.request_expansions(request_id).await
    }

    async fn ensure_video_index(&self) -> Result<(), StoreError> {
        self.call(Method::EnsureVideoIndex, 0).await?.ensure_video_index().await
    }

    async fn newest_of_video(&self, video_id: VideoId) -> Result<Option<LinkDocument>, StoreError> {
        self.call(Method::NewestOfVideo, 0).await?.newest_of_video(video_id).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.call(Method::Ping, 0).await?.ping().await
    }
}
