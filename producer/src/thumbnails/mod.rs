//! The thumbnails of videos: each is fetched once from YouTube, however many clients want it, and kept
//! on `disk`.
//!
//! So a browser asks no server but this one, and YouTube learns of no user. What can be asked for is
//! a video's thumbnail and nothing else; how many are fetched is limited, and what YouTube does not
//! have is not asked for again for a while.
//!
//! It must not know: HTTP, or where YouTube's thumbnails are.

mod disk;

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use linkrelay_common::VideoId;
use linkrelay_extractor::{ExtractError, ThumbnailClient, ThumbnailType};
use moka::sync::Cache;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use disk::DiskCache;

/// The most requests to YouTube at the same time.
const MAX_FETCHES: usize = 8;
/// The most thumbnails that are looked for at the same time.
const MAX_FLIGHTS: usize = 500;
const FETCHES_PER_SECOND: NonZeroU32 = NonZeroU32::new(20).unwrap();
/// A page of cards has fewer.
const FETCHES_BURST: NonZeroU32 = NonZeroU32::new(100).unwrap();
/// How long it is cached that YouTube has no thumbnail of a video.
const MISSING_FOR: Duration = Duration::from_secs(600);
/// How long a thumbnail that could not be fetched is not tried again.
const FAILING_FOR: Duration = Duration::from_secs(30);
const MAX_CACHED: u64 = 10_000;

/// Why there is no thumbnail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ThumbnailError {
    /// YouTube has none, or this server fetches none.
    #[error("there is no thumbnail of this video")]
    None,
    /// It cannot be fetched now.
    #[error("the thumbnail of this video cannot be fetched now")]
    Unavailable,
}

/// A thumbnail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Thumbnail {
    pub(crate) bytes: Bytes,
    pub(crate) thumbnail_type: ThumbnailType,
    /// Names the content.
    pub(crate) hash: Uuid,
}

impl Thumbnail {
    /// Returns the thumbnail with these bytes; `None` if they are none.
    fn new(bytes: Bytes) -> Option<Self> {
        let thumbnail_type = ThumbnailType::of(&bytes)?;
        let hash = Uuid::new_v5(&Uuid::NAMESPACE_URL, &bytes);
        Some(Self { bytes, thumbnail_type, hash })
    }
}

type Answer = Result<Thumbnail, ThumbnailError>;
type Flight = watch::Receiver<Option<Answer>>;

/// Finds thumbnails. Cheap to clone; all clones share everything.
#[derive(Debug, Clone)]
pub(crate) struct Thumbnails(Option<Arc<Shared>>);

#[derive(Debug)]
struct Shared {
    client: ThumbnailClient,
    disk: DiskCache,
    missing: Cache<VideoId, ()>,
    failing: Cache<VideoId, ()>,
    flights: Mutex<HashMap<VideoId, Flight>>,
    fetches: Semaphore,
    rate: DefaultDirectRateLimiter,
    is_failing: AtomicBool,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Thumbnails {
    /// Fetches no thumbnail.
    pub(crate) fn off() -> Self {
        Self(None)
    }

    /// Fetches thumbnails with this client, and keeps up to `max_bytes` of them in a folder, which is
    /// made when the first one comes.
    pub(crate) fn new(
        client: ThumbnailClient,
        folder: &Path,
        max_bytes: u64,
        stop: CancellationToken,
    ) -> Self {
        let cached = |time_to_live| {
            Cache::builder().max_capacity(MAX_CACHED).time_to_live(time_to_live).build()
        };
        let quota = Quota::per_second(FETCHES_PER_SECOND).allow_burst(FETCHES_BURST);
        Self(Some(Arc::new(Shared {
            client,
            disk: DiskCache::new(folder, max_bytes),
            missing: cached(MISSING_FOR),
            failing: cached(FAILING_FOR),
            flights: Mutex::default(),
            fetches: Semaphore::new(MAX_FETCHES),
            rate: RateLimiter::direct(quota),
            is_failing: AtomicBool::new(false),
            tasks: TaskTracker::new(),
            stop,
        })))
    }

    /// Returns the thumbnail of a video. The search goes on if the caller gives up.
    ///
    /// # Errors
    /// [`ThumbnailError`] if the video has no thumbnail, or it cannot be fetched now.
    pub(crate) async fn get(&self, video_id: VideoId) -> Answer {
        let shared = self.0.as_ref().ok_or(ThumbnailError::None)?;
        if shared.missing.contains_key(&video_id) {
            return Err(ThumbnailError::None);
        }
        let mut flight = shared.flight(video_id).ok_or(ThumbnailError::Unavailable)?;
        let found = flight.wait_for(Option::is_some).await;
        found.ok().and_then(|found| found.clone()).unwrap_or(Err(ThumbnailError::Unavailable))
    }

    /// Returns a task that ends when the role stops and no thumbnail is looked for.
    pub(crate) fn ended(
        &self,
        stop: CancellationToken,
    ) -> impl Future<Output = ()> + Send + 'static {
        let tasks = self.0.as_ref().map(|shared| shared.tasks.clone()).unwrap_or_default();
        async move {
            stop.cancelled().await;
            tasks.close();
            tasks.wait().await;
        }
    }
}

