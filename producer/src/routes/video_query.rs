//! The parameters that select videos, of every route that returns them: the filter, the order, and
//! where a page begins.

use linkrelay_common::video::Availability;
use linkrelay_store::videos::{
    Between, CursorError, Direction, VideoCursor, VideoFilter, VideoOrder, VideoQuery, VideoStatus,
};

use super::parameters::{Parameters, wrong};
use crate::error::ApiError;

/// No video is longer than this many seconds, which is some thirty years.
const MAX_LENGTH_SECONDS: u64 = 1_000_000_000;

/// Reads the parameters; a page of the query has at most `limit` videos.
///
/// # Errors
/// [`ApiError::BadQuery`] with the name of the first wrong one.
pub(super) fn read(parameters: &mut Parameters, limit: u32) -> Result<VideoQuery, ApiError> {
    let orders = [("first_seen", VideoOrder::FirstSeen), ("published", VideoOrder::Published)];
    let order = parameters.one_of("sort", &orders)?.unwrap_or_default();
    let directions = [("desc", Direction::Descending), ("asc", Direction::Ascending)];
    let direction = parameters.one_of("order", &directions)?.unwrap_or_default();
    let after: Option<VideoCursor> = parameters.read("after")?;
    if after.is_some_and(|after| !after.is_of(order)) {
        return Err(wrong("after", CursorError));
    }
    Ok(VideoQuery { filter: filter(parameters)?, order, direction, after, limit })
}

fn filter(parameters: &mut Parameters) -> Result<VideoFilter, ApiError> {
    let availabilities =
        Availability::ALL.map(|availability| (availability.as_str(), availability));
    let statuses =
        [VideoStatus::Stored, VideoStatus::Failed].map(|status| (status.as_str(), status));
    Ok(VideoFilter {
        channel_id: parameters.text("channel_id"),
        category: parameters.text("category"),
        availability: parameters.one_of("availability", &availabilities)?,
        status: parameters.one_of("status", &statuses)?,
        published: Between {
            from: parameters.time("published_from")?,
            below: parameters.time("published_before")?,
        },
        length_seconds: Between {
            from: parameters.number("length_from", 0..=MAX_LENGTH_SECONDS)?,
            below: parameters.number("length_below", 0..=MAX_LENGTH_SECONDS)?,
        },
    })
}
