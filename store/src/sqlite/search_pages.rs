//! Pages of the videos that a search finds.
//!
//! The index of grams gives candidates in the order of their numbers, which is the order by first
//! seen. Another order, or the videos of one channel, are read by their own index: of few
//! candidates only these, and of many all, because then a page is soon full. A candidate's text is
//! compared before it is part of a page.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use serde::Deserialize;

use super::grams::expression;
use super::video_pages::{Conditions, Window, filter};
use super::videos::{self, COLUMNS, DOCUMENT_COLUMN};
use super::{codec, search};
use crate::search::{Folded, SearchText};
use crate::videos::{
    Direction, MAX_ROWS_EXAMINED, VideoCursor, VideoFilter, VideoOrder, VideoPage, VideoQuery,
    VideoRow,
};

/// How many texts that do not match a page may compare, because each has to be read and folded.
const MAX_TEXTS_COMPARED: u32 = 2_000;
/// How many of them it compares also if that takes longer than [`COMPARING_TIME`].
const MIN_TEXTS_COMPARED: u32 = 100;
/// How long a page goes on comparing texts, which take ten times as long if the disk has to be read.
const COMPARING_TIME: Duration = Duration::from_millis(80);
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
    let Candidates { statement, values, have_grams } = candidates(&transaction, query, text)?;
    let check = Check::of(&query.filter, text, have_grams);
    let mut statement = transaction.prepare_cached(&statement)?;
    let mut rows = statement.query(params_from_iter(values))?;
    let mut page = VideoPage::default();
    let mut last = None;
    let (mut examined, mut compared) = (0, 0);
    let begun = Instant::now();
    while let Some(row) = rows.next()? {
        let is_full = page.videos.len() == query.limit as usize;
        let has_compared = compared == MAX_TEXTS_COMPARED
            || (compared >= MIN_TEXTS_COMPARED && begun.elapsed() >= COMPARING_TIME);
        if is_full || has_compared || examined == MAX_ROWS_EXAMINED {
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
        all.add(IS_MATCH, [expression(text).into()]);
    }
    let statement = format!("SELECT v.sequence FROM video v {}", all.as_where());
    let mut statement = transaction.prepare(&statement)?;
    let mut rows = statement.query(params_from_iter(all.values))?;
    let is_sure = is_complete && text.is_exact();
    let mut count = 0;
    while let Some(row) = rows.next()? {
        count += u64::from(is_sure || has_text(&transaction, row.get(0)?, text)?);
    }
    Ok(count)
}

/// What reads candidates in the query's order.
struct Candidates {
    statement: String,
    values: Vec<Value>,
    /// Whether each has all grams of the text.
    have_grams: bool,
}

fn candidates(
    connection: &Connection,
    query: &VideoQuery,
    text: &SearchText,
) -> rusqlite::Result<Candidates> {
    let is_complete = search::is_complete(connection)?;
    let is_by_number = query.order == VideoOrder::FirstSeen && query.filter.channel_id.is_none();
    if is_complete && is_by_number {
        return Ok(by_number(query, text));
    }
    let Window { mut conditions, .. } = Window::of(query);
    let have_grams = is_complete && are_few(connection, text)?;
    if have_grams {
        conditions.add(IS_MATCH, [expression(text).into()]);
    }
    let (selected, order) = (conditions.as_where(), Window::of(query).order());
    let statement =
        format!("SELECT v.published, v.sequence FROM video v {selected} ORDER BY {order}");
    Ok(Candidates { statement, values: conditions.values, have_grams })
}

fn by_number(query: &VideoQuery, text: &SearchText) -> Candidates {
    let (compare, order) = match query.direction {
        Direction::Descending => ("rowid < ?", "rowid DESC"),
        Direction::Ascending => ("rowid > ?", "rowid"),
    };
    let mut conditions = Conditions::default();
    conditions.add("video_grams MATCH ?", [expression(text).into()]);
    conditions.add_some(compare, query.after.map(|after| after.sequence));
    let selected = conditions.as_where();
    let statement = format!("SELECT NULL, rowid FROM video_grams {selected} ORDER BY {order}");
    Candidates { statement, values: conditions.values, have_grams: true }
}

fn are_few(connection: &Connection, text: &SearchText) -> rusqlite::Result<bool> {
    let count = "SELECT count(*) FROM
        (SELECT 1 FROM video_grams WHERE video_grams MATCH ?1 LIMIT ?2)";
    let values = (expression(text), FEW + 1);
    let count: i64 = connection.prepare_cached(count)?.query_row(values, |row| row.get(0))?;
    Ok(count <= FEW)
}

/// Whether a candidate is selected.
struct Check<'a> {
    statement: String,
    values: Vec<Value>,
    /// What its text is compared with; `None` if every candidate matches.
    text: Option<&'a SearchText>,
}

enum Checked {
    Selected(Box<VideoRow>),
    Filtered,
    OtherText,
}

impl<'a> Check<'a> {
    fn of(selected: &VideoFilter, text: &'a SearchText, have_grams: bool) -> Self {
        let mut conditions = filter(selected, VideoOrder::FirstSeen);
        conditions.add_some("v.channel_id = ?", selected.channel_id.clone());
        conditions.texts.push("v.sequence = ?");
        let statement = format!(
            "SELECT {COLUMNS} FROM video v JOIN document d ON d.id = v.newest_id {}",
            conditions.as_where()
        );
        let text = (!(have_grams && text.is_exact())).then_some(text);
        Self { statement, values: conditions.values, text }
    }

    fn run(&self, connection: &Connection, sequence: i64) -> rusqlite::Result<Checked> {
        let mut statement = connection.prepare_cached(&self.statement)?;
        let values = self.values.iter().cloned().chain([sequence.into()]);
        let mut rows = statement.query(params_from_iter(values))?;
        let Some(row) = rows.next()? else { return Ok(Checked::Filtered) };
        if let Some(text) = self.text
            && !text.matches(&Texts::read(row.get_ref(DOCUMENT_COLUMN)?.as_str()?))
        {
            return Ok(Checked::OtherText);
        }
        Ok(Checked::Selected(Box::new(videos::video_row(row)?)))
    }
}

/// Whether a video has the text.
fn has_text(connection: &Connection, sequence: i64, text: &SearchText) -> rusqlite::Result<bool> {
    let query = "SELECT d.document FROM video v JOIN document d ON d.id = v.newest_id
        WHERE v.sequence = ?1";
    let mut statement = connection.prepare_cached(query)?;
    let mut rows = statement.query([sequence])?;
    let Some(row) = rows.next()? else { return Ok(false) };
    Ok(text.matches(&Texts::read(row.get_ref(0)?.as_str()?)))
}

/// The part of a document that is searched: most candidates that do not match need no more of it.
#[derive(Debug, Deserialize)]
struct Texts<'a> {
    #[serde(borrow)]
    video: Option<VideoTexts<'a>>,
}

#[derive(Debug, Deserialize)]
struct VideoTexts<'a> {
    #[serde(borrow)]
    title: Cow<'a, str>,
    description: Option<Cow<'a, str>>,
}

impl Texts<'_> {
    /// Reads and folds them; a document that cannot be read has none.
    fn read(document: &str) -> Folded {
        let texts: Option<Texts<'_>> = codec::decode(DOCUMENT_COLUMN, document).ok();
        let Some(video) = texts.and_then(|texts| texts.video) else { return Folded::default() };
        let description = video.description.as_deref();
        Folded::of_all(std::iter::once(&*video.title).chain(description))
    }
}
