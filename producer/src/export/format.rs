//! The formats of an export: JSON lines, of which the last says how it ended, and CSV.

use std::io;

use bytes::Bytes;
use linkrelay_http::wire::{ExportEnd, ExportRow};
use linkrelay_store::videos::{VideoCursor, VideoOrder, VideoRow};
use serde_json::{Value, json};

use super::csv::{self, CsvOptions};
use crate::video_entry::entry;

/// The format of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// One JSON object a line.
    Ndjson,
    /// RFC 4180.
    Csv(CsvOptions),
}

impl Format {
    /// Returns the media type, and the ending of a file's name.
    pub(crate) fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Ndjson => ("application/x-ndjson", "ndjson"),
            Self::Csv(_) => ("text/csv; charset=utf-8; header=present", "csv"),
        }
    }

    /// Returns what comes before the first row.
    pub(crate) fn begin(self) -> Bytes {
        match self {
            Self::Ndjson => Bytes::new(),
            Self::Csv(options) => Bytes::from(csv::begin(options)),
        }
    }

    /// Writes rows, each with the cursor behind it.
    ///
    /// # Errors
    /// If a value cannot be written.
    pub(super) fn rows(self, rows: Vec<VideoRow>, order: VideoOrder) -> io::Result<Vec<u8>> {
        let rows = rows.into_iter().map(|row| {
            let cursor = VideoCursor::of(&row, order).to_string();
            ExportRow { video: entry(row), cursor }
        });
        match self {
            Self::Ndjson => {
                let mut bytes = Vec::new();
                for row in rows {
                    serde_json::to_writer(&mut bytes, &row)?;
                    bytes.push(b'\n');
                }
                Ok(bytes)
            }
            Self::Csv(options) => csv::write(rows, options),
        }
    }

    /// Returns what comes behind the last row of all.
    pub(crate) fn end(self, rows: u64) -> Bytes {
        match self {
            Self::Ndjson => line(&json!(ExportEnd { end: true, rows })),
            Self::Csv(_) => Bytes::new(),
        }
    }

    /// Returns what comes behind the last row of an export that breaks off.
    pub(crate) fn broken(self, problem: &Value, after: Option<VideoCursor>) -> Bytes {
        let after = after.map(|after| after.to_string());
        match self {
            Self::Ndjson => line(&json!({ "error": problem, "after": after })),
            // A row cannot say it.
            Self::Csv(_) => Bytes::new(),
        }
    }
}

fn line(value: &Value) -> Bytes {
    Bytes::from(format!("{value}\n"))
}
