//! A YouTube link in, its metadata out; and for a playlist or a channel, its videos.
//!
//! In reading order: [`extraction`] is what is found; [`error`] is why not; [`Strategy`] is one way
//! to find it, `strategies` has a file for each; [`chain`] tries them in order, with a [`breaker`]
//! for each; `cache` asks for the same video once; `gate` keeps the whole process polite,
//! by the clock of [`cool_down`]; [`config`] makes an [`extractor`] from settings, and `state` is
//! how it is at one moment. Below them, [`page`] reads a watch page, and `client` is the one place
//! that talks to YouTube.
//!
//! Only a [`VideoId`] or a [`ListLink`] comes in and only YouTube is asked: no request goes to a
//! host that a user named.
//!
//! It must not know: Kafka, databases, or who asks.

mod address;
pub mod breaker;
mod cache;
pub mod chain;
mod client;
pub mod config;
pub mod cool_down;
pub mod error;
pub mod extraction;
pub mod extractor;
mod gate;
pub mod page;
mod retry_after;
mod state;
mod strategies;

use std::fmt::Debug;

use async_trait::async_trait;
use linkrelay_common::video::Video;
use linkrelay_common::{ListLink, VideoId};

pub use breaker::BreakerState;
pub use cache::CacheCounts;
pub use chain::Chain;
pub use config::ExtractorSettings;
pub use cool_down::CoolDown;
pub use error::{ExtractError, Refusal};
pub use extraction::Extraction;
pub use extractor::Extractor;
pub use gate::GateState;
pub use state::ExtractorState;

/// Finds the metadata of one video, and the videos of a list. What the consumer is given; tests
/// give their own.
#[async_trait]
pub trait Extract: Debug + Send + Sync {
    /// Asks for one video; `force` passes by any cache. Has its own deadlines, and may be
    /// dropped at any time.
    async fn extract(&self, video_id: VideoId, force: bool) -> Result<Extraction, ExtractError>;

    /// Gives a list's first `limit` different videos, in the list's order: one that stands in it
    /// twice comes once, and an empty list is an empty answer. Asks each time, and may be dropped
    /// at any time. Those who cannot do it refuse.
    async fn expand(&self, list: &ListLink, limit: usize) -> Result<Vec<VideoId>, ExtractError> {
        tracing::debug!(%list, limit, "nothing here can list this");
        Err(ExtractError::Refused(Refusal::NoExpansion))
    }

    /// Publishes what can be read off at any moment, as gauges. Called once in a while by whoever
    /// runs it, because only they know whether somebody looks; counters count by themselves.
    fn publish_gauges(&self) {}
}

/// One way to find metadata, behind [`Extract`].
#[async_trait]
pub trait Strategy: Debug + Send + Sync {
    /// Its name in `EXTRACTORS`, in documents (`source`) and in metrics.
    fn name(&self) -> &'static str;

    /// Whether it gives so little that it is worth asking only where nothing else can help. A
    /// link whose other strategies met trouble of the moment is better tried again later.
    fn is_last_resort(&self) -> bool {
        false
    }

    /// Asks for one video. Gives only metadata of exactly this video, with a title.
    async fn extract(&self, video_id: VideoId) -> Result<Video, ExtractError>;
}
