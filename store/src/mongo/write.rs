//! Writes a batch: first the rows of its videos, then the documents. It inserts new documents,
//! skips existing ones, and replaces failed ones by better ones.
//!
//! Insert and skip is one round trip for the usual batch; an upsert would rewrite every
//! redelivered document (docs/decisions/0026-insert-and-skip-duplicates.md has the figures).

use std::collections::{HashMap, HashSet};

use mongodb::Collection;
use mongodb::bson::{self, Document, RawDocumentBuf, doc};

use super::titles::Titles;
use super::{codec, failure, insert, read, update, videos};
use crate::document::KnownDocument;
use crate::error::StoreError;
use crate::{LinkDocument, LinkState, WriteOutcome};

/// A duplicate whose `_id` is not found is inserted again before it counts as refused: the
/// document with the same key may have been deleted before the query for it.
const INSERT_ATTEMPTS: usize = 2;

/// A document that can be sent, and its index in the batch.
struct Encoded {
    index: usize,
    bson: RawDocumentBuf,
}

/// See [`LinkStore::write_batch`](crate::LinkStore::write_batch).
pub(super) async fn write_batch(
    collection: &Collection<RawDocumentBuf>,
    (rows, titles): (&Collection<RawDocumentBuf>, &Titles),
    documents: &[LinkDocument],
) -> Result<Vec<WriteOutcome>, StoreError> {
    let mut outcomes = vec![WriteOutcome::Inserted; documents.len()];
    let encoded = encode(documents, &mut outcomes);
    let accepted: Vec<_> = encoded.iter().map(|encoded| &documents[encoded.index]).collect();
    videos::write(rows, titles, &accepted).await?;
    let mut to_insert: Vec<&Encoded> = encoded.iter().collect();
    for _ in 0..INSERT_ATTEMPTS {
        let duplicates = insert(collection, &to_insert, &mut outcomes).await?;
        if duplicates.is_empty() {
            break;
        }
        // A duplicate key may be in `_id` or in any other unique index, so a query by id decides.
        let known = known_by_id(collection, documents, &duplicates).await?;
        let (existing, missing) = duplicates
            .into_iter()
            .partition(|duplicate| known.contains_key(documents[duplicate.index].id.as_str()));
        for (index, outcome) in replace_failed(collection, documents, existing, known).await? {
            outcomes[index] = outcome;
        }
        to_insert = missing;
    }
    Ok(outcomes)
}

/// Encodes the documents one by one, so that one that MongoDB cannot accept is refused alone: the
/// driver would fail the complete call.
fn encode(documents: &[LinkDocument], outcomes: &mut [WriteOutcome]) -> Vec<Encoded> {
    let mut encoded = Vec::with_capacity(documents.len());
    for (index, document) in documents.iter().enumerate() {
        match codec::encode(document) {
            Ok(bson) => encoded.push(Encoded { index, bson }),
            Err(reason) => outcomes[index] = WriteOutcome::Refused { reason },
        }
    }
    encoded
}

/// Inserts the documents and sets their outcomes. Returns those with a duplicate key; until more is
/// known, their outcome is that they were refused.
async fn insert<'a>(
    collection: &Collection<RawDocumentBuf>,
    encoded: &[&'a Encoded],
    outcomes: &mut [WriteOutcome],
) -> Result<Vec<&'a Encoded>, StoreError> {
    let documents: Vec<_> = encoded.iter().map(|document| &document.bson).collect();
    let errors = insert::unordered(collection, &documents).await?;
    for document in encoded {
        outcomes[document.index] = WriteOutcome::Inserted;
    }
    let mut duplicates = Vec::new();
    for error in errors {
        let Some(document) = encoded.get(error.index) else {
            let problem = "MongoDB reported an error about a document that was not sent";
            return Err(StoreError::Refused(problem.to_owned()));
        };
        outcomes[document.index] = refused_or_failed(error.code, &error.message)?;
        if error.code == failure::DUPLICATE_KEY {
            duplicates.push(*document);
        }
    }
    Ok(duplicates)
}

/// Returns which of these documents exist. It is one query, so that a redelivered batch costs no
/// more.
async fn known_by_id(
    collection: &Collection<RawDocumentBuf>,
    documents: &[LinkDocument],
    wanted: &[&Encoded],
) -> Result<HashMap<String, KnownDocument>, StoreError> {
    let ids: Vec<_> = wanted.iter().map(|document| documents[document.index].id.clone()).collect();
    let known = read::known(&collection.clone_with_type(), &ids).await?;
    Ok(known.into_iter().map(|known| (known.id.as_str().to_owned(), known)).collect())
}

