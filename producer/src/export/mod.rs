//! An export: all videos that a query selects, as one long answer.
//!
//! In reading order: `pages` reads the store page by page, one ahead of the client; `format` writes
//! the rows, the end and the break of an export, with the columns of `csv`.
//!
//! It must not know: HTTP, or how an error is answered.

mod csv;
mod format;
mod pages;

pub(crate) use csv::CsvOptions;
pub(crate) use format::Format;
pub(crate) use pages::{Export, ExportError, Exports, PAGE_VIDEOS, Step};
