//! SQLite's errors, as what a caller can act on.

use rusqlite::{Error, ErrorCode};

use crate::error::StoreError;

/// An error of a whole call.
pub(super) fn store_error(error: &Error) -> StoreError {
    match error {
        Error::FromSqlConversionFailure(..)
        | Error::InvalidColumnType(..)
        | Error::IntegralValueOutOfRange(..)
        | Error::Utf8Error(..) => StoreError::Unreadable(error.to_string()),
        Error::SqliteFailure(failure, _) => match failure.code {
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
                StoreError::Unreachable(format!("another process holds the file: {error}"))
            }
            ErrorCode::DiskFull => {
                StoreError::Refused(format!("there is no room for the SQLite file: {error}"))
            }
            // What a quota or a limit of file sizes answers is not told from a broken disk.
            ErrorCode::SystemIoFailure => StoreError::Unreachable(format!(
                "the SQLite file cannot be read or written (a disk that is full or broken, or a \
                 quota): {error}"
            )),
            ErrorCode::CannotOpen => StoreError::Unreachable(error.to_string()),
            _ => StoreError::Refused(error.to_string()),
        },
        _ => StoreError::Refused(error.to_string()),
    }
}

/// Whether it may help to try again in a moment.
pub(super) fn is_busy(error: &Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// The writer's thread is gone: after [`SqliteStore::close`](super::SqliteStore::close), or a
/// panic in it.
pub(super) fn closed() -> StoreError {
    StoreError::Unreachable("the SQLite file was closed".to_owned())
}
