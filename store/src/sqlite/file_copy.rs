//! Copies a file of the store while other processes write it, and checks the copy.
//!
//! All pages are copied within one read transaction. Without it, SQLite's backup begins again
//! whenever another process has written, and so would never end beside a busy `linkrelay up`. With
//! the write-ahead log a read transaction holds up no writer
//! (docs/decisions/0049-a-backup-is-one-read-transaction.md has the figures).

use std::path::Path;
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use tokio_util::sync::CancellationToken;

use super::file_error::StoreFileError;
use super::{connection, schema};

/// How many pages are copied at a time, so that a stop takes effect soon: 4 MiB.
const PAGES_PER_STEP: i32 = 1_024;
/// The pause between two steps, so that a writer's fsync waits for little.
const STEP_PAUSE: Duration = Duration::from_millis(2);
/// How many instructions of SQLite are between two looks whether to stop.
const INSTRUCTIONS_PER_LOOK: i32 = 10_000;
/// For a file that this process alone has, wherever it is: not every file system has locks.
const WITHOUT_LOCKS: &std::ffi::CStr = c"unix-none";

/// What happens to a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopyStep {
    /// This many bytes are copied.
    Copied {
        /// How many.
        bytes: u64,
        /// Of how many.
        total_bytes: u64,
    },
    /// All are copied, and the copy is checked.
    Checking,
}

/// Copies the file to `copy`, an empty file that no other process uses, and checks the copy.
/// Returns how many bytes it has.
pub(super) fn copy_and_check(
    file: &Path,
    copy: &Path,
    stop: &CancellationToken,
    observe: &mut dyn FnMut(CopyStep),
) -> Result<u64, StoreFileError> {
    let bytes = copy_pages(file, copy, stop, observe)?;
    observe(CopyStep::Checking);
    check(copy, file, stop)?;
    Ok(bytes)
}

fn copy_pages(
    file: &Path,
    copy: &Path,
    stop: &CancellationToken,
    observe: &mut dyn FnMut(CopyStep),
) -> Result<u64, StoreFileError> {
    let of_file = |error| StoreFileError::sqlite(file, error);
    let of_copy = |error| StoreFileError::sqlite(copy, error);
    let source = connection::open_reader(file).map_err(of_file)?;
    // The snapshot that is copied begins with the first read.
    source.execute_batch("BEGIN").map_err(of_file)?;
    schema::version(&source).map_err(of_file)?;
    let page_bytes: i64 =
        source.pragma_query_value(None, "page_size", |row| row.get(0)).map_err(of_file)?;
    let page_bytes = page_bytes.unsigned_abs();
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut target =
        Connection::open_with_flags_and_vfs(copy, flags, WITHOUT_LOCKS).map_err(of_copy)?;
    // A copy that is not complete is removed, and the complete one is synchronized once. Alone,
    // SQLite needs no index in shared memory for the write-ahead log that the pages ask for.
    let alone = "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = OFF;
        PRAGMA synchronous = OFF;";
    target.execute_batch(alone).map_err(of_copy)?;
    let total_bytes = copy_all(&source, &mut target, page_bytes, stop, observe)
        .map_err(|error| error.map_or(StoreFileError::Stopped, of_copy))?;
    // One file, with nothing beside it, which also a medium without a write permission can have.
    target.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(())).map_err(of_copy)?;
    Ok(total_bytes)
}

/// # Errors
/// `None` after a stop.
fn copy_all(
    source: &Connection,
    target: &mut Connection,
    page_bytes: u64,
    stop: &CancellationToken,
    observe: &mut dyn FnMut(CopyStep),
) -> Result<u64, Option<rusqlite::Error>> {
    let backup = Backup::new(source, target)?;
    loop {
        let step = backup.step(PAGES_PER_STEP)?;
        let pages = backup.progress();
        let bytes = |pages: i32| u64::from(pages.unsigned_abs()) * page_bytes;
        let total_bytes = bytes(pages.pagecount);
        observe(CopyStep::Copied { bytes: total_bytes - bytes(pages.remaining), total_bytes });
        if stop.is_cancelled() {
            return Err(None);
        }
        match step {
            StepResult::Done => return Ok(total_bytes),
            _ => std::thread::sleep(STEP_PAUSE),
        }
    }
}

/// Checks that the copy is a complete store of this program or an older one; `file`, of which it is
/// a copy, is named in the error.
fn check(copy: &Path, file: &Path, stop: &CancellationToken) -> Result<(), StoreFileError> {
    let of_file = |error| StoreFileError::sqlite(file, error);
    let not_a_store = |reason| StoreFileError::NotAStore { path: file.to_owned(), reason };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection =
        Connection::open_with_flags_and_vfs(copy, flags, WITHOUT_LOCKS).map_err(of_file)?;
    let stop = stop.clone();
    let is_stopped = move || stop.is_cancelled();
    connection.progress_handler(INSTRUCTIONS_PER_LOOK, Some(is_stopped)).map_err(of_file)?;
    let version = schema::version(&connection).map_err(of_file)?;
    if version < 1 {
        return Err(not_a_store("it has no schema version".to_owned()));
    }
    let wanted = schema::tables_of(version).map_err(|error| StoreFileError::store(file, error))?;
    let found = schema::tables(&connection).map_err(of_file)?;
    if let Some(missing) = wanted.difference(&found).next() {
        return Err(not_a_store(format!("it has no table {missing}")));
    }
    let problem: String =
        connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map_err(of_file)?;
    if problem == "ok" {
        return Ok(());
    }
    Err(StoreFileError::Damaged { path: file.to_owned(), problem })
}
