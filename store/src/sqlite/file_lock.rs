//! Who uses a file of the store. Many processes share it; one that replaces the file, or moves its
//! contents elsewhere, has it alone.
//!
//! SQLite's own locks do not show who has a file open, and they belong to a file that may have been
//! replaced. So the lock is on another file beside it, which stays.

use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::{Duration, Instant};

use super::connection::BUSY_TIMEOUT;
use super::file_names::{LOCK_FILE, beside};
use crate::error::StoreError;

const PAUSE: Duration = Duration::from_millis(20);

/// A share of the file, or the complete file; until it is dropped.
#[derive(Debug)]
pub(super) struct FileLock {
    _file: File,
}

impl FileLock {
    /// Shares the file with others. Waits some seconds for a process that has it alone.
    pub(super) fn shared(path: &Path) -> Result<Self, StoreError> {
        let file = open(path)?;
        let deadline = Instant::now() + BUSY_TIMEOUT;
        loop {
            match file.try_lock_shared() {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                    std::thread::sleep(PAUSE);
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(StoreError::Unreachable(
                        "`linkrelay restore` or `linkrelay migrate` is using the folder; wait \
                         until it has ended"
                            .to_owned(),
                    ));
                }
                Err(TryLockError::Error(error)) => return Err(unusable(path, &error)),
            }
        }
    }

    /// Takes the file alone.
    pub(super) fn exclusive(path: &Path) -> Result<Self, StoreError> {
        let file = open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(in_use()),
            Err(TryLockError::Error(error)) => Err(unusable(path, &error)),
        }
    }
}

/// The error of a file that another process has open.
pub(super) fn in_use() -> StoreError {
    StoreError::Refused(
        "a running linkrelay uses the folder; stop it first (`linkrelay up`, and every role and \
         command with this DATA_DIR)"
            .to_owned(),
    )
}

fn open(path: &Path) -> Result<File, StoreError> {
    let lock = beside(path, LOCK_FILE);
    // Reading is enough for a lock, and the file may belong to another user.
    let opened = match File::open(&lock) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            File::options().read(true).append(true).create(true).open(&lock)
        }
        opened => opened,
    };
    opened.map_err(|error| unusable(path, &error))
}

fn unusable(path: &Path, error: &io::Error) -> StoreError {
    StoreError::Unreachable(format!("{}: {error}", beside(path, LOCK_FILE).display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_shared_or_used_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.sqlite");
        let shared = [FileLock::shared(&path).unwrap(), FileLock::shared(&path).unwrap()];
        let error = FileLock::exclusive(&path).unwrap_err().to_string();
        assert!(error.contains("a running linkrelay uses the folder"), "{error}");
        drop(shared);
        let alone = FileLock::exclusive(&path).unwrap();
        assert!(FileLock::exclusive(&path).is_err());
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| FileLock::shared(&path).map(drop));
            drop(alone);
            waits.join().unwrap().unwrap();
        });
    }
}
