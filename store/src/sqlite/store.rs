//! The SQLite file: opened once, with one writer and a few readers.

use std::path::Path;

use super::readers::ReaderPool;
use super::writer::Writer;
use super::{connection, schema, search};
use crate::error::StoreError;

/// Documents in a SQLite file.
///
/// Dropping the last handle waits some milliseconds, until the queued writes have reached the disk;
/// a caller that must not block calls [`close`](Self::close) first.
#[derive(Debug)]
pub struct SqliteStore {
    pub(super) writer: Writer,
    pub(super) readers: ReaderPool,
}

impl SqliteStore {
    /// Opens the file, makes it if it does not exist, and brings its tables up to date. Blocks for
    /// some milliseconds, or until an older file is migrated; meant for a program's start.
    ///
    /// # Errors
    /// Fails if the file cannot be written, is not a SQLite file, or was made by a newer program.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let mut connection = connection::open_writer(path)?;
        schema::migrate(&mut connection)?;
        let writer = Writer::start(connection, search::index_older)
            .map_err(|error| StoreError::Refused(format!("no thread for writing: {error}")))?;
        Ok(Self { writer, readers: ReaderPool::new(path) })
    }

    /// Finishes the queued writes and closes the file for writing; later writes are refused.
    pub async fn close(&self) {
        self.writer.close().await;
    }
}
