//! Opens the file, with the settings that make a commit durable and let other connections read at
//! the same time.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};

use super::failure;

/// How long to wait for another process that has locked the file.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// The pause between two attempts where SQLite itself does not wait.
const BUSY_PAUSE: Duration = Duration::from_millis(20);
/// A larger write-ahead log is truncated to this after a checkpoint.
const WAL_LIMIT_BYTES: i64 = 64 * 1024 * 1024;
/// The length of the log in pages of 4 KiB at which a commit also copies it into the file. The
/// default is 1,000, less than a batch of documents may change in a large file, so that a page
/// would be copied for each batch that changes it.
const CHECKPOINT_PAGES: i64 = 16_000;
/// The writer's cache, as SQLite wants it: in KiB, as a negative number. The default of 2,000 KiB
/// has fewer pages than a batch of documents may change, so that some would be written before its
/// commit, and again.
const WRITER_CACHE_KIB: i64 = -32_768;
/// How many prepared statements a connection keeps; the store uses fewer.
const STATEMENTS_KEPT: usize = 32;

/// Opens the connection that writes; makes the file if it does not exist.
pub(super) fn open_writer(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = open(path, flags)?;
    use_write_ahead_log(&connection)?;
    // FULL: a commit has reached the disk when it returns, so what is acknowledged is durable.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "journal_size_limit", WAL_LIMIT_BYTES)?;
    connection.pragma_update_and_check(None, "wal_autocheckpoint", CHECKPOINT_PAGES, |_| Ok(()))?;
    connection.pragma_update(None, "cache_size", WRITER_CACHE_KIB)?;
    Ok(connection)
}

/// Opens a connection that cannot write.
pub(super) fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    open(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)
}

fn open(path: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    Ok(connection)
}

/// Switches the file to a write-ahead log. If two processes open a new file at the same time, both
/// need an exclusive lock, and SQLite does not call its busy handler, to avoid a deadlock; so this
/// retries.
fn use_write_ahead_log(connection: &Connection) -> rusqlite::Result<()> {
    let deadline = Instant::now() + BUSY_TIMEOUT;
    loop {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Err(error) if failure::is_busy(&error) && Instant::now() < deadline => {
                std::thread::sleep(BUSY_PAUSE);
            }
            done => return done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEBIBYTE: u64 = 1024 * 1024;

    #[test]
    fn a_commit_copies_the_log_into_the_file_only_once_it_is_long() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("links.sqlite");
        let connection = open_writer(&path).unwrap();
        connection.execute_batch("CREATE TABLE page (content BLOB)").unwrap();
        let write = |mebibytes: usize| {
            let write = connection.prepare("INSERT INTO page VALUES (zeroblob(1048576))");
            let mut write = write.unwrap();
            for _ in 0..mebibytes {
                write.execute([]).unwrap();
            }
        };
        let size = |name: &str| std::fs::metadata(folder.path().join(name)).unwrap().len();
        write(30);
        assert!(size("links.sqlite-wal") > 30 * MEBIBYTE, "the log is not kept");
        assert!(size("links.sqlite") < MEBIBYTE, "the log was copied already");
        write(40);
        assert!(size("links.sqlite") > 60 * MEBIBYTE, "the log was not copied");
    }
}
