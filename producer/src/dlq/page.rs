//! A page of dead letters, the newest first, read from the end of their topic or table.
//!
//! Kafka reads forwards, so the end of each partition is read in small pieces, the last one first,
//! and the partitions are merged by the time of the failure. A cursor has the offset of each
//! partition below which the next page begins, so dead letters that are written meanwhile neither
//! repeat nor hide one. Blocks, so it needs a thread for blocking work.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::{ControlFlow, Range};
use std::str::FromStr;
use std::time::Instant;

use jiff::Timestamp;
use linkrelay_store::sqlite::SqliteStore;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::asking::Asking;
use super::error::DlqError;
use super::filter::LetterFilter;
use super::in_flight::InFlight;
use super::letter::{DeadLetter, RawLetter};
use super::reader::{PAGE_ROWS, unreadable};
use super::source::LetterSource;
use super::topic_reader::TopicReader;

/// How many dead letters a page examines before it ends, so that a rare one costs several small
/// requests and not one that lasts.
const MAX_EXAMINED: usize = 5_000;
/// A longer link is truncated: the value of a record may have a megabyte.
const MAX_LINK_CHARS: usize = 2_048;

/// Which dead letters, and where a page begins.
#[derive(Debug, Clone)]
pub(crate) struct LetterQuery {
    pub(crate) filter: LetterFilter,
    pub(crate) after: Option<LetterCursor>,
    pub(crate) limit: usize,
    /// When no further piece is begun.
    pub(crate) until: Instant,
    /// When the broker is asked no more.
    pub(crate) deadline: Instant,
}

/// Some dead letters, the newest first.
#[derive(Debug, Default)]
pub(crate) struct LetterPage {
    pub(crate) letters: Vec<DeadLetter>,
    /// The replays of marked rows.
    pub(crate) marked: InFlight,
    pub(crate) examined: usize,
    /// Where the next page begins, if there may be one.
    pub(crate) next: Option<LetterCursor>,
}

/// The end of a page: of each partition that is not read to its beginning, the offset below which
/// to go on. Its text is `<partition>-<offset>`, joined by dots.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct LetterCursor(BTreeMap<i32, i64>);

/// The text is no cursor.
#[derive(Debug, thiserror::Error)]
#[error("must be taken from `next` of another page")]
pub(crate) struct CursorError;

impl fmt::Display for LetterCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (partition, offset)) in self.0.iter().enumerate() {
            let dot = if index == 0 { "" } else { "." };
            write!(f, "{dot}{partition}-{offset}")?;
        }
        Ok(())
    }
}

impl FromStr for LetterCursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let ends = text.split('.').map(|end| {
            let (partition, offset) = end.split_once('-')?;
            let (partition, offset) = (partition.parse::<u16>().ok()?, offset.parse::<u64>().ok()?);
            Some((i32::from(partition), i64::try_from(offset).ok()?))
        });
        ends.collect::<Option<_>>().map(Self).ok_or(CursorError)
    }
}

/// Reads a page, or until `stop` is cancelled.
///
/// # Errors
/// If the broker or file cannot be read.
pub(crate) fn read(
    source: &LetterSource,
    query: &LetterQuery,
    stop: &CancellationToken,
) -> Result<LetterPage, DlqError> {
    match source {
        LetterSource::Topic(kafka) => {
            let asking = Asking::until(query.deadline, stop);
            let reader = TopicReader::open(kafka, &kafka.kafka_dlq_topic, asking)?;
            of_topic(reader, query, stop)
        }
        LetterSource::Rows(file) => of_rows(file, query, stop),
    }
}

/// The end of a partition.
#[derive(Debug)]
struct Tail {
    start: i64,
    /// Offsets from here on are read.
    below: i64,
    /// The dead letters that are read and not taken yet, the newest last.
    letters: Vec<DeadLetter>,
}

impl Tail {
    fn is_unread(&self) -> bool {
        self.letters.is_empty() && self.start < self.below
    }

    /// Returns the offset below which the next page begins.
    fn end(&self) -> Option<i64> {
        let end = self.letters.last().map_or(self.below, |letter| letter.offset + 1);
        (end > self.start).then_some(end)
    }
}

fn of_topic(
    mut reader: TopicReader,
    query: &LetterQuery,
    stop: &CancellationToken,
) -> Result<LetterPage, DlqError> {
    let mut tails = tails(&reader.ranges, query.after.as_ref());
    let piece = piece_length(query.limit, tails.len());
    let mut page = LetterPage::default();
    while page.letters.len() < query.limit && !stop.is_cancelled() {
        if tails.values().any(Tail::is_unread) {
            let is_spent = page.examined >= MAX_EXAMINED || Instant::now() >= query.until;
            if is_spent && page.examined > 0 {
                break;
            }
            read_pieces(&mut reader, &mut tails, piece, stop)?;
            continue;
        }
        let Some(letter) = take_newest(&mut tails) else { break };
        page.take(letter, &query.filter);
    }
    let ends = tails.iter().filter_map(|(partition, tail)| Some((*partition, tail.end()?)));
    page.next = Some(LetterCursor(ends.collect())).filter(|next| !next.0.is_empty());
    Ok(page)
}

/// A partition that a cursor does not name is read to its beginning, or is newer than the cursor.
fn tails(ranges: &BTreeMap<i32, Range<i64>>, after: Option<&LetterCursor>) -> BTreeMap<i32, Tail> {
    let tail = |(partition, range): (&i32, &Range<i64>)| {
        let below = match after {
            Some(after) => range.end.min(*after.0.get(partition)?),
            None => range.end,
        };
        let tail = Tail { start: range.start, below, letters: Vec::new() };
        (tail.start < below).then_some((*partition, tail))
    };
    ranges.iter().filter_map(tail).collect()
}

