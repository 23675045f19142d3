//! Videos as CSV (RFC 4180): the columns, the guard against formulas, and lists in a cell.

use std::borrow::Cow;
use std::io;

use csv::{Terminator, Writer, WriterBuilder};
use jiff::Timestamp;
use linkrelay_common::ErrorClass;
use linkrelay_common::video::{Availability, Thumbnail};
use linkrelay_http::wire::{ExportRow, VideoEntry};

/// How cells are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct CsvOptions {
    /// Texts as they are, although a spreadsheet may take them for formulas.
    pub(crate) is_raw: bool,
    /// Begins with a byte order mark, by which Excel knows UTF-8.
    pub(crate) has_bom: bool,
}

/// A value; only a text can be taken for a formula.
enum Cell<'a> {
    Nothing,
    Text(Cow<'a, str>),
    Plain(Cow<'a, str>),
}

impl<'a> From<&'a str> for Cell<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text.into())
    }
}

impl<'a> From<&'a String> for Cell<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Cell<'_> {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<u64> for Cell<'_> {
    fn from(number: u64) -> Self {
        Self::Plain(number.to_string().into())
    }
}

impl From<bool> for Cell<'_> {
    fn from(flag: bool) -> Self {
        Self::Plain(if flag { "true" } else { "false" }.into())
    }
}

impl From<Timestamp> for Cell<'_> {
    fn from(time: Timestamp) -> Self {
        Self::Plain(time.to_string().into())
    }
}

impl<'a, T: Into<Cell<'a>>> From<Option<T>> for Cell<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Nothing, Into::into)
    }
}

/// The names of the columns, in the order of [`cells`].
const COLUMNS: [&str; 31] = [
    "video_id",
    "status",
    "title",
    "channel_id",
    "channel_name",
    "channel_url",
    "channel_subscribers",
    "channel_verified",
    "length_seconds",
    "view_count",
    "like_count",
    "publish_date",
    "category",
    "keywords",
    "thumbnail_url",
    "availability",
    "is_live",
    "is_upcoming",
    "family_safe",
    "chapters",
    "description",
    "source",
    "first_seen_at",
    "last_seen_at",
    "extracted_at",
    "failed_at",
    "error_class",
    "error_code",
    "error_message",
    "error_attempts",
    "cursor",
];

fn cells(row: &ExportRow) -> [Cell<'_>; COLUMNS.len()] {
    let ExportRow { video: entry, cursor } = row;
    let VideoEntry { video, error, .. } = entry;
    let video = video.as_ref();
    let author = video.map(|video| &video.author);
    let error = error.as_ref();
    [
        entry.video_id.as_str().into(),
        entry.status.as_ref().into(),
        video.map(|video| &video.title).into(),
        author.and_then(|author| author.channel_id.as_ref()).into(),
        author.and_then(|author| author.name.as_ref()).into(),
        author.and_then(|author| author.url.as_ref()).into(),
        author.and_then(|author| author.subscribers).into(),
        author.and_then(|author| author.verified).into(),
        video.and_then(|video| video.length_seconds).into(),
        video.and_then(|video| video.view_count).into(),
        video.and_then(|video| video.like_count).into(),
        video.and_then(|video| video.publish_date).into(),
        video.and_then(|video| video.category.as_ref()).into(),
        video.and_then(|video| video.keywords.as_ref()).map(join).into(),
        video.and_then(|video| largest(video.thumbnails.as_deref()?)).into(),
        video.and_then(|video| video.availability.map(Availability::as_str)).into(),
        video.and_then(|video| video.is_live).into(),
        video.and_then(|video| video.is_upcoming).into(),
        video.and_then(|video| video.family_safe).into(),
        video
            .and_then(|video| video.chapters.as_ref())
            .map(|chapters| {
                join(
                    chapters
                        .iter()
                        .map(|chapter| format!("{} {}", chapter.start_seconds, chapter.title)),
                )
            })
            .into(),
        video.and_then(|video| video.description.as_ref()).into(),
        entry.source.as_ref().into(),
        entry.first_seen_at.into(),
        entry.last_seen_at.into(),
        entry.extracted_at.into(),
        entry.failed_at.into(),
        error.map(|error| ErrorClass::as_str(error.class)).into(),
        error.map(|error| &error.code).into(),
        error.map(|error| &error.message).into(),
        error.map(|error| u64::from(error.attempts)).into(),
        // A number of ours, which may be negative.
        Cell::Plain(cursor.into()),
    ]
}

