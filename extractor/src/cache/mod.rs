//! Makes one request of many for the same video: calls during a request wait for its answer, and
//! later calls get it from the cache.
//!
//! [`memory`] keeps answers for a time; [`flights`] are the requests in flight.
//!
//! `force` bypasses the cache and joins a request in flight: its answer is at most one request
//! old, and a thousand forced links to one video must not be a thousand requests. The answer to a
//! forced request is cached like any other.

mod flights;
mod memory;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use linkrelay_common::metrics as names;
use linkrelay_common::{ListLink, VideoId};
use metrics::counter;

use self::flights::{Flights, Lookup};
use self::memory::Memory;
use crate::Extract;
use crate::error::ExtractError;
use crate::extraction::Extraction;

type Extracted = Result<Extraction, ExtractError>;

/// The settings of a [`Cached`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CacheSettings {
    /// How many answers are cached; with 0, none.
    pub(crate) entries: u64,
    /// How long metadata is cached; with zero, none is.
    pub(crate) ttl: Duration,
    /// How long a refusal is cached.
    pub(crate) negative_ttl: Duration,
}

/// How many calls each source has answered since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CacheCounts {
    /// Calls answered from the cache.
    pub hits_total: u64,
    /// Calls that waited for a request in flight.
    pub joins_total: u64,
    /// Calls that began a request.
    pub misses_total: u64,
}

/// An extractor with a cache and single flight before another one.
#[derive(Debug)]
pub(crate) struct Cached {
    inner: Arc<dyn Extract>,
    memory: Memory,
    flights: Flights,
    hits: AtomicU64,
    joins: AtomicU64,
    misses: AtomicU64,
}

impl Cached {
    pub(crate) fn new(inner: Arc<dyn Extract>, settings: CacheSettings) -> Self {
        Self {
            inner,
            memory: Memory::new(settings),
            flights: Flights::default(),
            hits: AtomicU64::new(0),
            joins: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        }
    }

    pub(crate) fn counts(&self) -> CacheCounts {
        CacheCounts {
            hits_total: self.hits.load(Ordering::Relaxed),
            joins_total: self.joins.load(Ordering::Relaxed),
            misses_total: self.misses.load(Ordering::Relaxed),
        }
    }

    /// Asks the inner extractor and caches the answer. It does so before the flight is removed, so
    /// that every call finds one of the two.
    fn request(
        &self,
        video_id: VideoId,
        force: bool,
    ) -> impl Future<Output = Extracted> + Send + use<> {
        let (inner, memory) = (self.inner.clone(), self.memory.clone());
        async move {
            let answer = inner.extract(video_id, force).await;
            memory.keep(video_id, &answer);
            answer
        }
    }
}

#[deny(clippy::missing_trait_methods, reason = "a default would leave `inner` out")]
#[async_trait]
impl Extract for Cached {
    async fn extract(&self, video_id: VideoId, force: bool) -> Extracted {
        let lookup = self.flights.join_or_start(
            video_id,
            || if force { None } else { self.memory.get(video_id) },
            || self.request(video_id, force),
        );
        let (count, from, answer) = match lookup {
            Lookup::Cached(answer) => (&self.hits, "memory", Ok(answer)),
            Lookup::Joined(flight) => (&self.joins, "flight", Err(flight)),
            Lookup::Started(flight) => (&self.misses, "question", Err(flight)),
        };
        count.fetch_add(1, Ordering::Relaxed);
        counter!(names::EXTRACTOR_ANSWERS, "from" => from).increment(1);
        match answer {
            Ok(cached) => *cached,
            Err(flight) => flight.await,
        }
    }

    /// Lists are not cached, because a list can change at any time.
    async fn expand(&self, list: &ListLink, limit: usize) -> Result<Vec<VideoId>, ExtractError> {
        self.inner.expand(list, limit).await
    }

    fn publish_gauges(&self) {
        self.inner.publish_gauges();
    }
}

#[cfg(test)]
mod tests;
