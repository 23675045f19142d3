//! An extractor and a store that do what the test says.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use jiff::Timestamp;
use linkrelay_common::{DocumentId, ListLink, RequestId, Video, VideoId};
use linkrelay_extractor::{Extract, ExtractError, Extraction, Refusal};
use linkrelay_store::{
    KnownDocument, LinkDocument, LinkState, LinkStatus, LinkStore, RequestCounts, StoreError,
    WriteOutcome,
};
use tokio::sync::Semaphore;

/// Finds every video, unless told otherwise.
#[derive(Debug)]
pub(crate) struct ScriptedExtractor {
    scripts: Mutex<HashMap<VideoId, VecDeque<ExtractError>>>,
    always: Mutex<HashMap<VideoId, ExtractError>>,
    hanging: Mutex<HashSet<VideoId>>,
    lists: Mutex<VecDeque<Result<Vec<VideoId>, ExtractError>>>,
    list_limits: Mutex<Vec<usize>>,
    /// Videos whose extraction panics.
    pub(crate) panics: Mutex<HashSet<VideoId>>,
    /// Each extraction takes a permit and keeps it: none left, none ends.
    pub(crate) gate: Semaphore,
    pub(crate) calls: AtomicUsize,
    in_flight: AtomicUsize,
    pub(crate) most_in_flight: AtomicUsize,
}

impl ScriptedExtractor {
    pub(crate) fn new() -> Self {
        Self {
            scripts: Mutex::default(),
            always: Mutex::default(),
            hanging: Mutex::default(),
            lists: Mutex::default(),
            list_limits: Mutex::default(),
            panics: Mutex::default(),
            gate: Semaphore::new(1_000_000),
            calls: AtomicUsize::new(0),
            in_flight: AtomicUsize::new(0),
            most_in_flight: AtomicUsize::new(0),
        }
    }

    /// The next attempts for a video fail like this, then it is found.
    pub(crate) fn fail(&self, video_id: VideoId, errors: impl IntoIterator<Item = ExtractError>) {
        self.scripts.lock().unwrap().insert(video_id, errors.into_iter().collect());
    }

    pub(crate) fn always_fail(&self, video_id: VideoId, error: ExtractError) {
        self.always.lock().unwrap().insert(video_id, error);
    }

    /// What the next questions for a list are answered with, whichever list it is.
    pub(crate) fn list(
        &self,
        answers: impl IntoIterator<Item = Result<Vec<VideoId>, ExtractError>>,
    ) {
        self.lists.lock().unwrap().extend(answers);
    }

    /// The limit of each question for a list.
    pub(crate) fn list_limits(&self) -> Vec<usize> {
        self.list_limits.lock().unwrap().clone()
    }

    /// Every video is found from now on, also those that hang.
    pub(crate) fn recover(&self) {
        self.always.lock().unwrap().clear();
        self.hanging.lock().unwrap().clear();
    }

    /// An extraction of this video never ends.
    pub(crate) fn hang(&self, video_id: VideoId) {
        self.hanging.lock().unwrap().insert(video_id);
    }

    /// From now on no extraction ends until the gate is opened.
    pub(crate) fn close_gate(&self) {
        self.gate.forget_permits(usize::MAX);
    }

    pub(crate) fn open_gate(&self) {
        self.gate.add_permits(1_000_000);
    }

    pub(crate) fn calls_count(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::SeqCst)
    }

    fn scripted(&self, video_id: VideoId) -> Option<ExtractError> {
        let next = self.scripts.lock().unwrap().get_mut(&video_id).and_then(VecDeque::pop_front);
        next.or_else(|| self.always.lock().unwrap().get(&video_id).cloned())
    }
}

/// Counts down when an extraction ends, or is dropped.
struct InFlight<'a>(&'a AtomicUsize);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl Extract for ScriptedExtractor {
    async fn extract(&self, video_id: VideoId, _force: bool) -> Result<Extraction, ExtractError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let now = self.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        let _in_flight = InFlight(&self.in_flight);
        self.most_in_flight.fetch_max(now, Ordering::SeqCst);
        self.gate.acquire().await.unwrap().forget();
        if self.hanging.lock().unwrap().contains(&video_id) {
            std::future::pending::<()>().await;
        }
        assert!(!self.panics.lock().unwrap().contains(&video_id), "the test wants a panic here");
        if let Some(error) = self.scripted(video_id) {
            return Err(error);
        }
        let source = "scripted".to_owned();
        Ok(Extraction { video_id, video: video(video_id), source, extracted_at: Timestamp::now() })
    }

    async fn expand(&self, _: &ListLink, limit: usize) -> Result<Vec<VideoId>, ExtractError> {
        self.list_limits.lock().unwrap().push(limit);
        let answer = self.lists.lock().unwrap().pop_front();
        answer.unwrap_or(Err(ExtractError::Refused(Refusal::NoExpansion)))
    }
}