/// Returns the header row.
pub(super) fn begin(options: CsvOptions) -> String {
    let bom = if options.has_bom { "\u{feff}" } else { "" };
    // No name needs quotes.
    format!("{bom}{}\r\n", COLUMNS.join(","))
}

/// Writes rows.
///
/// # Errors
/// None in practice: memory can always be written to.
pub(super) fn write(
    rows: impl Iterator<Item = ExportRow>,
    options: CsvOptions,
) -> io::Result<Vec<u8>> {
    let mut writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new());
    for row in rows {
        write_row(&mut writer, &row, options)?;
    }
    writer.into_inner().map_err(|error| error.into_error())
}

fn write_row(
    writer: &mut Writer<Vec<u8>>,
    row: &ExportRow,
    options: CsvOptions,
) -> csv::Result<()> {
    for cell in cells(row) {
        match cell {
            Cell::Nothing => writer.write_field("")?,
            Cell::Plain(text) => writer.write_field(text.as_ref())?,
            Cell::Text(text) if options.is_raw => writer.write_field(text.as_ref())?,
            Cell::Text(text) => writer.write_field(guarded(&text).as_ref())?,
        }
    }
    // Ends the row.
    writer.write_record(None::<&[u8]>)
}

/// With what a text begins that a spreadsheet may take for a formula, also in full width.
const FORMULA: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// Returns a text that no spreadsheet takes for a formula: one more apostrophe before any
/// apostrophes and then one of [`FORMULA`]. So a reader gets the text back
/// by taking away one apostrophe where one or more are before one of these.
fn guarded(text: &str) -> Cow<'_, str> {
    let is_formula = text.trim_start_matches('\'').starts_with(FORMULA);
    if is_formula { format!("'{text}").into() } else { text.into() }
}

/// Joins texts by `|`; a `|` or `\` of a text has a `\` before it.
fn join(texts: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let mut joined = String::new();
    for (position, text) in texts.into_iter().enumerate() {
        if position > 0 {
            joined.push('|');
        }
        for letter in text.as_ref().chars() {
            if matches!(letter, '|' | '\\') {
                joined.push('\\');
            }
            joined.push(letter);
        }
    }
    joined
}

/// Returns the address of the thumbnail with the most pixels; of equal ones, the last.
fn largest(thumbnails: &[Thumbnail]) -> Option<&String> {
    let pixels = |thumbnail: &&Thumbnail| {
        let side = |length: Option<u32>| u64::from(length.unwrap_or_default());
        side(thumbnail.width) * side(thumbnail.height)
    };
    thumbnails.iter().max_by_key(pixels).map(|thumbnail| &thumbnail.url)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Takes the guard away, as [`guarded`] says that a reader does.
    fn unguarded(cell: &str) -> &str {
        let Some(text) = cell.strip_prefix('\'') else { return cell };
        let rest = text.trim_start_matches('\'');
        if rest.starts_with(FORMULA) { text } else { cell }
    }

    proptest! {
        #[test]
        fn a_reader_gets_every_text_back(texts in prop::collection::vec("['=+@＝＠,\"|\t\r\n-]{0,4}\\PC{0,6}", 1..6)) {
            let mut writer =
                WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new());
            writer.write_record(texts.iter().map(|text| guarded(text).into_owned())).unwrap();
            let written = writer.into_inner().unwrap();
            let mut reader =
                csv::ReaderBuilder::new().has_headers(false).from_reader(written.as_slice());
            let record = reader.records().next().unwrap().unwrap();
            let read: Vec<&str> = record.iter().map(unguarded).collect();
            prop_assert_eq!(read, texts);
            for cell in &record {
                prop_assert!(!cell.starts_with(FORMULA));
            }
        }
    }
}
