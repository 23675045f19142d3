//! The SQLite file: opened once, with one writer and a few readers, and closed in the end.

use std::path::Path;

use super::readers::Readers;
use super::writer::Writer;
use super::{connection, failure, schema};
use crate::error::StoreError;

/// Documents in a SQLite file.
///
/// Dropping the last handle waits until what is queued has reached the disk, some milliseconds;
/// where that may not block, [`close`](Self::close) it first.
#[derive(Debug)]
pub struct SqliteStore {
    pub(super) writer: Writer,
    pub(super) readers: Readers,
}

impl SqliteStore {
    /// Opens the file, makes it if there is none, and brings its tables up to date. Blocks for
    /// some milliseconds; meant for a program's start.
    ///
    /// # Errors
    /// If the file cannot be written, is no SQLite file, or was made by a newer program.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let error_of = |error: rusqlite::Error| failure::store_error(&error);
        let mut connection = connection::open_writer(path).map_err(error_of)?;
        schema::migrate(&mut connection)?;
        let writer = Writer::start(connection)
            .map_err(|error| StoreError::Refused(format!("no thread for writing: {error}")))?;
        Ok(Self { writer, readers: Readers::new(path) })
    }

    /// Finishes what is queued and closes the file for writing; whatever comes later is refused.
    pub async fn close(&self) {
        self.writer.close().await;
    }
}
