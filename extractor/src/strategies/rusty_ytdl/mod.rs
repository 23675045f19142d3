//! The crate `rusty_ytdl` as a strategy: an independent second reader of the watch page.
//!
//! On its own, the crate has no time-outs, follows any redirect, hides statuses, retries, and
//! turns most failures into an empty success. So it never reaches the network: linkrelay's client,
//! which has limits and reports errors, gets the page, and [`replay`], a server inside the
//! process, passes it on to the crate. The crate's other requests (`base.js`, another player
//! answer) serve only to find streams, and get an empty answer.
//!
//! In reading order: [`pool`] is the threads that the crate may keep busy; [`engine`] calls it;
//! [`page`] prepares what it reads; [`replay`] answers its requests; [`convert`] reads its answer
//! strictly.

mod convert;
mod engine;
mod page;
mod pool;
mod replay;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use linkrelay_common::video::Video;
use linkrelay_common::{ErrorClass, VideoId};

use self::engine::Engine;
use self::pool::{CpuPool, PoolError};
use super::StrategyName;
use crate::Strategy;
use crate::client::YouTubeClient;
use crate::error::ExtractError;

/// How many pages may wait for each thread; the callers of more wait for room in the queue.
const QUEUE_PER_THREAD: usize = 4;

/// The threads that read pages, shared by all exits. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct PageReaders(Arc<CpuPool<(VideoId, Bytes), Result<Video, ExtractError>>>);

impl PageReaders {
    /// Starts the threads, which read each page for at most `limit`; each opens its server for its
    /// first page.
    pub(crate) fn start(threads: usize, limit: Duration) -> Self {
        let pool = CpuPool::start("rusty_ytdl", threads, threads * QUEUE_PER_THREAD, move || {
            let mut engine = Engine::new(limit);
            move |(video_id, page)| engine.read(video_id, page)
        });
        Self(Arc::new(pool))
    }
}

/// The strategy `rusty_ytdl`.
#[derive(Debug)]
pub(crate) struct RustyYtdl {
    client: YouTubeClient,
    readers: PageReaders,
    /// How long it may take until a thread is free and has read the page.
    timeout: Duration,
}

impl RustyYtdl {
    /// Makes the strategy: it asks through this client, and these threads read the page.
    pub(crate) fn new(client: YouTubeClient, readers: PageReaders, timeout: Duration) -> Self {
        Self { client, readers, timeout }
    }
}

#[async_trait]
impl Strategy for RustyYtdl {
    fn name(&self) -> &'static str {
        StrategyName::RustyYtdl.as_str()
    }

    async fn extract(&self, video_id: VideoId) -> Result<Video, ExtractError> {
        let body = self.client.watch_page(video_id).await?;
        // The crate does not see that it is throttled; linkrelay's own reader does.
        if let Err(error) = crate::page::read(&body, video_id)
            && error.class() == ErrorClass::Throttled
        {
            return Err(error);
        }
        let reading = self.readers.0.run((video_id, Bytes::from(body)));
        match tokio::time::timeout(self.timeout, reading).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error @ (PoolError::Panicked | PoolError::Closed))) => {
                Err(ExtractError::Unreadable(error.to_string()))
            }
            Err(_) => Err(ExtractError::TimedOut(self.timeout)),
        }
    }
}
