//! Maps SQLite's errors to errors that a caller can act on.

use rusqlite::{Error, ErrorCode};

use crate::error::StoreError;

/// Maps the error of a call.
impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        match &error {
            Error::FromSqlConversionFailure(..)
            | Error::InvalidColumnType(..)
            | Error::IntegralValueOutOfRange(..)
            | Error::Utf8Error(..) => Self::Unreadable(error.to_string()),
            Error::SqliteFailure(failure, _) => match failure.code {
                ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
                    Self::Unreachable(format!("another process holds the file: {error}"))
                }
                ErrorCode::DiskFull => {
                    Self::Refused(format!("there is no room for the SQLite file: {error}"))
                }
                // SQLite reports a quota or a limit of file sizes like a broken disk.
                ErrorCode::SystemIoFailure => Self::Unreachable(format!(
                    "the SQLite file cannot be read or written (a disk that is full or broken, or \
                     a quota): {error}"
                )),
                ErrorCode::CannotOpen => Self::Unreachable(error.to_string()),
                _ => Self::Refused(error.to_string()),
            },
            _ => Self::Refused(error.to_string()),
        }
    }
}

/// Whether another attempt shortly after may succeed.
pub(super) fn is_busy(error: &Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// Returns the error after the writer's thread has ended: by
/// [`SqliteStore::close`](super::SqliteStore::close), or by a panic.
pub(super) fn closed() -> StoreError {
    StoreError::Unreachable("the SQLite file was closed".to_owned())
}
