//! A copy of a file of the store, made while other processes write it.

use std::path::Path;

use tokio_util::sync::CancellationToken;

use super::file_copy::{CopyStep, copy_and_check};
use super::file_error::StoreFileError;
use super::file_lock::FileLock;
use super::file_names::{LOCK_FILE, SIDE_FILES, beside, folder_of, is_same};
use super::part_file::PartFile;

/// Copies the store in `file` to `target`, as it was at one moment during the call.
///
/// The copy is checked, and has its name only when it is complete and durable. Returns how many
/// bytes it has. Blocks for as long as that takes.
///
/// # Errors
/// [`StoreFileError::Exists`] if `target` exists and it may not be replaced.
/// [`StoreFileError`] if a file cannot be read or written, or the store is damaged.
pub fn backup(
    file: &Path,
    target: &Path,
    may_replace: bool,
    stop: &CancellationToken,
    observe: &mut dyn FnMut(CopyStep),
) -> Result<u64, StoreFileError> {
    if !file.is_file() {
        return Err(StoreFileError::Missing(file.to_owned()));
    }
    check_target(file, target)?;
    let check_free = || {
        let is_free = may_replace || !target.exists();
        if is_free { Ok(()) } else { Err(StoreFileError::Exists(target.to_owned())) }
    };
    check_free()?;
    let _lock = FileLock::shared(file).map_err(|error| StoreFileError::store(file, error))?;
    let part = PartFile::begin(target)?;
    let bytes = copy_and_check(file, part.path(), stop, observe)?;
    part.synchronize()?;
    check_free()?;
    part.complete()?;
    Ok(bytes)
}

/// Refuses a target that is a folder, or one of the store's own files.
fn check_target(file: &Path, target: &Path) -> Result<(), StoreFileError> {
    let refuse = |problem| Err(StoreFileError::NoTarget { path: target.to_owned(), problem });
    if target.is_dir() {
        return refuse("it is a folder; name a file in it");
    }
    let own = ["", LOCK_FILE].iter().chain(&SIDE_FILES).map(|side| beside(file, side));
    for own in own {
        let is_beside = target.file_name().is_some_and(|name| Some(name) == own.file_name())
            && is_same(folder_of(target), folder_of(file));
        if is_beside || is_same(target, &own) {
            return refuse("it is the store itself");
        }
    }
    Ok(())
}
