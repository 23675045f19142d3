//! The version of the collections, so that a program never works on those of a newer one that it
//! would misread: MongoDB's counterpart of SQLite's `user_version`.
//!
//! It is a document in a collection of its own, with the name of the collection of documents as
//! its `_id`, because several deployments may share a database. The first call of a process reads
//! it, and `ensure_schema` raises it.

use std::sync::atomic::{AtomicBool, Ordering};

use mongodb::Collection;
use mongodb::bson::{Document, doc};
use mongodb::error::Error;
use mongodb::options::ReturnDocument;
use serde::{Deserialize, Serialize};

use super::{failure, schema};
use crate::error::StoreError;

/// The collection with the versions.
pub(super) const COLLECTION: &str = "linkrelay_schema";

/// The version of the collections that this program writes. Raise it with every change that an
/// older program would miss or undo; a change only adds, because older programs run until they are
/// stopped. Collections without a version were made before there was one, and need no step.
const VERSION: i64 = 1;

/// The version of one deployment's collections.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Version {
    version: i64,
}

/// What this process knows of the version.
#[derive(Debug, Default)]
pub(super) struct SchemaVersion {
    /// Whether it was read, and is not newer than this program. Concurrent first calls each read
    /// it, so that none waits for another one's time-out.
    is_checked: AtomicBool,
    has_logged: AtomicBool,
}

impl SchemaVersion {
    /// Reads the version at the first call. A user who may not read it is believed to have
    /// collections that fit.
    ///
    /// # Errors
    /// [`StoreError::Refused`] if the collections are of a newer program.
    pub(super) async fn check(
        &self,
        versions: &Collection<Version>,
        documents: &str,
    ) -> Result<(), StoreError> {
        if self.is_checked.load(Ordering::Acquire) {
            return Ok(());
        }
        match read(versions, documents).await {
            Ok(Some(found)) => refuse_newer(versions, documents, found)?,
            Ok(None) => {}
            Err(error) if schema::is_left_to_the_operator(&error) => {}
            Err(error) => return Err(error.into()),
        }
        self.is_checked.store(true, Ordering::Release);
        Ok(())
    }

    /// Raises the version to this program's; does nothing if it has it already. If this user may
    /// not, it is logged once: older programs are then not refused, and everything else works.
    ///
    /// # Errors
    /// [`StoreError::Refused`] if a newer program has raised it since.
    pub(super) async fn raise(
        &self,
        versions: &Collection<Version>,
        documents: &str,
    ) -> Result<(), StoreError> {
        let raised = match read(versions, documents).await {
            Ok(Some(found)) if found.version == VERSION => return Ok(()),
            Ok(_) => write(versions, documents).await,
            Err(error) => Err(error),
        };
        match raised {
            Ok(found) => found.map_or(Ok(()), |found| refuse_newer(versions, documents, found)),
            Err(error) if schema::is_left_to_the_operator(&error) => {
                if !self.has_logged.swap(true, Ordering::Relaxed) {
                    let problem = schema::advice(versions, error, &call(documents));
                    tracing::warn!(
                        "the schema version cannot be read and written, so an older linkrelay \
                         would not be refused: {problem}"
                    );
                }
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }
}

async fn read(versions: &Collection<Version>, documents: &str) -> Result<Option<Version>, Error> {
    versions.find_one(doc! { "_id": documents }).await
}

/// Raises the version, unless a greater one is there; returns which is there then.
async fn write(versions: &Collection<Version>, documents: &str) -> Result<Option<Version>, Error> {
    let raise = || {
        versions
            .find_one_and_update(doc! { "_id": documents }, to_this_version())
            .upsert(true)
            .return_document(ReturnDocument::After)
    };
    match raise().await {
        // Another process has inserted it at the same moment.
        Err(error) if failure::is_duplicate(&error) => raise().await,
        raised => raised,
    }
}

fn to_this_version() -> Document {
    doc! { "$max": { "version": VERSION } }
}

/// Returns the call by which an operator does what [`write()`] does.
fn call(documents: &str) -> String {
    format!("updateOne({{ _id: \"{documents}\" }}, {}, {{ upsert: true }})", to_this_version())
}

fn refuse_newer(
    versions: &Collection<Version>,
    documents: &str,
    Version { version }: Version,
) -> Result<(), StoreError> {
    if version <= VERSION {
        return Ok(());
    }
    let database = versions.namespace().db;
    Err(StoreError::Refused(format!(
        "the collection {documents} of the database {database} has schema version {version}, this \
         program knows {VERSION}: a newer one has used it"
    )))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_docs_name_the_version() {
        assert_eq!(crate::documented_versions()[1], super::VERSION);
    }
}