fn video(video_id: VideoId) -> Video {
    Video::titled(format!("video {video_id}"))
}

/// Keeps documents in memory, and counts what a real store would have hidden.
#[derive(Debug, Default)]
pub(crate) struct MemoryStore {
    documents: Mutex<BTreeMap<DocumentId, LinkDocument>>,
    pub(crate) is_down: AtomicBool,
    /// Writes that failed because it was down.
    pub(crate) refusals: AtomicUsize,
    /// Stored documents of these links are refused; failed ones are not.
    pub(crate) refused_links: Mutex<HashSet<String>>,
    /// Links that it was told are done.
    pub(crate) told_done: AtomicUsize,
    /// Links of which it was asked what is known.
    pub(crate) asked_about: AtomicUsize,
}

impl MemoryStore {
    pub(crate) fn documents(&self) -> Vec<LinkDocument> {
        self.documents.lock().unwrap().values().cloned().collect()
    }

    pub(crate) fn documents_count(&self) -> usize {
        self.documents.lock().unwrap().len()
    }

    pub(crate) fn remove(&self, id: &DocumentId) {
        self.documents.lock().unwrap().remove(id);
    }

    fn check(&self) -> Result<(), StoreError> {
        let is_down = self.is_down.load(Ordering::SeqCst);
        if is_down { Err(StoreError::Unreachable("the test says so".to_owned())) } else { Ok(()) }
    }

    fn write(&self, document: &LinkDocument) -> WriteOutcome {
        if document.status == LinkState::Stored
            && self.refused_links.lock().unwrap().contains(&document.link)
        {
            return WriteOutcome::Refused { reason: "too large".to_owned() };
        }
        let mut documents = self.documents.lock().unwrap();
        let outcome = match documents.get(&document.id).map(KnownDocument::from) {
            None => WriteOutcome::Inserted,
            Some(known) if known.gives_way_to(document) => WriteOutcome::Replaced,
            Some(_) => return WriteOutcome::AlreadyThere,
        };
        documents.insert(document.id.clone(), document.clone());
        outcome
    }
}

#[async_trait]
impl LinkStore for MemoryStore {
    async fn ensure_schema(&self) -> Result<(), StoreError> {
        self.check()
    }

    async fn write_batch(
        &self,
        documents: &[LinkDocument],
    ) -> Result<Vec<WriteOutcome>, StoreError> {
        self.check().inspect_err(|_| {
            self.refusals.fetch_add(1, Ordering::SeqCst);
        })?;
        Ok(documents.iter().map(|document| self.write(document)).collect())
    }

    async fn find(&self, ids: &[DocumentId]) -> Result<Vec<LinkDocument>, StoreError> {
        self.check()?;
        let documents = self.documents.lock().unwrap();
        Ok(ids.iter().filter_map(|id| documents.get(id).cloned()).collect())
    }

    async fn known(&self, ids: &[DocumentId]) -> Result<Vec<KnownDocument>, StoreError> {
        self.asked_about.fetch_add(ids.len(), Ordering::SeqCst);
        Ok(self.find(ids).await?.iter().map(KnownDocument::from).collect())
    }

    async fn done(&self, ids: &[DocumentId]) -> Result<(), StoreError> {
        self.told_done.fetch_add(ids.len(), Ordering::SeqCst);
        self.check()
    }

    async fn request_counts(&self, _: RequestId) -> Result<RequestCounts, StoreError> {
        Err(StoreError::Refused("the consumer never asks".to_owned()))
    }

    async fn request_links(
        &self,
        _: RequestId,
        _: u32,
        _: u32,
    ) -> Result<Vec<LinkStatus>, StoreError> {
        Err(StoreError::Refused("the consumer never asks".to_owned()))
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.check()
    }
}
