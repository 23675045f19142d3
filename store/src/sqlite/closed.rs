//! Refuses a file that `linkrelay migrate` has closed.
//!
//! It must not know: how a file is moved.

use rusqlite::{Connection, OptionalExtension};

use crate::error::StoreError;

/// # Errors
/// Fails if the file is closed; the error says how to go on.
pub(super) fn check_open(connection: &Connection) -> Result<(), StoreError> {
    let closed = connection
        .query_row("SELECT target, completed_at IS NOT NULL FROM closed", [], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, bool>(1)?))
        })
        .optional()?;
    let problem = match closed {
        None => return Ok(()),
        Some((target, true)) => format!(
            "`linkrelay migrate` has moved everything to {target}; start linkrelay there, with its \
             MONGODB_URI and KAFKA_BROKERS"
        ),
        Some((target, false)) => format!(
            "`linkrelay migrate` to {target} is not complete; run it again, and then start \
             linkrelay there, with its MONGODB_URI and KAFKA_BROKERS"
        ),
    };
    let otherwise = "To use this folder nevertheless, `linkrelay up --despite-migration`";
    Err(StoreError::Refused(format!("{problem}. {otherwise}")))
}
