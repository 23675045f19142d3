//! A file that has the ending .part until it is complete, and is removed if it never is.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, chown};
use std::path::{Path, PathBuf};

use super::file_error::StoreFileError;
use super::file_names::{beside, folder_of, id};

/// An incomplete file, which this process alone writes.
#[derive(Debug)]
pub(super) struct PartFile {
    file: File,
    part: PathBuf,
    target: PathBuf,
    is_complete: bool,
}

impl PartFile {
    /// Begins an empty one, which only its owner can read; one that a killed process has left is
    /// begun again.
    pub(super) fn begin(target: &Path) -> Result<Self, StoreFileError> {
        let part = beside(target, ".part");
        let io = |error| StoreFileError::io("writing", &part)(error);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        loop {
            let file = options.open(&part).map_err(io)?;
            match file.try_lock() {
                Ok(()) => {}
                // A network share may have no locks.
                Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => {}
                Err(TryLockError::Error(error)) => return Err(io(error)),
                Err(TryLockError::WouldBlock) => {
                    let problem = "another process is writing it";
                    return Err(StoreFileError::NoTarget { path: part, problem });
                }
            }
            // The process that had the lock may just have renamed the file.
            if is_same(&file, &part) {
                file.set_len(0).map_err(io)?;
                let target = target.to_owned();
                return Ok(Self { file, part, target, is_complete: false });
            }
        }
    }

    /// Returns its path while it is incomplete.
    pub(super) fn path(&self) -> &Path {
        &self.part
    }

    /// Leaves it to the owner of its folder, with the permissions of the file that it replaces, if
    /// there is one.
    pub(super) fn belongs_to_its_folder(&self, replaced: &Path) -> Result<(), StoreFileError> {
        let io = |error| StoreFileError::io("writing", &self.part)(error);
        let owner = fs::metadata(folder_of(&self.part)).map_err(io)?;
        let own = self.file.metadata().map_err(io)?;
        if (owner.uid(), owner.gid()) != (own.uid(), own.gid()) {
            // Only root may, and another user's file stays that user's.
            chown(&self.part, Some(owner.uid()), Some(owner.gid())).ok();
        }
        match fs::metadata(replaced) {
            Ok(replaced) => self.file.set_permissions(replaced.permissions()).map_err(io),
            Err(_) => Ok(()),
        }
    }

    /// Makes sure that its content survives a loss of power.
    pub(super) fn synchronize(&self) -> Result<(), StoreFileError> {
        self.file.sync_all().map_err(StoreFileError::io("writing", &self.part))
    }

    /// Gives the synchronized file its name, which replaces a file of that name.
    pub(super) fn complete(mut self) -> Result<(), StoreFileError> {
        fs::rename(&self.part, &self.target).map_err(StoreFileError::io("renaming", &self.part))?;
        self.is_complete = true;
        synchronize_folder_of(&self.target)
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        if !self.is_complete {
            // The next one begins it again.
            fs::remove_file(&self.part).ok();
        }
    }
}

/// Makes sure that a change of names in the folder of this file survives a loss of power.
pub(super) fn synchronize_folder_of(path: &Path) -> Result<(), StoreFileError> {
    let folder = folder_of(path);
    let synchronized = File::open(folder).and_then(|folder| folder.sync_all());
    synchronized.map_err(StoreFileError::io("synchronizing", folder))
}

fn is_same(file: &File, path: &Path) -> bool {
    let found = (file.metadata(), fs::metadata(path));
    matches!(found, (Ok(opened), Ok(named)) if id(&opened) == id(&named))
}