impl Shared {
    /// Joins the search for a thumbnail, or begins one; `None` if there are too many.
    fn flight(self: &Arc<Self>, video_id: VideoId) -> Option<Flight> {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        // One whose task has panicked has no sender.
        let running = flights.get(&video_id).filter(|flight| flight.has_changed().is_ok());
        if let Some(flight) = running {
            return Some(flight.clone());
        }
        if flights.len() >= MAX_FLIGHTS {
            return None;
        }
        let (sender, flight) = watch::channel(None);
        flights.insert(video_id, flight.clone());
        let shared = Arc::clone(self);
        self.tasks.spawn(async move {
            let found = shared.stop.run_until_cancelled(shared.find(video_id)).await;
            shared.flights.lock().unwrap_or_else(PoisonError::into_inner).remove(&video_id);
            sender.send_replace(Some(found.unwrap_or(Err(ThumbnailError::Unavailable))));
        });
        Some(flight)
    }

    async fn find(self: &Arc<Self>, video_id: VideoId) -> Answer {
        let shared = Arc::clone(self);
        let kept = tokio::task::spawn_blocking(move || shared.disk.read(video_id)).await;
        if let Ok(Some(thumbnail)) = kept {
            return Ok(thumbnail);
        }
        if self.failing.contains_key(&video_id) {
            return Err(ThumbnailError::Unavailable);
        }
        let thumbnail = self.fetch(video_id).await?;
        let (shared, kept) = (Arc::clone(self), thumbnail.clone());
        // The disk reports what it cannot keep.
        tokio::task::spawn_blocking(move || shared.disk.write(video_id, &kept)).await.ok();
        Ok(thumbnail)
    }

    async fn fetch(&self, video_id: VideoId) -> Answer {
        let permit = self.fetches.acquire().await;
        self.rate.until_ready().await;
        let fetched = self.client.fetch(video_id).await;
        drop(permit);
        match fetched {
            Ok(bytes) => {
                self.is_failing.store(false, Ordering::Relaxed);
                let thumbnail = bytes.and_then(Thumbnail::new);
                thumbnail.ok_or_else(|| {
                    self.missing.insert(video_id, ());
                    ThumbnailError::None
                })
            }
            Err(error) => {
                self.failing.insert(video_id, ());
                self.report(video_id, &error);
                Err(ThumbnailError::Unavailable)
            }
        }
    }

    /// Only the first failure of several is more than a detail.
    fn report(&self, video_id: VideoId, error: &ExtractError) {
        if self.is_failing.swap(true, Ordering::Relaxed) {
            tracing::debug!(%video_id, "the thumbnail of video {video_id} was not fetched: {error}");
        } else {
            tracing::warn!(
                %video_id,
                "the thumbnail of video {video_id} was not fetched, and pages show none: {error}; \
                 THUMBNAILS=false ends the attempts"
            );
        }
    }
}
