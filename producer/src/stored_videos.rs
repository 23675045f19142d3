//! Which videos have metadata in the store already, if the store says so in time; it must not know
//! HTTP.
//!
//! Only a preview needs this, so no failure of the store is an error here: a video without an
//! answer is left out.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::stream::{self, StreamExt};
use linkrelay_common::VideoId;
use linkrelay_store::{LinkStore, StoreError};
use tokio::time::{Instant, timeout_at};

/// How long the lookups of one request may take together.
const LOOKUP_LIMIT: Duration = Duration::from_secs(2);
/// How many lookups of one request are in flight.
const CONCURRENT_LOOKUPS: usize = 8;

/// Looks up videos in the store.
#[derive(Debug)]
pub(crate) struct StoredVideos {
    store: Arc<dyn LinkStore>,
    /// The store is asked only once it has the index, without which it would read all documents.
    is_indexed: AtomicBool,
}

impl StoredVideos {
    pub(crate) fn new(store: Arc<dyn LinkStore>) -> Self {
        Self { store, is_indexed: AtomicBool::new(false) }
    }

    /// Returns for each of these videos whether a document has its metadata. After a failure of the
    /// store, or when time is up, the other videos are left out.
    pub(crate) async fn among(&self, video_ids: HashSet<VideoId>) -> HashMap<VideoId, bool> {
        let deadline = Instant::now() + LOOKUP_LIMIT;
        let mut found = HashMap::with_capacity(video_ids.len());
        let lookups = self.look_up_all(video_ids, &mut found);
        let problem = match timeout_at(deadline, lookups).await {
            Ok(Ok(())) => return found,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer in time".to_owned(),
        };
        tracing::debug!(problem, "the store did not say which videos it has");
        found
    }

    async fn look_up_all(
        &self,
        video_ids: HashSet<VideoId>,
        found: &mut HashMap<VideoId, bool>,
    ) -> Result<(), StoreError> {
        if video_ids.is_empty() {
            return Ok(());
        }
        if !self.is_indexed.load(Ordering::Acquire) {
            self.store.ensure_video_index().await?;
            self.is_indexed.store(true, Ordering::Release);
        }
        let lookups = video_ids.into_iter().map(|id| self.look_up(id));
        let mut answers = stream::iter(lookups).buffer_unordered(CONCURRENT_LOOKUPS);
        while let Some(answer) = answers.next().await {
            let (video_id, is_stored) = answer?;
            found.insert(video_id, is_stored);
        }
        Ok(())
    }

    async fn look_up(&self, video_id: VideoId) -> Result<(VideoId, bool), StoreError> {
        Ok((video_id, self.store.newest_of_video(video_id).await?.is_some()))
    }
}
