//! The whole extractor, and how it is: what metrics and checks are made of.

use std::sync::Arc;

use async_trait::async_trait;
use linkrelay_common::VideoId;

use crate::Extract;
use crate::cache::Cached;
use crate::chain::Chain;
use crate::error::ExtractError;
use crate::extraction::Extraction;
use crate::gate::Exits;
use crate::state::ExtractorState;

/// A memory and a single flight over a chain of strategies, which share the ways out. Made by
/// [`crate::ExtractorSettings::build_extractor`].
#[derive(Debug)]
pub struct Extractor {
    chain: Arc<Chain>,
    exits: Arc<Exits>,
    cached: Cached,
}

impl Extractor {
    pub(crate) fn new(chain: Arc<Chain>, exits: Arc<Exits>, cached: Cached) -> Self {
        Self { chain, exits, cached }
    }

    /// How it is. Cheap: it asks nobody.
    pub fn state(&self) -> ExtractorState {
        ExtractorState {
            breakers: self.chain.breakers(),
            gate: self.exits.state(),
            cache: self.cached.counts(),
        }
    }
}

#[async_trait]
impl Extract for Extractor {
    async fn extract(&self, video_id: VideoId, force: bool) -> Result<Extraction, ExtractError> {
        self.cached.extract(video_id, force).await
    }

    fn publish_gauges(&self) {
        self.state().publish_gauges();
    }
}
