//! The crate `rusty_ytdl` as a strategy: a second reader of the same page, of other descent.
//!
//! Left alone, the crate has no time-outs, follows any redirect, hides statuses, retries, and
//! turns most failures into an empty success. So it is never let on to the network: the page is
//! fetched by our own client, which has limits and says what went wrong, and the crate is given
//! it by [`replay`], a server inside the process. What it also asks for (`base.js`, another
//! player answer) serves only to find streams, and is answered with nothing.
//!
//! In reading order: [`pool`] are the threads that it may keep busy; [`engine`] is one call;
//! [`replay`] answers its requests; [`convert`] is the strict reader of its answer.

#[cfg(test)]
mod agreement;
mod convert;
mod engine;
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
use crate::client::YouTubeClient;
use crate::error::ExtractError;
use crate::{Strategy, page};

/// Pages that may wait for each thread; more wait with their callers.
const QUEUE_PER_THREAD: usize = 4;

type Answer = Result<Video, ExtractError>;

/// The threads that read pages, for all ways out together. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Readers(Arc<CpuPool<(VideoId, Bytes), Answer>>);

impl Readers {
    /// Starts the threads; each opens its server with its first page.
    pub(crate) fn start(threads: usize) -> Self {
        let pool = CpuPool::start("rusty_ytdl", threads, threads * QUEUE_PER_THREAD, || {
            let mut engine = Engine::default();
            move |(video_id, page)| engine.read(video_id, page)
        });
        Self(Arc::new(pool))
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct RustyYtdl {
    client: YouTubeClient,
    readers: Readers,
    /// How long a page may wait for a thread and be read.
    timeout: Duration,
}

impl RustyYtdl {
    /// Asks by this client, and has the page read by these threads.
    pub(crate) fn new(client: YouTubeClient, readers: Readers, timeout: Duration) -> Self {
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
        // The crate does not see that it is throttled; our own reader does.
        let ours = page::read(&body, video_id);
        if let Err(error) = ours
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
