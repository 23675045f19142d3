//! Metadata that the store has and that is young enough is taken from there, and YouTube is not
//! asked (REUSE_WITHIN).
//!
//! It stands around the extractor, which knows no store. The store is a help here and no
//! condition: whatever is wrong with it, YouTube is asked instead.

#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use linkrelay_common::metrics as names;
use linkrelay_common::{ListLink, VideoId};
use linkrelay_extractor::{Extract, ExtractError, Extraction};
use linkrelay_store::{LinkDocument, LinkStore};
use metrics::counter;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

/// Longer than any healthy store takes to look something up in an index.
const LOOKUP_LIMIT: Duration = Duration::from_secs(1);
/// A store in trouble is left alone for so long, so that not every link waits for it.
const PAUSE: Duration = Duration::from_secs(5);

/// See the module.
#[derive(Debug)]
pub(crate) struct Reuse {
    inner: Arc<dyn Extract>,
    store: Arc<dyn LinkStore>,
    within: Duration,
    /// Without the index, each look would read the whole collection: so nobody looks.
    is_indexed: Arc<AtomicBool>,
    paused_until: Mutex<Option<Instant>>,
    _indexing: AbortOnDropHandle<()>,
}

impl Reuse {
    /// Begins to make the index. Must be called within a runtime.
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

    /// Young metadata of this video, if the store has it and can say so.
    async fn look_up(&self, video_id: VideoId) -> Option<Extraction> {
        if !self.is_indexed.load(Ordering::Acquire) || self.is_paused() {
            return None;
        }
        let looked = tokio::time::timeout(LOOKUP_LIMIT, self.store.newest_of_video(video_id)).await;
        let (outcome, found) = match looked {
            Ok(Ok(document)) => {
                let young = document.and_then(|document| self.reusable(video_id, document));
                (if young.is_some() { "reused" } else { "none" }, young)
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

    /// As it was found then: its source and its time are those of the document.
    fn reusable(&self, video_id: VideoId, document: LinkDocument) -> Option<Extraction> {
        let LinkDocument { video, source, extracted_at, .. } = document;
        let extracted_at = extracted_at?;
        let age: SignedDuration = Timestamp::now().duration_since(extracted_at);
        // From a clock that goes ahead of ours it is as young as can be.
        let is_young = age.is_negative() || age.unsigned_abs() < self.within;
        is_young.then_some(Extraction { video_id, video: video?, source: source?, extracted_at })
    }

    fn is_paused(&self) -> bool {
        let until = *self.paused_until.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| until > Instant::now())
    }

    fn pause(&self, problem: &str) {
        tracing::debug!(problem, "the store cannot say what it has: YouTube is asked");
        let mut until = self.paused_until.lock().unwrap_or_else(PoisonError::into_inner);
        *until = Some(Instant::now() + PAUSE);
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods, reason = "a decorator hands every call on")]
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

/// Tries until it is there. That the store is away is said by whoever watches it.
async fn make_index(store: Arc<dyn LinkStore>, is_indexed: Arc<AtomicBool>) {
    while let Err(error) = store.ensure_video_index().await {
        tracing::debug!(%error, "no index by video yet: nothing is reused");
        tokio::time::sleep(PAUSE).await;
    }
    is_indexed.store(true, Ordering::Release);
}
