//! The SQLite file: opened once, with one writer and a few readers.

use std::path::Path;

use rusqlite::Connection;

use super::file_lock::FileLock;
use super::readers::ReaderPool;
use super::writer::Writer;
use super::{closed, connection, schema, search};
use crate::error::StoreError;

/// Documents in a SQLite file.
///
/// Dropping the last handle waits some milliseconds, until the queued writes have reached the disk;
/// a caller that must not block calls [`close`](Self::close) first.
#[derive(Debug)]
pub struct SqliteStore {
    pub(super) writer: Writer,
    pub(super) readers: ReaderPool,
    /// Dropped last, when the file is closed.
    _lock: FileLock,
}

impl SqliteStore {
    /// Opens the file, makes it if it does not exist, and brings its tables up to date. Blocks for
    /// some milliseconds, or until an older file is migrated; meant for a program's start.
    ///
    /// # Errors
    /// Fails if the file cannot be written, is not a SQLite file, was made by a newer program, was
    /// moved elsewhere, or is being replaced.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let (connection, lock) = open(path, FileLock::shared(path)?)?;
        closed::check_open(&connection)?;
        Self::start(path, connection, lock)
    }

    /// Opens the file for its move to another store: no other process may use it, and it may have
    /// been moved before. Otherwise like [`SqliteStore::open`].
    ///
    /// # Errors
    /// Also fails if another process uses the file.
    pub fn open_alone(path: &Path) -> Result<Self, StoreError> {
        let (connection, lock) = open(path, FileLock::exclusive(path)?)?;
        Self::start(path, connection, lock)
    }

    fn start(path: &Path, connection: Connection, lock: FileLock) -> Result<Self, StoreError> {
        let writer = Writer::start(connection, search::index_older)
            .map_err(|error| StoreError::Refused(format!("no thread for writing: {error}")))?;
        Ok(Self { writer, readers: ReaderPool::new(path), _lock: lock })
    }

    /// Finishes the queued writes and closes the file for writing; later writes are refused.
    pub async fn close(&self) {
        self.writer.close().await;
    }
}

fn open(path: &Path, lock: FileLock) -> Result<(Connection, FileLock), StoreError> {
    let mut connection = connection::open_writer(path)?;
    schema::migrate(&mut connection)?;
    Ok((connection, lock))
}
