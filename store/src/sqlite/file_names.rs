//! Which files belong to a store: the file itself, and what is beside it under its name.

use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What SQLite has beside a file: the write-ahead log, its index, and a rollback journal.
pub(super) const SIDE_FILES: [&str; 3] = ["-wal", "-shm", "-journal"];
/// What [`FileLock`](super::file_lock::FileLock) has beside it.
pub(super) const LOCK_FILE: &str = ".lock";

/// Returns the path with this ending.
pub(super) fn beside(file: &Path, ending: impl AsRef<OsStr>) -> PathBuf {
    let mut path = file.as_os_str().to_owned();
    path.push(ending);
    path.into()
}

/// Returns the folder of a file.
pub(super) fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Whether both paths lead to one file or folder that exists.
pub(super) fn is_same(left: &Path, right: &Path) -> bool {
    let found = (fs::metadata(left), fs::metadata(right));
    matches!(found, (Ok(left), Ok(right)) if id(&left) == id(&right))
}

/// What no other file has at the same time.
pub(super) fn id(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}
