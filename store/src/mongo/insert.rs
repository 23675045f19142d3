//! Inserts many documents, each on its own: one that is refused does not affect the others.

use mongodb::Collection;
use mongodb::bson::RawDocumentBuf;
use mongodb::error::{ErrorKind, IndexedWriteError};

use super::failure;
use crate::error::StoreError;

/// Inserts the documents and returns the errors of single ones. Only the indexes of the errors
/// show which documents failed: the driver's list of inserted ids is empty if any document failed.
pub(super) async fn unordered(
    collection: &Collection<RawDocumentBuf>,
    documents: &[&RawDocumentBuf],
) -> Result<Vec<IndexedWriteError>, StoreError> {
    // The driver refuses an empty list.
    if documents.is_empty() {
        return Ok(Vec::new());
    }
    let Err(error) = collection.insert_many(documents.iter().copied()).ordered(false).await else {
        return Ok(Vec::new());
    };
    match *error.kind {
        ErrorKind::InsertMany(failed) => match failed.write_concern_error {
            Some(error) => Err(failure::not_acknowledged(&error)),
            None => Ok(failed.write_errors.unwrap_or_default()),
        },
        _ => Err(error.into()),
    }
}
