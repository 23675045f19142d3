//! Why a file of the store is not copied, checked or replaced.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use crate::error::StoreError;

/// Why a file of the store is not copied, checked or replaced. In each case nothing is changed.
#[derive(Debug, thiserror::Error)]
pub enum StoreFileError {
    /// There is no such file.
    #[error("there is no {}", .0.display())]
    Missing(PathBuf),
    /// The file to be written exists.
    #[error("{} exists already", .0.display())]
    Exists(PathBuf),
    /// The file to be written can never be one.
    #[error("{}: {problem}", path.display())]
    NoTarget {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The file is not one that linkrelay has made.
    #[error("{} is not a store of linkrelay: {reason}", path.display())]
    NotAStore {
        /// The file.
        path: PathBuf,
        /// What shows that.
        reason: String,
    },
    /// SQLite finds the file damaged.
    #[error("{} is damaged: {problem}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The first damage that SQLite found.
        problem: String,
    },
    /// The file cannot be read or written, is in use, or was made by a newer program.
    #[error("{}: {problem}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// The reason.
        problem: String,
    },
    /// A step on the file system failed.
    #[error("{doing} {}: {source}", path.display())]
    Io {
        /// What was tried, as in "writing".
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The caller asked to stop.
    #[error("interrupted")]
    Stopped,
}

impl StoreFileError {
    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { doing, path, source }
    }

    /// The error of SQLite while it used this file.
    pub(super) fn sqlite(path: &Path, error: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => {
                Self::NotAStore { path, reason: "it is not a SQLite file".to_owned() }
            }
            Some(ErrorCode::DatabaseCorrupt) => Self::Damaged { path, problem: error.to_string() },
            Some(ErrorCode::OperationInterrupted) => Self::Stopped,
            _ => Self::store(&path, error.into()),
        }
    }

    pub(super) fn store(path: &Path, error: StoreError) -> Self {
        // That a store refuses is said of one that is running.
        let (StoreError::Unreachable(problem)
        | StoreError::Refused(problem)
        | StoreError::Unreadable(problem)) = error;
        Self::Unusable { path: path.to_owned(), problem }
    }
}
