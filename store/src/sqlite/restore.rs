//! Replaces a file of the store that no process uses by a copy that was made of one.

use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags};
use tokio_util::sync::CancellationToken;

use super::failure;
use super::file_copy::{CopyStep, copy_and_check};
use super::file_error::StoreFileError;
use super::file_lock::{self, FileLock};
use super::file_names::{SIDE_FILES, beside, folder_of, is_same};
use super::part_file::{PartFile, synchronize_folder_of};

/// How every SQLite file begins.
const SQLITE_MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// What [`restore`] has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// How many bytes the store has.
    pub bytes: u64,
    /// The file that was replaced, under its new name.
    pub kept: Option<PathBuf>,
}

/// Makes a checked copy of `backup` the store in `file`.
///
/// A store that is there is kept under another name, and at each moment one of the two has the name
/// `file`. Blocks for as long as it takes.
///
/// # Errors
/// [`StoreFileError::Exists`] if there is a store and it may not be replaced.
/// [`StoreFileError::Unusable`] if another process uses the file, or a newer program made the backup.
/// [`StoreFileError`] if a file cannot be read or written, or the backup is not a complete store.
pub fn restore(
    backup: &Path,
    file: &Path,
    may_replace: bool,
    stop: &CancellationToken,
    observe: &mut dyn FnMut(CopyStep),
) -> Result<Restored, StoreFileError> {
    if !backup.is_file() {
        return Err(StoreFileError::Missing(backup.to_owned()));
    }
    if is_same(backup, file) {
        let problem = "it is the store itself";
        return Err(StoreFileError::NoTarget { path: backup.to_owned(), problem });
    }
    let folder = folder_of(file);
    fs::create_dir_all(folder).map_err(StoreFileError::io("making", folder))?;
    let _lock = FileLock::exclusive(file).map_err(|error| StoreFileError::store(file, error))?;
    let is_there = file.exists() || SIDE_FILES.iter().any(|side| beside(file, side).exists());
    if is_there && !may_replace {
        return Err(StoreFileError::Exists(file.to_owned()));
    }
    let part = PartFile::begin(file)?;
    let bytes = copy_and_check(backup, part.path(), stop, observe)?;
    check_length(backup, bytes)?;
    part.belongs_to_its_folder(file)?;
    part.synchronize()?;
    let kept = if is_there { keep(file)? } else { None };
    part.complete()?;
    Ok(Restored { bytes, kept })
}

/// Refuses a file that is shorter than its pages: SQLite takes what is missing of the last one for
/// zeros, and may find nothing wrong with them.
fn check_length(backup: &Path, pages_bytes: u64) -> Result<(), StoreFileError> {
    let bytes = fs::metadata(backup).map_err(StoreFileError::io("reading", backup))?.len();
    // The last pages of a file in use may be in its log.
    if bytes >= pages_bytes || beside(backup, "-wal").exists() {
        return Ok(());
    }
    let problem = format!("it has {bytes} bytes of {pages_bytes}");
    Err(StoreFileError::Damaged { path: backup.to_owned(), problem })
}

/// Gives the store a second name, and leaves no file beside it that SQLite would take for the new
/// one's. Returns the name; `None` if only side files were there.
fn keep(file: &Path) -> Result<Option<PathBuf>, StoreFileError> {
    if is_sqlite(file) {
        complete_main_file(file)?;
    }
    let now = Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
    let free = (1_u32..).map(|number| match number {
        1 => beside(file, format!(".before-restore-{now}")),
        number => beside(file, format!(".before-restore-{now}-{number}")),
    });
    let is_free = |kept: &PathBuf| {
        !kept.exists() && SIDE_FILES.iter().all(|side| !beside(kept, side).exists())
    };
    // There are fewer names in a folder than numbers.
    let Some(kept) = free.into_iter().find(is_free) else { return Ok(None) };
    for side in ["", "-wal", "-journal"] {
        link_if_there(&beside(file, side), &beside(&kept, side))?;
    }
    synchronize_folder_of(file)?;
    for side in SIDE_FILES {
        let path = beside(file, side);
        match fs::remove_file(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            done => done.map_err(StoreFileError::io("removing", &path))?,
        }
    }
    synchronize_folder_of(file)?;
    Ok(file.exists().then_some(kept))
}

/// Writes what is only in the write-ahead log into the file itself. If SQLite cannot, because the
/// file is damaged, the log stays and is kept beside it.
fn complete_main_file(file: &Path) -> Result<(), StoreFileError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let completed = Connection::open_with_flags(file, flags).and_then(|connection| {
        connection.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()))
    });
    match completed {
        // A program that takes no lock of linkrelay's has it open.
        Err(error) if failure::is_busy(&error) => {
            Err(StoreFileError::store(file, file_lock::in_use()))
        }
        Err(error) => {
            let path = file.display();
            tracing::warn!(%path, %error, "the replaced file is kept as it is: {error}");
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

/// SQLite would delete the log of a file that has lost its beginning.
fn is_sqlite(file: &Path) -> bool {
    let mut magic = [0; SQLITE_MAGIC.len()];
    let read = fs::File::open(file).and_then(|mut file| file.read_exact(&mut magic));
    read.is_ok() && magic == *SQLITE_MAGIC
}

fn link_if_there(from: &Path, to: &Path) -> Result<(), StoreFileError> {
    match fs::hard_link(from, to) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        done => done.map_err(StoreFileError::io("keeping", from)),
    }
}
