//! Writing a batch: insert what is new, skip what is there, and let a better document take the
//! place of a failed one.
//!
//! Insert and skip is one round trip for the usual batch; an upsert would rewrite every
//! redelivered document (see docs/ARCHITECTURE.md for the figures).

use std::collections::HashSet;

use futures::{StreamExt, TryStreamExt};
use mongodb::Collection;
use mongodb::bson::{Document, RawDocumentBuf, doc};
use mongodb::error::{ErrorKind, IndexedWriteError, WriteFailure};
use mongodb::options::{ReadPreference, SelectionCriteria};

use super::{codec, failure};
use crate::error::StoreError;
use crate::{LinkDocument, LinkState, WriteOutcome};

/// How many documents are replaced at once. A replay is rare, and the pool has ten connections.
const REPLACEMENTS_IN_FLIGHT: usize = 4;

/// A document that can be sent, and its place in the batch.
struct Encoded {
    place: usize,
    bson: RawDocumentBuf,
}

/// One outcome per document, in order; see [`LinkStore::write_batch`](crate::LinkStore).
pub(super) async fn write_batch(
    collection: &Collection<RawDocumentBuf>,
    documents: &[LinkDocument],
) -> Result<Vec<WriteOutcome>, StoreError> {
    let mut outcomes = vec![WriteOutcome::Inserted; documents.len()];
    let encoded = encode(documents, &mut outcomes);
    let mut duplicates = Vec::new();
    for error in insert(collection, &encoded).await? {
        let Some(document) = encoded.get(error.index) else {
            return Err(StoreError::Refused("an error about a document that was not sent".into()));
        };
        outcomes[document.place] = if error.code == failure::DUPLICATE_KEY {
            duplicates.push(document);
            WriteOutcome::AlreadyThere
        } else {
            refused_or_broken(error.code, &error.message)?
        };
    }
    duplicates.retain(|duplicate| documents[duplicate.place].status != LinkState::Failed);
    for (place, outcome) in replace_failed(collection, documents, duplicates).await? {
        outcomes[place] = outcome;
    }
    Ok(outcomes)
}

/// One by one, so that a document that MongoDB cannot take hits only itself: the driver would
/// fail the whole call.
fn encode(documents: &[LinkDocument], outcomes: &mut [WriteOutcome]) -> Vec<Encoded> {
    let mut encoded = Vec::with_capacity(documents.len());
    for (place, document) in documents.iter().enumerate() {
        match codec::encode(document) {
            Ok(bson) => encoded.push(Encoded { place, bson }),
            Err(reason) => outcomes[place] = WriteOutcome::Refused { reason },
        }
    }
    encoded
}

/// Inserts unordered and gives the errors of single documents. Their indexes are all there is to
/// go by: the driver leaves its list of inserted ids empty when any document fails.
async fn insert(
    collection: &Collection<RawDocumentBuf>,
    encoded: &[Encoded],
) -> Result<Vec<IndexedWriteError>, StoreError> {
    // The driver refuses an empty list.
    if encoded.is_empty() {
        return Ok(Vec::new());
    }
    let documents = encoded.iter().map(|document| &document.bson);
    let Err(error) = collection.insert_many(documents).ordered(false).await else {
        return Ok(Vec::new());
    };
    match *error.kind {
        ErrorKind::InsertMany(failed) => match failed.write_concern_error {
            Some(error) => Err(failure::not_acknowledged(&error)),
            None => Ok(failed.write_errors.unwrap_or_default()),
        },
        _ => Err(failure::store_error(&error)),
    }
}

/// Lets documents take the place of failed ones of their ids. The first of a batch wins.
async fn replace_failed(
    collection: &Collection<RawDocumentBuf>,
    documents: &[LinkDocument],
    mut candidates: Vec<&Encoded>,
) -> Result<Vec<(usize, WriteOutcome)>, StoreError> {
    let ids = candidates.iter().map(|candidate| documents[candidate.place].id.as_str());
    let mut failed = failed_among(collection, ids.collect()).await?;
    candidates.retain(|candidate| failed.remove(documents[candidate.place].id.as_str()));
    let replacements: Vec<_> = candidates
        .into_iter()
        .map(|candidate| replace(collection, documents[candidate.place].id.as_str(), candidate))
        .collect();
    futures::stream::iter(replacements).buffer_unordered(REPLACEMENTS_IN_FLIGHT).try_collect().await
}

/// Which of these ids have a failed document. One query, so that a redelivered batch, whose
/// documents are all stored, costs no more.
async fn failed_among(
    collection: &Collection<RawDocumentBuf>,
    ids: Vec<&str>,
) -> Result<HashSet<String>, StoreError> {
    if ids.is_empty() {
        return Ok(HashSet::new());
    }
    let found = collection
        .clone_with_type::<Document>()
        .find(doc! { "_id": { "$in": ids }, "status": LinkState::Failed.as_str() })
        .projection(doc! { "_id": 1 })
        // A secondary may not have the document yet that was just found to be a duplicate.
        .selection_criteria(SelectionCriteria::ReadPreference(ReadPreference::Primary))
        .await
        .map_err(|error| failure::store_error(&error))?;
    found
        .try_filter_map(async |found| Ok(found.get_str("_id").map(str::to_owned).ok()))
        .try_collect()
        .await
        .map_err(|error| failure::store_error(&error))
}

async fn replace(
    collection: &Collection<RawDocumentBuf>,
    id: &str,
    by: &Encoded,
) -> Result<(usize, WriteOutcome), StoreError> {
    // The filter decides, not what was read before: another process may be faster.
    let only_failed = doc! { "_id": id, "status": LinkState::Failed.as_str() };
    let outcome = match collection.replace_one(only_failed, &by.bson).await {
        Ok(replaced) if replaced.matched_count > 0 => WriteOutcome::Replaced,
        Ok(_) => WriteOutcome::AlreadyThere,
        Err(error) => match error.kind.as_ref() {
            ErrorKind::Write(WriteFailure::WriteError(error)) => {
                refused_or_broken(error.code, &error.message)?
            }
            _ => return Err(failure::store_error(&error)),
        },
    };
    Ok((by.place, outcome))
}

/// A write error of one document: its own, or the server's trouble, which the next attempt may
/// no longer meet.
fn refused_or_broken(code: i32, message: &str) -> Result<WriteOutcome, StoreError> {
    let reason = format!("{message} (code {code})");
    if failure::is_of_the_server(code) {
        return Err(StoreError::Refused(reason));
    }
    Ok(WriteOutcome::Refused { reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_s_trouble_refuses_no_document() {
        for code in [91, 189, 10_107, 14_031] {
            assert!(refused_or_broken(code, "").is_err(), "{code}");
        }
        let reason = "Document failed validation (code 121)".to_owned();
        let outcome = refused_or_broken(121, "Document failed validation").ok();
        assert_eq!(outcome, Some(WriteOutcome::Refused { reason }));
    }
}
