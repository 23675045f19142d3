//! An extractor that does what the test says.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use jiff::Timestamp;
use linkrelay_common::{ListLink, Video, VideoId};
use linkrelay_extractor::{Extract, ExtractError, Extraction, Refusal};
use tokio::sync::Semaphore;

/// Finds every video, unless a test sets another answer.
#[derive(Debug)]
pub(crate) struct ScriptedExtractor {
    scripts: Mutex<HashMap<VideoId, VecDeque<ExtractError>>>,
    always: Mutex<HashMap<VideoId, ExtractError>>,
    hanging: Mutex<HashSet<VideoId>>,
    lists: Mutex<VecDeque<Result<Vec<VideoId>, ExtractError>>>,
    list_limits: Mutex<Vec<usize>>,
    /// Videos whose extraction panics.
    pub(crate) panics: Mutex<HashSet<VideoId>>,
    /// Each extraction takes a permit and keeps it. Without permits, no extraction ends.
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

    /// Sets the answers of the next requests for a list, for any list.
    pub(crate) fn list(
        &self,
        answers: impl IntoIterator<Item = Result<Vec<VideoId>, ExtractError>>,
    ) {
        self.lists.lock().unwrap().extend(answers);
    }

    /// Returns the limit of each request for a list.
    pub(crate) fn list_limits(&self) -> Vec<usize> {
        self.list_limits.lock().unwrap().clone()
    }

    /// Makes every video found from this call on, also those that hang.
    pub(crate) fn recover(&self) {
        self.always.lock().unwrap().clear();
        self.hanging.lock().unwrap().clear();
    }

    /// Makes the extractions of this video hang forever.
    pub(crate) fn hang(&self, video_id: VideoId) {
        self.hanging.lock().unwrap().insert(video_id);
    }

    /// Lets no extraction end until the gate is opened.
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
struct InFlightGuard<'a>(&'a AtomicUsize);

impl Drop for InFlightGuard<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl Extract for ScriptedExtractor {
    async fn extract(&self, video_id: VideoId, _force: bool) -> Result<Extraction, ExtractError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let now = self.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        let _in_flight = InFlightGuard(&self.in_flight);
        self.most_in_flight.fetch_max(now, Ordering::SeqCst);
        self.gate.acquire().await.unwrap().forget();
        if self.hanging.lock().unwrap().contains(&video_id) {
            std::future::pending::<()>().await;
        }
        assert!(!self.panics.lock().unwrap().contains(&video_id), "the test expects a panic here");
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