/// Replaces failed documents by the candidates of the same ids, those of one id one after the
/// other, as if each had been written alone.
async fn replace_failed(
    collection: &Collection<RawDocumentBuf>,
    documents: &[LinkDocument],
    candidates: Vec<&Encoded>,
    mut known: HashMap<String, KnownDocument>,
) -> Result<Vec<(usize, WriteOutcome)>, StoreError> {
    let mut outcomes = Vec::with_capacity(candidates.len());
    let mut left = candidates;
    while !left.is_empty() {
        let (mut ids, mut now, mut later) = (HashSet::new(), Vec::new(), Vec::new());
        for candidate in left {
            let document = &documents[candidate.index];
            let id = document.id.as_str();
            if ids.contains(id) {
                later.push(candidate);
            } else if known.get(id).is_some_and(|known| known.gives_way_to(document)) {
                ids.insert(id);
                now.push(candidate);
            } else {
                outcomes.push((candidate.index, WriteOutcome::AlreadyThere));
            }
        }
        for (index, outcome) in replace(collection, documents, &now).await? {
            if outcome == WriteOutcome::Replaced {
                let written = KnownDocument::from(&documents[index]);
                known.insert(written.id.as_str().to_owned(), written);
            }
            outcomes.push((index, outcome));
        }
        left = later;
    }
    Ok(outcomes)
}

/// Replaces failed documents, each of another id.
async fn replace(
    collection: &Collection<RawDocumentBuf>,
    documents: &[LinkDocument],
    candidates: &[&Encoded],
) -> Result<Vec<(usize, WriteOutcome)>, StoreError> {
    let statement = |candidate: &&Encoded| {
        update::statement(&replaceable_by(&documents[candidate.index])?, &candidate.bson)
    };
    let statements = candidates.iter().map(statement).collect::<Result<Vec<_>, _>>()?;
    let updated = update::unordered(collection, &statements.iter().collect::<Vec<_>>()).await?;
    // The server counts the replaced documents, and does not say which. If another process has
    // written one of them since they were read, a caller has to read those that it needs.
    let outcome = if updated.matched + updated.errors.len() == statements.len() {
        WriteOutcome::Replaced
    } else {
        WriteOutcome::AlreadyThere
    };
    let mut outcomes = vec![outcome; candidates.len()];
    for error in updated.errors {
        outcomes[error.index] = refused_or_failed(error.code, &error.message)?;
    }
    Ok(candidates.iter().map(|candidate| candidate.index).zip(outcomes).collect())
}

/// [`KnownDocument::gives_way_to`] as a filter. The filter decides, and not what was read before,
/// because another process may have written since.
fn replaceable_by(document: &LinkDocument) -> Result<Document, StoreError> {
    let mut filter = doc! { "_id": document.id.as_str(), "status": LinkState::Failed.as_str() };
    if document.status == LinkState::Failed {
        let origin = bson::to_bson(&document.kafka);
        let origin = origin.map_err(|error| StoreError::Unreadable(error.to_string()))?;
        filter.insert("kafka", doc! { "$ne": origin });
    }
    Ok(filter)
}

/// Maps the write error of one document: it is about the document, or a failure of the server,
/// which may be over at the next attempt.
fn refused_or_failed(code: i32, message: &str) -> Result<WriteOutcome, StoreError> {
    // The server's message contains the key, which may be what a client submitted.
    let reason = if code == failure::DUPLICATE_KEY {
        format!("another document has its key in {} (code {code})", failure::unique_index(message))
    } else {
        format!("{message} (code {code})")
    };
    if failure::is_of_the_server(code) {
        return Err(StoreError::Refused(reason));
    }
    Ok(WriteOutcome::Refused { reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_of_the_server_refuses_no_document() {
        for code in [13, 91, 189, 371, 10_107, 14_031, 16_500] {
            assert!(refused_or_failed(code, "").is_err(), "{code}");
        }
        let reason = "Document failed validation (code 121)".to_owned();
        let outcome = refused_or_failed(121, "Document failed validation").ok();
        assert_eq!(outcome, Some(WriteOutcome::Refused { reason }));
    }

    #[test]
    fn a_duplicate_key_is_reported_by_its_index_and_not_by_what_a_client_submitted() {
        for message in [
            r#"E11000 duplicate key error collection: a.youtube index: by_link dup key: { link: "s" }"#,
            r#"E11000 duplicate key error collection: a.youtube index: by_link collation: { locale: "fr" } dup key: { link: "0x73" }"#,
            r#"E11000 duplicate key error index: by_link dup key: { : "s" }"#,
        ] {
            let outcome = refused_or_failed(failure::DUPLICATE_KEY, message).ok();
            let reason = "another document has its key in the unique index by_link (code 11000)";
            assert_eq!(outcome, Some(WriteOutcome::Refused { reason: reason.to_owned() }));
        }
        let outcome = refused_or_failed(failure::DUPLICATE_KEY, "in other words: s").ok();
        let reason = "another document has its key in a unique index (code 11000)".to_owned();
        assert_eq!(outcome, Some(WriteOutcome::Refused { reason }));
    }
}
