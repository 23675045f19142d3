//! Reuses recent metadata of the store, so that YouTube is not asked again (REUSE_WITHIN).
//!
//! It wraps the extractor, which knows no store. Reuse is only an optimisation: if the store fails,
//! YouTube is asked.

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use linkrelay_common::metrics as names;
use linkrelay_common::{ListLink, VideoId};
use linkrelay_extractor::{Extract, ExtractError, Extraction};
use linkrelay_store::VideoStore;
use linkrelay_store::videos::VideoMetadata;
use metrics::counter;
use tokio::time::Instant;

/// Longer than any healthy store takes to read one row.
const LOOKUP_LIMIT: Duration = Duration::from_secs(1);
/// How long a store that failed is not asked, so that not every link waits for it.
const PAUSE: Duration = Duration::from_secs(5);

/// An extractor that looks for recent metadata in the store first.
#[derive(Debug)]
pub(crate) struct Reuse {
    inner: Arc<dyn Extract>,
    store: Arc<dyn VideoStore>,
    within: Duration,
    paused_until: Mutex<Option<Instant>>,
}

impl Reuse {
    pub(crate) fn new(
        inner: Arc<dyn Extract>,
        store: Arc<dyn VideoStore>,
        within: Duration,
    ) -> Self {
        Self { inner, store, within, paused_until: Mutex::default() }
    }

    /// Returns recent metadata of this video, if the store has it and answers in time.
    async fn look_up(&self, video_id: VideoId) -> Option<Extraction> {
        if self.is_paused() {
            return None;
        }
        let looked = tokio::time::timeout(LOOKUP_LIMIT, self.store.video(video_id)).await;
        let (outcome, found) = match looked {
            Ok(Ok(row)) => {
                let newest = row.and_then(|row| row.metadata);
                let recent = newest.and_then(|newest| self.reusable(video_id, newest));
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

    /// Returns the metadata of a row if it is recent, with its source and time.
    fn reusable(&self, video_id: VideoId, newest: VideoMetadata) -> Option<Extraction> {
        let VideoMetadata { video, source, extracted_at, .. } = newest;
        let extracted_at = extracted_at?;
        let age: SignedDuration = Timestamp::now().duration_since(extracted_at);
        // A time in the future is from a clock that is ahead of this one.
        let is_recent = age.is_negative() || age.unsigned_abs() < self.within;
        is_recent.then_some(Extraction { video_id, video, source: source?, extracted_at })
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
