//! Pages of the videos that a search finds.
//!
//! The index of grams gives candidates in the order of their numbers, which is the order by first
//! seen. Another order, or the videos of one channel, are read by their own index: of few
//! candidates only these, and of many all, because then a page is soon full. A candidate's text is
//! compared before it is part of a page.

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params_from_iter};

use super::search;
use super::video_pages::{Conditions, Window, filter};
use super::videos::{self, COLUMNS};
use crate::search::{Folded, SearchText};
use crate::videos::{
    Direction, MAX_ROWS_EXAMINED, VideoCursor, VideoFilter, VideoOrder, VideoPage, VideoQuery,
    VideoRow,
};

/// How many texts a page may compare in vain, because each has to be read and folded.
const MAX_TEXTS_COMPARED: u32 = 2_000;
/// Up to how many candidates are sorted.
const FEW: i64 = 5_000;

const IS_MATCH: &str = "v.sequence IN (SELECT rowid FROM video_grams WHERE video_grams MATCH ?)";

pub(super) fn videos(
    connection: &Connection,
    query: &VideoQuery,
    text: &SearchText,
) -> rusqlite::Result<VideoPage> {
    // All statements read the same state.
    let transaction = connection.unchecked_transaction()?;
    let (statement, values) = candidates(&transaction, query, text)?;
    let check = Check::of(&query.filter, text);
    let mut statement = transaction.prepare_cached(&statement)?;
    let mut rows = statement.query(params_from_iter(values))?;
    let mut page = VideoPage::default();
    let mut last = None;
    let (mut examined, mut compared) = (0, 0);
    while let Some(row) = rows.next()? {
        let is_full = page.videos.len() == query.limit as usize;
        if is_full || examined == MAX_ROWS_EXAMINED || compared == MAX_TEXTS_COMPARED {
            page.next = last;
            break;
        }
        let published: Option<i64> = row.get(0)?;
        let published_ms = published.filter(|_| query.order == VideoOrder::Published);
        let sequence = row.get(1)?;
        last = Some(VideoCursor { published_ms, sequence });
        examined += 1;
        match check.run(&transaction, sequence)? {
            Checked::Selected(video) => page.videos.push(*video),
            Checked::OtherText => compared += 1,
            Checked::Filtered => {}
        }
    }
    Ok(page)
}

/// Counts what a search finds.
pub(super) fn count(
    connection: &Connection,
    selected: &VideoFilter,
    text: &SearchText,
) -> rusqlite::Result<u64> {
    let transaction = connection.unchecked_transaction()?;
    let is_complete = search::is_complete(&transaction)?;
    let mut all = filter(selected, VideoOrder::FirstSeen);
    all.add_some("v.channel_id = ?", selected.channel_id.clone());
    if is_complete {
        all.add(IS_MATCH, [search::expression(text).into()]);
    }
    let statement = format!("SELECT v.sequence FROM video v {}", all.as_where());
    let mut statement = transaction.prepare(&statement)?;
    let mut rows = statement.query(params_from_iter(all.values))?;
    let check = Check::of(selected, text);
    let mut count = 0;
    while let Some(row) = rows.next()? {
        let is_sure = is_complete && text.is_exact();
        if is_sure || matches!(check.run(&transaction, row.get(0)?)?, Checked::Selected(_)) {
            count += 1;
        }
    }
    Ok(count)
}

/// Returns the statement that reads candidates in the query's order, and its values.
fn candidates(
    connection: &Connection,
    query: &VideoQuery,
    text: &SearchText,
) -> rusqlite::Result<(String, Vec<Value>)> {
    let is_complete = search::is_complete(connection)?;
    let is_by_number = query.order == VideoOrder::FirstSeen && query.filter.channel_id.is_none();
    if is_complete && is_by_number {
        return Ok(by_number(query, text));
    }
    let Window { mut conditions, .. } = Window::of(query);
    if is_complete && are_few(connection, text)? {
        conditions.add(IS_MATCH, [search::expression(text).into()]);
    }
    let (selected, order) = (conditions.as_where(), Window::of(query).order());
    let statement =
        format!("SELECT v.published, v.sequence FROM video v {selected} ORDER BY {order}");
    Ok((statement, conditions.values))
}

fn by_number(query: &VideoQuery, text: &SearchText) -> (String, Vec<Value>) {
    let (compare, order) = match query.direction {
        Direction::Descending => ("rowid < ?", "rowid DESC"),
        Direction::Ascending => ("rowid > ?", "rowid"),
    };
    let mut conditions = Conditions::default();
    conditions.add("video_grams MATCH ?", [search::expression(text).into()]);
    conditions.add_some(compare, query.after.map(|after| after.sequence));
    let selected = conditions.as_where();
    let statement = format!("SELECT NULL, rowid FROM video_grams {selected} ORDER BY {order}");
    (statement, conditions.values)
}

fn are_few(connection: &Connection, text: &SearchText) -> rusqlite::Result<bool> {
    let count = "SELECT count(*) FROM
        (SELECT 1 FROM video_grams WHERE video_grams MATCH ?1 LIMIT ?2)";
    let values = (search::expression(text), FEW + 1);
    let count: i64 = connection.prepare_cached(count)?.query_row(values, |row| row.get(0))?;
    Ok(count <= FEW)
}

/// Whether a candidate is selected.
struct Check<'a> {
    statement: String,
    values: Vec<Value>,
    text: &'a SearchText,
}

enum Checked {
    Selected(Box<VideoRow>),
    Filtered,
    OtherText,
}

impl<'a> Check<'a> {
    fn of(selected: &VideoFilter, text: &'a SearchText) -> Self {
        let mut conditions = filter(selected, VideoOrder::FirstSeen);
        conditions.add_some("v.channel_id = ?", selected.channel_id.clone());
        conditions.texts.push("v.sequence = ?");
        let statement = format!(
            "SELECT {COLUMNS} FROM video v JOIN document d ON d.id = v.newest_id {}",
            conditions.as_where()
        );
        Self { statement, values: conditions.values, text }
    }

    fn run(&self, connection: &Connection, sequence: i64) -> rusqlite::Result<Checked> {
        let values = self.values.iter().cloned().chain([sequence.into()]);
        let row = connection
            .prepare_cached(&self.statement)?
            .query_row(params_from_iter(values), videos::video_row)
            .optional()?;
        let Some(row) = row else { return Ok(Checked::Filtered) };
        let has_text = row
            .metadata
            .as_ref()
            .is_some_and(|metadata| self.text.matches(&Folded::of_video(&metadata.video)));
        Ok(if has_text { Checked::Selected(Box::new(row)) } else { Checked::OtherText })
    }
}
