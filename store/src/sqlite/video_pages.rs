//! Pages of videos: a window of rows in the query's order, and of these the ones that its filter
//! selects.

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};

use super::codec;
use super::videos::{self, COLUMNS};
use crate::videos::{
    Between, Direction, MAX_ROWS_EXAMINED, VideoCursor, VideoFilter, VideoOrder, VideoPage,
    VideoQuery, VideoRow, VideoStatus,
};

/// Conditions that are all met, and the values of their question marks.
#[derive(Debug, Default)]
pub(super) struct Conditions {
    pub(super) texts: Vec<&'static str>,
    pub(super) values: Vec<Value>,
}

impl Conditions {
    pub(super) fn add(&mut self, text: &'static str, values: impl IntoIterator<Item = Value>) {
        self.texts.push(text);
        self.values.extend(values);
    }

    pub(super) fn add_some<T: Into<Value>>(&mut self, text: &'static str, value: Option<T>) {
        if let Some(value) = value {
            self.add(text, [value.into()]);
        }
    }

    pub(super) fn as_where(&self) -> String {
        if self.texts.is_empty() {
            String::new()
        } else {
            format!("WHERE {}", self.texts.join(" AND "))
        }
    }
}

pub(super) fn videos(connection: &Connection, query: &VideoQuery) -> rusqlite::Result<VideoPage> {
    let window = Window::of(query);
    let filter = filter(&query.filter, query.order);
    let order = window.order();
    // The window is not flattened into the outer query, because both have a limit.
    let statement = format!(
        "SELECT {COLUMNS}
         FROM (SELECT * FROM video v {} ORDER BY {order} LIMIT {MAX_ROWS_EXAMINED}) v
         LEFT JOIN document d ON d.id = v.newest_id {} ORDER BY {order} LIMIT ?",
        window.conditions.as_where(),
        filter.as_where(),
    );
    let one_more = i64::from(query.limit) + 1;
    let values = window.conditions.values.iter().chain(&filter.values).cloned();
    let values = values.chain([Value::from(one_more)]);
    let mut statement = connection.prepare_cached(&statement)?;
    let rows = statement.query_map(params_from_iter(values), videos::video_row)?;
    let mut rows: Vec<VideoRow> = rows.collect::<rusqlite::Result<_>>()?;
    let has_more = rows.len() > query.limit as usize;
    rows.truncate(query.limit as usize);
    let next = match rows.last() {
        Some(row) if has_more => Some(VideoCursor::of(row, query.order)),
        _ => window.end(connection)?,
    };
    Ok(VideoPage { videos: rows, next })
}

pub(super) fn count(connection: &Connection, selected: &VideoFilter) -> rusqlite::Result<u64> {
    let mut all = filter(selected, VideoOrder::FirstSeen);
    all.add_some("v.channel_id = ?", selected.channel_id.clone());
    let statement = format!("SELECT count(*) FROM video v {}", all.as_where());
    let mut statement = connection.prepare_cached(&statement)?;
    statement.query_row(params_from_iter(all.values), codec::count)
}

/// The rows that a page may examine: the next ones in its order, by an index.
pub(super) struct Window {
    pub(super) conditions: Conditions,
    order: VideoOrder,
    direction: Direction,
}

impl Window {
    pub(super) fn of(query: &VideoQuery) -> Self {
        let VideoQuery { filter, order, direction, after, .. } = query;
        let mut conditions = Conditions::default();
        let is_descending = *direction == Direction::Descending;
        match order {
            VideoOrder::FirstSeen => {
                let text = if is_descending { "v.sequence < ?" } else { "v.sequence > ?" };
                conditions.add_some(text, after.map(|after| after.sequence));
                conditions.add_some("v.channel_id = ?", filter.channel_id.clone());
            }
            VideoOrder::Published => {
                let text = if is_descending {
                    "(v.published, v.sequence) < (?, ?)"
                } else {
                    "(v.published, v.sequence) > (?, ?)"
                };
                conditions.add("v.published IS NOT NULL", []);
                if let Some(after) = after {
                    let published_ms = after.published_ms.unwrap_or_default();
                    conditions.add(text, [published_ms.into(), after.sequence.into()]);
                }
                add_published(&mut conditions, filter);
            }
        }
        Self { conditions, order: *order, direction: *direction }
    }

    pub(super) fn order(&self) -> &'static str {
        match (self.order, self.direction) {
            (VideoOrder::FirstSeen, Direction::Descending) => "v.sequence DESC",
            (VideoOrder::FirstSeen, Direction::Ascending) => "v.sequence",
            (VideoOrder::Published, Direction::Descending) => "v.published DESC, v.sequence DESC",
            (VideoOrder::Published, Direction::Ascending) => "v.published, v.sequence",
        }
    }

    /// Returns the last row of the window, unless it ends before its limit.
    fn end(&self, connection: &Connection) -> rusqlite::Result<Option<VideoCursor>> {
        let statement = format!(
            "SELECT v.published, v.sequence FROM video v {} ORDER BY {} LIMIT 1 OFFSET {}",
            self.conditions.as_where(),
            self.order(),
            MAX_ROWS_EXAMINED - 1,
        );
        let read = |row: &Row<'_>| {
            let published: Option<i64> = row.get(0)?;
            let published_ms = published.filter(|_| self.order == VideoOrder::Published);
            Ok(VideoCursor { published_ms, sequence: row.get(1)? })
        };
        let values = params_from_iter(&self.conditions.values);
        connection.prepare_cached(&statement)?.query_row(values, read).optional()
    }
}

/// Returns the conditions that are not part of the [`Window`].
pub(super) fn filter(filter: &VideoFilter, order: VideoOrder) -> Conditions {
    let VideoFilter { channel_id, category, status, length_seconds, .. } = filter;
    let mut conditions = Conditions::default();
    if order == VideoOrder::Published {
        conditions.add_some("v.channel_id = ?", channel_id.clone());
    } else {
        add_published(&mut conditions, filter);
    }
    conditions.add_some("v.category = ?", category.clone());
    conditions.add_some(
        "v.availability = ?",
        filter.availability.map(|availability| availability.as_str().to_owned()),
    );
    match status {
        Some(VideoStatus::Stored) => conditions.add("v.newest_id IS NOT NULL", []),
        Some(VideoStatus::Failed) => conditions.add("v.newest_id IS NULL", []),
        None => {}
    }
    let seconds = |length: u64| i64::try_from(length).unwrap_or(i64::MAX);
    conditions.add_some("v.length_seconds >= ?", length_seconds.from.map(seconds));
    conditions.add_some("v.length_seconds < ?", length_seconds.below.map(seconds));
    conditions
}

fn add_published(conditions: &mut Conditions, filter: &VideoFilter) {
    let Between { from, below } = filter.published;
    conditions.add_some("v.published >= ?", from.map(|time| time.as_millisecond()));
    conditions.add_some("v.published < ?", below.map(|time| time.as_millisecond()));
}
