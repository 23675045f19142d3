//! The control for an answer against one video: YouTube also tells a rate limit as "video
//! unavailable", for every video alike.
//!
//! An answer against a video counts only once YouTube has found another video for the same strategy
//! by the same exit: for a request that began after that answer, or for the canary, a video that is
//! known to be public. Once the canary was not found, answers until a video is found again do not
//! count at all. The canary is asked for only when no other request proves it, by one request
//! of those that need it at the same time, and at most once a second. It must not know: what an
//! answer that does not count becomes.

use std::time::Duration;

use linkrelay_common::VideoId;
use linkrelay_common::metrics as names;
use metrics::counter;

use super::evidence::{CanaryFailure, Evidence, Moment};
use super::pacer::Pacer;
use crate::Strategy;
use crate::error::ExtractError;

/// How long an answer waits for the requests in flight, which may prove it without the canary.
const OTHERS_LIMIT: Duration = Duration::from_secs(2);
/// The time between two requests for the canary.
const STEP: Duration = Duration::from_secs(1);

/// The canary of the process, shared by all strategies and exits.
#[derive(Debug)]
pub(crate) struct Canary {
    video_id: VideoId,
    pacer: Pacer,
}

/// An answer against a video.
#[derive(Debug, Clone, Copy)]
pub(super) struct Doubted {
    pub(super) video_id: VideoId,
    /// When the request for it began.
    pub(super) began: Moment,
    /// When the answer came.
    pub(super) answered: Moment,
}

impl Canary {
    pub(crate) fn new(video_id: VideoId) -> Self {
        Self { video_id, pacer: Pacer::new(Some(STEP)) }
    }

    /// Returns whether YouTube finds other videos, once that is known; `strategy` asks by the exit
    /// of this evidence.
    ///
    /// # Errors
    /// Why YouTube did not find the canary.
    ///
    /// # Cancel safety
    /// Nothing is lost when dropped: another request asks for the canary.
    pub(super) async fn finds_others(
        &self,
        doubted: Doubted,
        evidence: &Evidence,
        strategy: &dyn Strategy,
    ) -> Result<(), CanaryFailure> {
        evidence.others_have_ended(doubted.answered, OTHERS_LIMIT).await;
        loop {
            if let Some(known) = evidence.since(doubted.answered, doubted.began) {
                return known;
            }
            if doubted.video_id == self.video_id {
                // This was the request for the canary.
                return Err(CanaryFailure::Refused);
            }
            let Some(turn) = evidence.canary_turn() else {
                evidence.canary_is_answered().await;
                continue;
            };
            self.pacer.wait().await;
            // A request may have found a video meanwhile.
            if evidence.since(doubted.answered, doubted.began).is_none() {
                let began = turn.begin();
                turn.end(began, self.ask(strategy).await);
            }
        }
    }

    async fn ask(&self, strategy: &dyn Strategy) -> Result<(), CanaryFailure> {
        let result = match strategy.extract(self.video_id).await {
            Ok(_) => Ok(()),
            Err(ExtractError::Refused(_)) => Err(CanaryFailure::Refused),
            Err(ExtractError::Throttled { reason, retry_after }) => {
                Err(CanaryFailure::Throttled { reason, retry_after })
            }
            Err(error) => Err(CanaryFailure::Failed(error.to_string())),
        };
        let label = match &result {
            Ok(()) => "found",
            Err(CanaryFailure::Refused) => "refused",
            Err(CanaryFailure::Throttled { .. }) => "throttled",
            Err(CanaryFailure::Failed(_)) => "failed",
        };
        counter!(names::CANARY_REQUESTS, "result" => label).increment(1);
        if result == Err(CanaryFailure::Refused) {
            let (video_id, strategy) = (self.video_id.as_str(), strategy.name());
            tracing::warn!(
                video_id,
                strategy,
                "YouTube refuses everything, even the canary {video_id} ({strategy}): this is taken \
                 for throttling, and no link fails by it; if that video is no longer public, set \
                 CANARY_VIDEO to one that is"
            );
        }
        result
    }
}
