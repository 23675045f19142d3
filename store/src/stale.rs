//! Videos whose metadata is old, which `linkrelay refresh` submits again.

use jiff::Timestamp;

/// Which videos to find: those with metadata, the newest of which is old, and that YouTube has not
/// refused since. Times count in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaleVideos {
    /// The newest metadata is from before this.
    pub extracted_before: Timestamp,
    /// Also videos that YouTube refused after it gave the newest metadata (private, deleted), if it
    /// last did so before the same time.
    pub with_failed: bool,
    /// Only the videos that follow this one in the order.
    pub after: Option<StaleVideo>,
}

/// A video with metadata. Videos are sorted by the time of their newest metadata, then by id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct StaleVideo {
    /// When YouTube gave the newest metadata.
    pub extracted_at: Timestamp,
    /// The id of the video.
    pub video_id: String,
}
