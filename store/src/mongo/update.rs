//! Updates many documents by few commands, each document on its own: one that is refused does not
//! affect the others. The driver's own call sends a command for each document, and each command
//! waits for the server's log.

use mongodb::Collection;
use mongodb::bson::{self, Document, RawArrayBuf, RawDocumentBuf, rawdoc};
use mongodb::error::WriteConcernError;
use serde::Deserialize;

use super::deadline::CALL_TIMEOUT;
use super::failure;
use crate::error::StoreError;

/// How many bytes of statements one command has. It is one document, of which a server accepts
/// 16 KiB more than of a stored one (16 MiB): so any document fits that is alone.
const BYTES_PER_COMMAND: usize = 16_000_000;

/// What a server answers to all statements.
#[derive(Debug, Default)]
pub(super) struct Updated {
    /// How many statements found the document that they are about.
    pub(super) matched: usize,
    /// The errors of single statements, by their index.
    pub(super) errors: Vec<UpdateError>,
}

/// Why one statement was not run.
#[derive(Debug, Deserialize)]
pub(super) struct UpdateError {
    pub(super) index: usize,
    pub(super) code: i32,
    #[serde(default, rename = "errmsg")]
    pub(super) message: String,
}

/// The answer to one `update` command.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    #[serde(rename = "n")]
    matched: usize,
    #[serde(default)]
    write_errors: Vec<UpdateError>,
    write_concern_error: Option<WriteConcernError>,
}

/// Returns the statement that updates, or replaces, the document that the filter matches.
///
/// # Errors
/// Fails if one of them cannot be encoded.
pub(super) fn statement(
    filter: &Document,
    update: &RawDocumentBuf,
) -> Result<RawDocumentBuf, StoreError> {
    let filter = RawDocumentBuf::from_document(filter).map_err(not_encoded)?;
    Ok(rawdoc! { "q": filter, "u": update.clone() })
}

/// Runs the statements, in any order.
///
/// # Errors
/// Fails if it is not known whether each was run.
pub(super) async fn unordered(
    collection: &Collection<RawDocumentBuf>,
    statements: &[&RawDocumentBuf],
) -> Result<Updated, StoreError> {
    let mut updated = Updated::default();
    let mut begun = 0;
    while begun < statements.len() {
        let now = &statements[begun..begun + fitting_count(&statements[begun..])];
        let answer = run(collection, now).await?;
        updated.matched += answer.matched;
        for error in answer.write_errors {
            if error.index >= now.len() {
                let problem = "MongoDB reported an error about an update that was not sent";
                return Err(StoreError::Refused(problem.to_owned()));
            }
            updated.errors.push(UpdateError { index: begun + error.index, ..error });
        }
        begun += now.len();
    }
    Ok(updated)
}

/// Returns how many of these one command has. One that is too large is alone: the server refuses it.
fn fitting_count(statements: &[&RawDocumentBuf]) -> usize {
    let mut bytes = 0;
    let fitting = statements.iter().take_while(|statement| {
        bytes += statement.as_bytes().len();
        bytes <= BYTES_PER_COMMAND
    });
    fitting.count().max(1)
}

async fn run(
    collection: &Collection<RawDocumentBuf>,
    statements: &[&RawDocumentBuf],
) -> Result<Answer, StoreError> {
    let mut command = rawdoc! { "update": collection.name(), "ordered": false };
    command.append(
        "updates",
        RawArrayBuf::from_iter(statements.iter().map(|&statement| statement.clone())),
    );
    // The call that sends it ends by then, and the server should stop too.
    command.append("maxTimeMS", i64::try_from(CALL_TIMEOUT.as_millis()).unwrap_or(i64::MAX));
    if let Some(concern) = collection.write_concern() {
        let concern = bson::to_raw_document_buf(concern).map_err(not_encoded)?;
        command.append("writeConcern", concern);
    }
    let database = collection.client().database(&collection.namespace().db);
    let answer = database.run_raw_command(command).await?;
    let mut answer: Answer = bson::from_document(answer)
        .map_err(|error| StoreError::Unreadable(format!("the answer to an update: {error}")))?;
    match answer.write_concern_error.take() {
        Some(error) => Err(failure::not_acknowledged(&error)),
        None => Ok(answer),
    }
}

fn not_encoded(error: impl std::fmt::Display) -> StoreError {
    StoreError::Unreadable(format!("an update: {error}"))
}

#[cfg(test)]
mod tests {
    use mongodb::bson::doc;

    use super::*;

    #[test]
    fn a_command_has_as_many_statements_as_fit_and_at_least_one() {
        let of = |bytes: usize| {
            let filler = RawDocumentBuf::from_document(&doc! { "a": "x".repeat(bytes) }).unwrap();
            statement(&doc! { "_id": "1" }, &filler).unwrap()
        };
        let half = of(BYTES_PER_COMMAND / 2 - 100);
        let large = of(BYTES_PER_COMMAND);
        for (statements, expected) in [
            (&[&half, &half, &half][..], 2),
            (&[&half, &large], 1),
            (&[&large, &half], 1),
            (&[&half], 1),
        ] {
            assert_eq!(fitting_count(statements), expected);
        }
    }
}
