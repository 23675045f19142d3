//! The parameters that select videos, of every route that returns them: the filter, the order, and
//! where a page begins.

use linkrelay_common::video::Availability;
use linkrelay_http::openapi::DayOrTime;
use linkrelay_store::videos::{
    Between, CursorError, Direction, VideoCursor, VideoFilter, VideoOrder, VideoQuery, VideoStatus,
};
use utoipa::{IntoParams, ToSchema};

use super::parameters::{Parameters, wrong};
use crate::error::ApiError;

/// No video is longer than this many seconds, which is some thirty years.
const MAX_LENGTH_SECONDS: u64 = 1_000_000_000;

/// The parameters that select videos, as the document describes them.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "`read` reads them one by one, to name the wrong one")]
pub(super) struct SelectParameters {
    /// Words, or parts of them, that the title or (in SQLite) the description has; in double quotes
    /// one part.
    #[param(max_length = 200)]
    q: Option<String>,
    /// The channel, exactly.
    channel_id: Option<String>,
    /// The category, exactly.
    category: Option<String>,
    /// Whether the video can be played.
    #[param(inline)]
    availability: Option<Availability>,
    /// Whether there is metadata.
    #[param(inline)]
    status: Option<StatusName>,
    /// The first day (in UTC) or time of publication.
    #[param(inline)]
    published_from: Option<DayOrTime>,
    /// The day or time of publication before which all are.
    #[param(inline)]
    published_before: Option<DayOrTime>,
    /// The shortest length, in seconds.
    #[param(maximum = 1_000_000_000)]
    length_from: Option<u32>,
    /// The length, in seconds, below which all are.
    #[param(maximum = 1_000_000_000)]
    length_below: Option<u32>,
    /// `first_seen` if it is left out; `published` leaves out videos whose date is not known.
    #[param(inline)]
    sort: Option<SortName>,
    /// `desc` if it is left out.
    #[param(inline)]
    order: Option<OrderName>,
    /// The page that follows another; `next` has it.
    after: Option<String>,
}

#[derive(Debug, ToSchema)]
#[schema(rename_all = "snake_case")]
#[allow(dead_code, reason = "the document has the names, `read` their values")]
enum StatusName {
    Stored,
    Failed,
}

#[derive(Debug, ToSchema)]
#[schema(rename_all = "snake_case")]
#[allow(dead_code, reason = "the document has the names, `read` their values")]
enum SortName {
    FirstSeen,
    Published,
}

#[derive(Debug, ToSchema)]
#[schema(rename_all = "snake_case")]
#[allow(dead_code, reason = "the document has the names, `read` their values")]
enum OrderName {
    Desc,
    Asc,
}

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
        text: parameters.read("q")?,
    })
}
