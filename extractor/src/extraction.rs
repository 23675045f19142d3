//! The extractor's result: metadata, and how it was found.

use jiff::Timestamp;
use linkrelay_common::VideoId;
use linkrelay_common::video::Video;
use serde::{Deserialize, Serialize};

/// Metadata of one video, and how it was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Extraction {
    /// The video's id: always the one that was asked for.
    pub video_id: VideoId,
    /// The metadata that was found.
    pub video: Video,
    /// The name of the strategy that found it.
    pub source: String,
    /// When YouTube answered.
    pub extracted_at: Timestamp,
}
