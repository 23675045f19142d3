//! Reuses recent metadata of the store, so that YouTube is not asked again (REUSE_WITHIN).
//!
//! It wraps the extractor, which knows no store. Reuse is only an optimisation: if the store fails,
//! YouTube is asked.

#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use linkrelay_common::metrics as names;
use linkrelay_common::until::until_it_works;
use linkrelay_common::{ListLink, VideoId};
use linkrelay_extractor::{Extract, ExtractError, Extraction};
use linkrelay_store::{LinkDocument, LinkStore};
use metrics::counter;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

/// Longer than any healthy store takes to look something up in an index.
const LOOKUP_LIMIT: Duration = Duration::from_secs(1);
/// How long a store that failed is not asked, so that not every link waits for it.
const PAUSE: Duration = Duration::from_secs(5);

/// An extractor that looks for recent metadata in the store first.
#[derive(Debug)]
pub(crate) struct Reuse {
    inner: Arc<dyn Extract>,
    store: Arc<dyn LinkStore>,
    within: Duration,
    /// The store is asked only once it has the index, without which it would read all documents.
    is_indexed: Arc<AtomicBool>,
    paused_until: Mutex<Option<Instant>>,
    _indexing: AbortOnDropHandle<()>,
}

impl Reuse {
    /// Makes the extractor, and begins to make the index. Must be called within a runtime.
    pub(crate) fn start(
        inner: Arc<dyn Extract>,
        store: Arc<dyn LinkStore>,
        within: Duration,
    ) -> Self {
        let is_indexed = Arc::new(AtomicBool::new(false));
        let indexing = tokio::spawn(make_index(Arc::clone(&store), Arc::clone(&is_indexed)));
        Self {
            inner,
            store,
            within,
            is_indexed,
            paused_until: Mutex::default(),
            _indexing: AbortOnDropHandle::new(indexing),
        }
    }

    /// Returns recent metadata of this video, if the store has it and answers in time.
    async fn look_up(&self, video_id: VideoId) -> Option<Extraction> {
        if !self.is_indexed.load(Ordering::Acquire) || self.is_paused() {
            return None;
        }
        let looked = tokio::time::timeout(LOOKUP_LIMIT, self.store.newest_of_video(video_id)).await;
        let (outcome, found) = match looked {
            Ok(Ok(document)) => {
                let recent = document.and_then(|document| self.reusable(video_id, document));
                (if recent.is_some() { "reused" } else { "none" }, recent)
            }
            Ok(Err(error)) => {
                self.pause(&error.to_string());
                ("trouble", None)
            }
            Err(_) => {
                self.pause("no answer in time");
                ("trouble", None)
            }
        };
        counter!(names::REUSE_LOOKUPS, "outcome" => outcome).increment(1);
        found
    }

    /// Returns the metadata of a document if it is recent, with the document's source and time.
    fn reusable(&self, video_id: VideoId, document: LinkDocument) -> Option<Extraction> {
        let LinkDocument { video, source, extracted_at, .. } = document;
        let extracted_at = extracted_at?;
        let age: SignedDuration = Timestamp::now().duration_since(extracted_at);
        // A time in the future is from a clock that is ahead of this one.
        let is_recent = age.is_negative() || age.unsigned_abs() < self.within;
        is_recent.then_some(Extraction { video_id, video: video?, source: source?, extracted_at })
    }

    fn is_paused(&self) -> bool {
        let until = *self.paused_until.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| until > Instant::now())
    }

    fn pause(&self, problem: &str) {
        tracing::debug!(problem, "the store did not answer a lookup for reuse: YouTube is asked");
        let mut until = self.paused_until.lock().unwrap_or_else(PoisonError::into_inner);
        *until = Some(Instant::now() + PAUSE);
    }
}

#[deny(clippy::missing_trait_methods, reason = "a default would leave `inner` out")]
#[async_trait]
impl Extract for Reuse {
    async fn extract(&self, video_id: VideoId, force: bool) -> Result<Extraction, ExtractError> {
        if !force && let Some(found) = self.look_up(video_id).await {
            return Ok(found);
        }
        self.inner.extract(video_id, force).await
    }

    async fn expand(&self, list: &ListLink, limit: usize) -> Result<Vec<VideoId>, ExtractError> {
        self.inner.expand(list, limit).await
    }

    fn publish_gauges(&self) {
        self.inner.publish_gauges();
    }
}

/// Retries until the index is made. An unreachable store is reported by the watch of the store.
async fn make_index(store: Arc<dyn LinkStore>, is_indexed: Arc<AtomicBool>) {
    let failed = |error| {
        tracing::debug!(%error, "the store has no index by video yet: no metadata is reused");
    };
    until_it_works(std::iter::repeat(PAUSE), || store.ensure_video_index(), failed).await;
    is_indexed.store(true, Ordering::Release);
}