/// Returns how many records of each partition are read at a time.
fn piece_length(limit: usize, partitions: usize) -> i64 {
    let most = MAX_EXAMINED / partitions.max(1);
    i64::try_from(limit.clamp(1, most.max(1))).unwrap_or(i64::MAX)
}

/// Reads one more piece of each partition of which no dead letter is left.
fn read_pieces(
    reader: &mut TopicReader,
    tails: &mut BTreeMap<i32, Tail>,
    piece: i64,
    stop: &CancellationToken,
) -> Result<(), DlqError> {
    let unread = tails.iter().filter(|(_, tail)| tail.is_unread());
    reader.ranges = unread
        .map(|(partition, tail)| (*partition, tail.start.max(tail.below - piece)..tail.below))
        .collect();
    reader.read(stop, |message| {
        let letter = shortened(DeadLetter::read(&RawLetter::of_record(message)));
        if let Some(tail) = tails.get_mut(&letter.partition) {
            tail.letters.push(letter);
        }
        Ok::<_, DlqError>(ControlFlow::Continue(()))
    })?;
    for (partition, range) in &reader.ranges {
        if let Some(tail) = tails.get_mut(partition) {
            tail.below = range.start;
        }
    }
    Ok(())
}

fn take_newest(tails: &mut BTreeMap<i32, Tail>) -> Option<DeadLetter> {
    let last = |tail: &Tail| tail.letters.last().map(|letter| letter.failed_at);
    let times = tails.iter().filter_map(|(partition, tail)| Some((last(tail)?, *partition)));
    let newest: Option<(Option<Timestamp>, i32)> = times.max();
    tails.get_mut(&newest?.1)?.letters.pop()
}

fn of_rows(
    file: &SqliteStore,
    query: &LetterQuery,
    stop: &CancellationToken,
) -> Result<LetterPage, DlqError> {
    let after = query.after.as_ref().map(|after| after.0.get(&0).copied().unwrap_or(0));
    let mut below = after.unwrap_or(i64::MAX);
    let piece = u32::try_from(query.limit).unwrap_or(u32::MAX).min(PAGE_ROWS);
    let mut page = LetterPage::default();
    while page.letters.len() < query.limit && page.examined < MAX_EXAMINED && !stop.is_cancelled() {
        let rows = Handle::current().block_on(file.letters_before(below, piece));
        let rows = rows.map_err(unreadable)?;
        if rows.is_empty() {
            return Ok(page);
        }
        for row in rows {
            if page.letters.len() == query.limit {
                break;
            }
            below = row.position;
            let raw = RawLetter::of_row(row);
            let letter = shortened(DeadLetter::read(&raw));
            if raw.is_marked {
                page.marked.add_marked(&letter);
            }
            page.take(letter, &query.filter);
        }
    }
    page.next = (below > 1).then(|| LetterCursor(BTreeMap::from([(0, below)])));
    Ok(page)
}

impl LetterPage {
    fn take(&mut self, letter: DeadLetter, filter: &LetterFilter) {
        self.examined += 1;
        if filter.takes(&letter) {
            self.letters.push(letter);
        }
    }
}

fn shortened(letter: DeadLetter) -> DeadLetter {
    let link = letter.link.map(|link| link.chars().take(MAX_LINK_CHARS).collect());
    DeadLetter { link, ..letter }
}

#[cfg(test)]
mod tests {
    use linkrelay_common::ErrorClass;

    use super::super::letter::tests::letter;
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_is_written_and_anything_else_is_refused() {
        let cursor = LetterCursor(BTreeMap::from([(0, 17), (12, 3)]));
        assert_eq!(cursor.to_string(), "0-17.12-3");
        assert_eq!("0-17.12-3".parse::<LetterCursor>().unwrap(), cursor);
        for text in
            ["", "0", "0-", "-1", "0--1", "0-1.", "a-1", "99999-1", "0-99999999999999999999"]
        {
            assert!(text.parse::<LetterCursor>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_page_begins_where_another_ended_and_newer_dead_letters_do_not_move_it() {
        let ranges = BTreeMap::from([(0, 5..20), (1, 0..9), (2, 4..8), (3, 0..2)]);
        let after = LetterCursor(BTreeMap::from([(0, 11), (1, 99), (2, 4)]));
        let begins = |after| {
            let tails = tails(&ranges, after).into_iter();
            tails.map(|(partition, tail)| (partition, tail.below)).collect::<Vec<_>>()
        };
        assert_eq!(begins(None), [(0, 20), (1, 9), (2, 8), (3, 2)]);
        // The log of 1 was truncated, that of 2 is read to its beginning, and 3 is new.
        assert_eq!(begins(Some(&after)), [(0, 11), (1, 9)]);
    }

    #[test]
    fn partitions_are_merged_by_time() {
        let of = |partition: i32, seconds: &[i64]| {
            let letters = seconds
                .iter()
                .map(|second| DeadLetter { partition, ..letter(ErrorClass::Transient, *second) });
            (partition, Tail { start: 0, below: 0, letters: letters.collect() })
        };
        let mut tails = BTreeMap::from([of(0, &[1, 5]), of(1, &[2, 3, 9]), of(2, &[])]);
        let times = std::iter::from_fn(|| take_newest(&mut tails)).map(|letter| letter.offset);
        assert_eq!(times.collect::<Vec<_>>(), [9, 5, 3, 2, 1]);
    }
}
