//! The driver's errors, as what a caller can act on.

use mongodb::error::{Error, ErrorKind, WriteConcernError, WriteFailure};

use crate::error::StoreError;

/// The code of a duplicate key.
pub(super) const DUPLICATE_KEY: i32 = 11_000;

/// Codes that say something of the server and nothing of the document they came with: it steps
/// down, shuts down, is out of space or over its quota, moves a shard, or was too slow.
const OF_THE_SERVER: [i32; 24] = [
    6, 7, 24, 50, 63, 70, 89, 91, 112, 133, 189, 262, 317, 8_000, 9_001, 10_058, 10_107, 11_600,
    11_601, 11_602, 13_388, 13_435, 13_436, 14_031,
];

/// Whether a write error that came with one document would have come with any other.
pub(super) fn is_of_the_server(code: i32) -> bool {
    OF_THE_SERVER.contains(&code)
}

/// Which index a duplicate key was met in. Its name is all that is taken of the message, which
/// goes on with the key itself.
pub(super) fn unique_index(message: &str) -> String {
    let name = message.split_once(" index: ").and_then(|(_, rest)| rest.split(' ').next());
    name.map_or_else(|| "a unique index".to_owned(), |name| format!("the unique index {name}"))
}

/// An error of a whole call. None of the texts has the connection string in it.
pub(super) fn store_error(error: &Error) -> StoreError {
    let text = || error.kind.to_string();
    match error.kind.as_ref() {
        ErrorKind::Io(_)
        | ErrorKind::ConnectionPoolCleared { .. }
        | ErrorKind::ServerSelection { .. }
        | ErrorKind::DnsResolve { .. }
        | ErrorKind::Shutdown => StoreError::Unreachable(text()),
        ErrorKind::BsonDeserialization(_) => StoreError::Unreadable(text()),
        ErrorKind::Command(command) => {
            StoreError::Refused(format!("{} (code {})", command.message, command.code))
        }
        ErrorKind::Write(WriteFailure::WriteError(error)) => {
            StoreError::Refused(format!("{} (code {})", error.message, error.code))
        }
        ErrorKind::Write(WriteFailure::WriteConcernError(error)) => not_acknowledged(error),
        _ => StoreError::Refused(text()),
    }
}

/// A write that happened on the primary, but not (yet) on a majority: it may be rolled back.
pub(super) fn not_acknowledged(error: &WriteConcernError) -> StoreError {
    StoreError::Refused(format!(
        "a majority of the servers has not acknowledged the write: {} (code {})",
        error.message, error.code
    ))
}
