//! The few connections that read. With a write-ahead log a reader never waits for the writer.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use crate::error::StoreError;

use super::{connection, failure};

/// How many reads run at the same time; each takes a thread of the runtime's blocking pool.
const READERS: usize = 4;

/// Connections for reading, opened when needed and kept.
#[derive(Debug)]
pub(super) struct ReaderPool {
    path: PathBuf,
    idle: Arc<Mutex<Vec<Connection>>>,
    permits: Arc<Semaphore>,
}

impl ReaderPool {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            idle: Arc::default(),
            permits: Arc::new(Semaphore::new(READERS)),
        }
    }

    /// Runs `read` on a thread that may block.
    pub(super) async fn run<T, R>(&self, read: R) -> Result<T, StoreError>
    where
        R: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
        T: Send + 'static,
    {
        let permit =
            Arc::clone(&self.permits).acquire_owned().await.map_err(|_| failure::closed())?;
        let (path, idle) = (self.path.clone(), Arc::clone(&self.idle));
        let reading = tokio::task::spawn_blocking(move || -> rusqlite::Result<T> {
            // Held until the read is done, even if the caller has been dropped.
            let _permit = permit;
            let kept = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let connection = kept.map_or_else(|| connection::open_reader(&path), Ok)?;
            let result = read(&connection)?;
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            Ok(result)
        });
        let result = reading.await.map_err(|error| StoreError::Unreachable(error.to_string()))?;
        Ok(result?)
    }
}
