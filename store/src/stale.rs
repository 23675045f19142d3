//! Videos whose metadata is old, which `linkrelay refresh` submits again. They are found in the
//! rows of videos, so a video without a row is not found.

use std::collections::BinaryHeap;

use jiff::Timestamp;
use linkrelay_common::{ErrorClass, VideoId};

use crate::videos::VideoRegisters;
use crate::{StoreError, VideoStore};

/// How many rows one query reads, so that it blocks no store.
const PAGE_ROWS: u32 = 5_000;

/// Which videos to find: those with metadata, the newest of which is old, and whose last failure is
/// not a later refusal by YouTube. Times count in milliseconds.
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
    pub video_id: VideoId,
}

/// The videos that were found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FoundStale {
    /// The first ones, in their order.
    pub oldest: Vec<StaleVideo>,
    /// How many there are.
    pub count: u64,
}

impl StaleVideos {
    /// Finds these videos and returns the first `limit` of them. It reads all rows, in many small
    /// queries, and keeps no more than it returns.
    ///
    /// # Errors
    /// Fails if the store fails.
    pub async fn find(
        &self,
        store: &dyn VideoStore,
        limit: usize,
    ) -> Result<FoundStale, StoreError> {
        let (mut oldest, mut count, mut after) = (BinaryHeap::new(), 0, None);
        loop {
            let rows = store.registers(after, PAGE_ROWS).await?;
            let Some(last) = rows.last() else { break };
            after = Some(last.video_id);
            for video in rows.iter().filter_map(|row| self.select(row)) {
                count += 1;
                oldest.push(video);
                if oldest.len() > limit {
                    oldest.pop();
                }
            }
        }
        Ok(FoundStale { oldest: oldest.into_sorted_vec(), count })
    }

    /// Returns the video of this row, if it is one of these.
    fn select(&self, row: &VideoRegisters) -> Option<StaleVideo> {
        let extracted_at = row.newest.as_ref()?.extracted_at?;
        let (extracted_ms, before_ms) =
            (extracted_at.as_millisecond(), self.extracted_before.as_millisecond());
        let refusal = row.failure.as_ref();
        let refusal = refusal.filter(|failure| failure.error.class == ErrorClass::Permanent);
        let is_left_out = refusal.is_some_and(|refusal| {
            let refused_ms = refusal.failed_at.as_millisecond();
            refused_ms > extracted_ms && !(self.with_failed && refused_ms < before_ms)
        });
        let video = StaleVideo { extracted_at, video_id: row.video_id };
        let follows = self.after.as_ref().is_none_or(|after| video > *after);
        (extracted_ms < before_ms && !is_left_out && follows).then_some(video)
    }
}
