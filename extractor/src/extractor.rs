//! The complete extractor, and its state for metrics and checks.
//!
//! The videos of a list come directly from the Data API: without cache, chain or gate.

use std::sync::Arc;

use async_trait::async_trait;
use linkrelay_common::{ListLink, VideoId};

use crate::Extract;
use crate::cache::Cached;
use crate::chain::Chain;
use crate::error::{ExtractError, Refusal};
use crate::extraction::Extraction;
use crate::gate::Exits;
use crate::state::ExtractorState;
use crate::strategies::ListLookup;

/// A cache with single flight over a chain of strategies, which share the exits. Made by
/// [`crate::ExtractorSettings::build_extractor`].
#[derive(Debug)]
pub struct Extractor {
    chain: Arc<Chain>,
    exits: Arc<Exits>,
    cached: Cached,
    /// `None` if there is no key of the Data API.
    lists: Option<ListLookup>,
}

impl Extractor {
    pub(crate) fn new(
        chain: Arc<Chain>,
        exits: Arc<Exits>,
        cached: Cached,
        lists: Option<ListLookup>,
    ) -> Self {
        Self { chain, exits, cached, lists }
    }

    /// Returns the current state. Cheap: no request is made.
    pub fn state(&self) -> ExtractorState {
        ExtractorState {
            breakers: self.chain.breakers(),
            gate: self.exits.state(),
            cache: self.cached.counts(),
        }
    }
}

#[deny(clippy::missing_trait_methods, reason = "a default would leave a part out")]
#[async_trait]
impl Extract for Extractor {
    async fn extract(&self, video_id: VideoId, force: bool) -> Result<Extraction, ExtractError> {
        self.cached.extract(video_id, force).await
    }

    async fn expand(&self, list: &ListLink, limit: usize) -> Result<Vec<VideoId>, ExtractError> {
        match &self.lists {
            Some(lists) => lists.expand(list, limit).await,
            None => Err(ExtractError::Refused(Refusal::NoExpansion)),
        }
    }

    fn publish_gauges(&self) {
        self.state().publish_gauges();
    }
}
