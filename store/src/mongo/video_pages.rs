//! Pages of videos: a window of rows in the query's order, and of these the ones that its filter
//! selects.

use futures::TryStreamExt;
use mongodb::Collection;
use mongodb::bson::{Bson, DateTime, Document, doc};

use super::codec;
use super::condition::all_of;
use super::read_indexes::ReadIndex;
use super::video_row::StoredRow;
use crate::error::StoreError;
use crate::videos::{
    Between, Direction, MAX_ROWS_EXAMINED, VideoCursor, VideoFilter, VideoOrder, VideoPage,
    VideoQuery, VideoRow, VideoStatus,
};

pub(super) const PUBLISHED: &str = "newest.video.publish_date";
pub(super) const CHANNEL: &str = "newest.video.author.channel_id";

/// Returns the index that serves a query, and its keys.
pub(super) fn index(query: &VideoQuery) -> (ReadIndex, Document) {
    match (query.order, &query.filter.channel_id) {
        (VideoOrder::Published, _) => {
            (ReadIndex::ByPublished, doc! { PUBLISHED: 1, "sequence": 1 })
        }
        (VideoOrder::FirstSeen, Some(_)) => {
            (ReadIndex::ByChannel, doc! { CHANNEL: 1, "sequence": 1 })
        }
        (VideoOrder::FirstSeen, None) => (ReadIndex::BySequence, doc! { "sequence": 1 }),
    }
}

pub(super) async fn videos(
    videos: &Collection<StoredRow>,
    query: &VideoQuery,
) -> Result<VideoPage, StoreError> {
    let window = window(query);
    let order = order(query);
    let end = end_of_window(videos, query, &window).await?;
    let within = end.map(|end| within(query, end)).unwrap_or_default();
    let selected = all_of([window, within, filter(&query.filter)]);
    let one_more = i64::from(query.limit) + 1;
    let found = videos.find(selected).sort(order).limit(one_more).await?;
    let found: Vec<StoredRow> = found.try_collect().await?;
    let rows = found.into_iter().map(VideoRow::try_from);
    let mut rows = rows.collect::<Result<Vec<_>, _>>()?;
    let has_more = rows.len() > query.limit as usize;
    rows.truncate(query.limit as usize);
    let next = match rows.last() {
        Some(row) if has_more => Some(VideoCursor::of(row, query.order)),
        _ => end,
    };
    Ok(VideoPage { videos: rows, next })
}

/// Returns which rows a page may examine: those behind the page before, by an index.
pub(super) fn window(query: &VideoQuery) -> Document {
    let mut window = match query.order {
        VideoOrder::FirstSeen => doc! {},
        // A value that is not known, or missing, is of another type.
        VideoOrder::Published => doc! { PUBLISHED: { "$type": "date" } },
    };
    if let Some(after) = query.after {
        window = all_of([window, behind(query, after, false)]);
    }
    if let (VideoOrder::FirstSeen, Some(channel_id)) = (query.order, &query.filter.channel_id) {
        window.insert(CHANNEL, channel_id);
    }
    window
}

/// Returns which rows are behind a cursor in the query's order, or those that are not behind it.
fn behind(query: &VideoQuery, cursor: VideoCursor, is_reversed: bool) -> Document {
    let is_descending = (query.direction == Direction::Descending) != is_reversed;
    let compare = if is_descending { "$lt" } else { "$gt" };
    let compare_equal = if is_descending { "$lte" } else { "$gte" };
    let of_sequence = if is_reversed { compare_equal } else { compare };
    let sequence = doc! { "sequence": { of_sequence: cursor.sequence } };
    match (query.order, cursor.published_ms) {
        (VideoOrder::Published, Some(millis)) => {
            let published = DateTime::from_millis(millis);
            // The first condition is what an index serves.
            doc! {
                PUBLISHED: { compare_equal: published },
                "$or": [doc! { PUBLISHED: { compare: published } }, sequence],
            }
        }
        _ => sequence,
    }
}

/// Returns which rows of the window are not behind its end.
pub(super) fn within(query: &VideoQuery, end: VideoCursor) -> Document {
    behind(query, end, true)
}

pub(super) fn order(query: &VideoQuery) -> Document {
    let direction = if query.direction == Direction::Descending { -1 } else { 1 };
    match query.order {
        VideoOrder::FirstSeen => doc! { "sequence": direction },
        VideoOrder::Published => doc! { PUBLISHED: direction, "sequence": direction },
    }
}

/// Returns the last row of the window, unless it ends before its limit, or the filter selects
/// every row.
pub(super) async fn end_of_window(
    videos: &Collection<StoredRow>,
    query: &VideoQuery,
    window: &Document,
) -> Result<Option<VideoCursor>, StoreError> {
    if query.filter == VideoFilter::default() {
        return Ok(None);
    }
    let fields = doc! { "sequence": 1, PUBLISHED: 1 };
    let rows = videos.clone_with_type::<Document>();
    let last = rows
        .find_one(window.clone())
        .sort(order(query))
        .skip(u64::from(MAX_ROWS_EXAMINED) - 1)
        .projection(fields)
        .await?;
    Ok(last.and_then(|row| {
        let sequence = row.get_i64("sequence").ok()?;
        let video =
            row.get_document("newest").ok().and_then(|newest| newest.get_document("video").ok());
        let published = video.and_then(|video| video.get_datetime("publish_date").ok());
        let published_ms = published
            .filter(|_| query.order == VideoOrder::Published)
            .map(|date| date.timestamp_millis());
        Some(VideoCursor { published_ms, sequence })
    }))
}

/// Returns which rows a filter selects.
pub(super) fn filter(filter: &VideoFilter) -> Document {
    let VideoFilter {
        channel_id, category, availability, status, published, length_seconds, ..
    } = filter;
    let mut conditions = Vec::new();
    if let Some(channel_id) = channel_id {
        conditions.push(doc! { CHANNEL: channel_id });
    }
    if let Some(category) = category {
        conditions.push(doc! { "newest.video.category": category });
    }
    if let Some(availability) = availability {
        conditions.push(doc! { "newest.video.availability": availability.as_str() });
    }
    if let Some(status) = status {
        let has_metadata = *status == VideoStatus::Stored;
        conditions.push(doc! { "newest": { "$exists": has_metadata } });
    }
    conditions.extend(range(PUBLISHED, published, codec::date));
    let seconds = |length: u64| Bson::Int64(i64::try_from(length).unwrap_or(i64::MAX));
    conditions.extend(range("newest.video.length_seconds", length_seconds, seconds));
    all_of(conditions)
}

/// Returns the condition for a range; a comparison selects no value of another type, so none that
/// is not known.
fn range<T: Copy>(field: &str, between: &Between<T>, bson: impl Fn(T) -> Bson) -> Option<Document> {
    let mut limits = Document::new();
    if let Some(from) = between.from {
        limits.insert("$gte", bson(from));
    }
    if let Some(below) = between.below {
        limits.insert("$lt", bson(below));
    }
    (!limits.is_empty()).then(|| doc! { field: limits })
}
