//! Finds the metadata of a YouTube video, and the videos of a playlist or a channel.
//!
//! In reading order: `extraction` is the result; `error` is why it is missing; `Strategy` is one
//! method to find metadata, and `strategies` has a file for each; `chain` tries them in order, with
//! a `breaker` for each; `cache` makes one request of many for the same video; `gate` limits the
//! requests of the process to YouTube, with a `cool_down` for each exit; [`config`] makes an
//! `extractor` from settings, and `state` is a snapshot of it. Below them, [`page`] reads a watch
//! page, `body` makes JSON of bytes, and `client` is the only module that talks to YouTube,
//! but for `thumbnail`, which asks its image host for thumbnails.
//!
//! Callers pass only a [`VideoId`] or a [`ListLink`], and only YouTube is asked: no request goes
//! to a host that a user named.
//!
//! It must not know: Kafka, databases, or its callers.

mod address;
#[cfg(feature = "properties")]
#[doc(hidden)]
pub mod answers;
mod body;
mod breaker;
mod cache;
mod chain;
mod client;
pub mod config;
mod cool_down;
mod error;
mod extraction;
mod extractor;
mod gate;
pub mod page;
mod retry_after;
mod state;
mod strategies;
mod thumbnail;

use std::fmt::Debug;

use async_trait::async_trait;
use linkrelay_common::video::Video;
use linkrelay_common::{ListLink, VideoId};

pub use breaker::BreakerState;
pub use cache::CacheCounts;
pub use config::ExtractorSettings;
pub use cool_down::CoolDown;
pub use error::{EVERYTHING_REFUSED, ExtractError, Refusal};
pub use extraction::Extraction;
pub use extractor::Extractor;
pub use gate::GateState;
pub use state::ExtractorState;
pub use thumbnail::{ThumbnailClient, ThumbnailServer, ThumbnailType};

/// Finds the metadata of one video, and the videos of a list. The consumer uses an [`Extractor`];
/// tests implement their own.
#[async_trait]
pub trait Extract: Debug + Send + Sync {
    /// Asks for one video; `force` bypasses any cache. The call has its own deadlines, and the
    /// caller may drop it at any time.
    async fn extract(&self, video_id: VideoId, force: bool) -> Result<Extraction, ExtractError>;

    /// Returns a list's first `limit` different videos, in the list's order: a repeated video is
    /// returned once, and an empty list is an empty answer. Answers are not cached, and the caller
    /// may drop the call at any time. The default refuses every list.
    async fn expand(&self, list: &ListLink, limit: usize) -> Result<Vec<VideoId>, ExtractError> {
        tracing::debug!(%list, limit, "this extractor cannot look up the videos of {list}");
        Err(ExtractError::Refused(Refusal::NoExpansion))
    }

    /// Publishes the current state as gauges. The caller decides how often, because only it knows
    /// whether the metrics are read; counters need no call.
    fn publish_gauges(&self) {}
}

/// One method to find metadata, behind [`Extract`].
#[async_trait]
pub(crate) trait Strategy: Debug + Send + Sync {
    /// The strategy's name in `EXTRACTORS`, in documents (`source`) and in metrics.
    fn name(&self) -> &'static str;

    /// Whether the strategy finds so little that it is worth asking only when no other can help.
    /// If an earlier strategy failed for a temporary reason, a later attempt finds more.
    fn is_last_resort(&self) -> bool {
        false
    }

    /// Asks for one video. Returns only metadata of exactly this video, with a title.
    async fn extract(&self, video_id: VideoId) -> Result<Video, ExtractError>;
}
