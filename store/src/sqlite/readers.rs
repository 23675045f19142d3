//! The few connections that read. With a write-ahead log a reader never waits for the writer.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, InterruptHandle};
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
    ///
    /// # Cancel safety
    /// If the call is dropped, SQLite ends the query, so that the connection serves others.
    pub(super) async fn run<T, R>(&self, read: R) -> Result<T, StoreError>
    where
        R: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
        T: Send + 'static,
    {
        let permit =
            Arc::clone(&self.permits).acquire_owned().await.map_err(|_| failure::closed())?;
        let (path, idle) = (self.path.clone(), Arc::clone(&self.idle));
        let caller = Caller::default();
        let query = Arc::clone(&caller.query);
        let reading = tokio::task::spawn_blocking(move || -> rusqlite::Result<T> {
            // Held until the read is done, even if the caller has been dropped.
            let _permit = permit;
            let kept = lock(&idle).pop();
            let connection = kept.map_or_else(|| connection::open_reader(&path), Ok)?;
            lock(&query).begin(&connection)?;
            let result = read(&connection);
            // Before the connection serves another read, which this caller must not end.
            lock(&query).running = None;
            let result = result?;
            lock(&idle).push(connection);
            Ok(result)
        });
        let result = reading.await.map_err(|error| StoreError::Unreachable(error.to_string()))?;
        Ok(result?)
    }
}

/// The caller of a query; when it is dropped, the query ends.
#[derive(Default)]
struct Caller {
    query: Arc<Mutex<Query>>,
}

#[derive(Default)]
struct Query {
    running: Option<InterruptHandle>,
    is_unwanted: bool,
}

impl Query {
    /// # Errors
    /// If its caller has left, who then does not see the error.
    fn begin(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        self.running = Some(connection.get_interrupt_handle());
        if self.is_unwanted { Err(rusqlite::Error::QueryReturnedNoRows) } else { Ok(()) }
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        let mut query = lock(&self.query);
        query.is_unwanted = true;
        if let Some(running) = &query.running {
            running.interrupt();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_caller_that_leaves_ends_its_query() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        drop(connection::open_writer(&path).unwrap());
        let pool = ReaderPool::new(&path);
        let endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
            SELECT max(i) FROM n";
        for _ in 0..READERS {
            let (begun, has_begun) = tokio::sync::oneshot::channel();
            let read = pool.run(move |connection| {
                begun.send(()).unwrap();
                connection.query_row(endless, [], |row| row.get::<_, i64>(0))
            });
            tokio::select! {
                ended = read => panic!("{ended:?}"),
                // An interrupt before the first step of a query does not end it.
                () = async {
                    has_begun.await.unwrap();
                    tokio::time::sleep(Duration::from_millis(50)).await;
                } => {}
            }
        }
        let one =
            pool.run(|connection| connection.query_row("SELECT 1", [], |row| row.get::<_, i64>(0)));
        assert_eq!(one.await.unwrap(), 1);
    }
}
