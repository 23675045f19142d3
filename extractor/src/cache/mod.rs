//! An answer is asked for once: those who ask meanwhile wait for the same one, and those who
//! come a little later are given it from memory.
//!
//! [`memory`] keeps answers for a time; [`flights`] are the questions under way.
//!
//! `force` passes by the memory, and joins a flight under way: what that brings is at most one
//! request old, and a thousand forced links to one video must not be a thousand requests. What a
//! forced question finds goes into the memory like anything else.

mod flights;
mod memory;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use linkrelay_common::metrics as names;
use linkrelay_common::{ListLink, VideoId};
use metrics::counter;

use self::flights::{Board, Flights};
use self::memory::Memory;
use crate::Extract;
use crate::error::ExtractError;
use crate::extraction::Extraction;

type Answer = Result<Extraction, ExtractError>;

/// How a [`Cached`] is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CacheSettings {
    /// How many answers are kept; 0 keeps none.
    pub(crate) entries: u64,
    /// How long metadata is kept; zero keeps none.
    pub(crate) ttl: Duration,
    /// How long a refusal is kept.
    pub(crate) negative_ttl: Duration,
}

/// How often each kind of answer was given since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CacheCounts {
    /// From memory.
    pub hits_total: u64,
    /// By waiting for a question that was under way.
    pub joins_total: u64,
    /// By asking.
    pub misses_total: u64,
}

/// See the module.
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

    /// What is asked of the far side; remembered before the flight is off the board, so that
    /// nobody finds neither of them.
    fn question(
        &self,
        video_id: VideoId,
        force: bool,
    ) -> impl Future<Output = Answer> + Send + use<> {
        let (inner, memory) = (self.inner.clone(), self.memory.clone());
        async move {
            let answer = inner.extract(video_id, force).await;
            memory.keep(video_id, &answer);
            answer
        }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods, reason = "a decorator hands every call on")]
impl Extract for Cached {
    async fn extract(&self, video_id: VideoId, force: bool) -> Answer {
        let boarded = self.flights.board(
            video_id,
            || if force { None } else { self.memory.get(video_id) },
            || self.question(video_id, force),
        );
        let (count, from, answer) = match boarded {
            Board::Known(answer) => (&self.hits, "memory", Ok(answer)),
            Board::Joined(flight) => (&self.joins, "flight", Err(flight)),
            Board::Started(flight) => (&self.misses, "question", Err(flight)),
        };
        count.fetch_add(1, Ordering::Relaxed);
        counter!(names::EXTRACTOR_ANSWERS, "from" => from).increment(1);
        match answer {
            Ok(known) => *known,
            Err(flight) => flight.await,
        }
    }

    /// Lists change, so that none is kept.
    async fn expand(&self, list: &ListLink, limit: usize) -> Result<Vec<VideoId>, ExtractError> {
        self.inner.expand(list, limit).await
    }

    fn publish_gauges(&self) {
        self.inner.publish_gauges();
    }
}

#[cfg(test)]
mod tests;
