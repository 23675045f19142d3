//! The row of a video as answers and exports show it.

use linkrelay_http::wire::VideoEntry;
use linkrelay_store::videos::{VideoRow, VideoStatus};

/// Returns the entry of a video.
pub(crate) fn entry(row: VideoRow) -> VideoEntry {
    let status = if row.metadata.is_some() { VideoStatus::Stored } else { VideoStatus::Failed };
    let (extracted_at, source, video) = match row.metadata {
        Some(metadata) => (metadata.extracted_at, metadata.source, Some(metadata.video)),
        None => (None, None, None),
    };
    let (failed_at, error) =
        row.last_failure.map(|failure| (failure.failed_at, failure.error)).unzip();
    VideoEntry {
        video_id: row.video_id,
        status: status.as_str().into(),
        first_seen_at: row.seen.first_at,
        last_seen_at: row.seen.last_at,
        extracted_at,
        source,
        video,
        failed_at,
        error,
    }
}
