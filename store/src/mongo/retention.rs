//! The index by which MongoDB removes old documents (KEEP_DOCUMENTS_FOR). The server looks for
//! expired documents once a minute.

use std::time::Duration;

use mongodb::bson::{Document, RawDocumentBuf, doc};
use mongodb::error::Error;
use mongodb::options::IndexOptions;
use mongodb::{Collection, IndexModel};

use super::schema;
use crate::error::StoreError;

/// The index that linkrelay makes, changes and drops; any other one is the operator's.
const NAME: &str = "linkrelay_keep_documents_for";
/// Another process has dropped the index.
const INDEX_NOT_FOUND: i32 = 27;

/// The field by which documents and the rows of videos expire.
pub(super) const STORED_AT: &str = "stored_at";
/// The field by which the rows of requests expire.
pub(super) const ACCEPTED_AT: &str = "accepted_at";

/// Makes, changes or drops the index on the time in this field. Returns a text that says what to do
/// if this user may not.
pub(super) async fn set(
    collection: &Collection<RawDocumentBuf>,
    field: &str,
    keep_for: Option<Duration>,
) -> Result<Option<String>, StoreError> {
    let existing = match schema::list(collection).await {
        Ok(existing) => existing,
        // The index, if there is one, is found out by making it.
        Err(error) if schema::is_left_to_the_operator(&error) => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    let own = existing.iter().find(|index| name(index) == Some(NAME));
    let (done, call) = match (keep_for, own) {
        (None, None) => return Ok(None),
        (None, Some(_)) => (drop_index(collection).await, format!("dropIndex(\"{NAME}\")")),
        (Some(keep_for), None) if existing.iter().any(|index| expires(index, field, keep_for)) => {
            return Ok(None);
        }
        (Some(keep_for), None) => {
            let seconds = keep_for.as_secs();
            let options = format!("{{ expireAfterSeconds: {seconds}, name: \"{NAME}\" }}");
            let call = format!("createIndex({}, {options})", keys(field));
            (make(collection, field, keep_for).await, call)
        }
        (Some(keep_for), Some(own)) if expires(own, field, keep_for) => return Ok(None),
        (Some(keep_for), Some(_)) => {
            let change = change(keep_for);
            let call = format!("runCommand(\"collMod\", {{ index: {change} }})");
            (modify(collection, change).await, call)
        }
    };
    match done {
        Ok(()) => Ok(None),
        Err(error) if schema::is_left_to_the_operator(&error) => {
            Ok(Some(schema::advice(collection, error, &call)))
        }
        Err(error) => Err(error.into()),
    }
}

fn keys(field: &str) -> Document {
    doc! { field: 1 }
}

async fn make(
    collection: &Collection<RawDocumentBuf>,
    field: &str,
    keep_for: Duration,
) -> Result<(), Error> {
    let options = IndexOptions::builder().name(NAME.to_owned()).expire_after(keep_for).build();
    let index = IndexModel::builder().keys(keys(field)).options(options).build();
    collection.create_index(index).await.map(drop)
}

fn change(keep_for: Duration) -> Document {
    // The setting is validated to fit.
    let seconds = i64::try_from(keep_for.as_secs()).unwrap_or(i64::MAX);
    doc! { "name": NAME, "expireAfterSeconds": seconds }
}

async fn modify(collection: &Collection<RawDocumentBuf>, change: Document) -> Result<(), Error> {
    let namespace = collection.namespace();
    let database = collection.client().database(&namespace.db);
    database.run_command(doc! { "collMod": namespace.coll, "index": change }).await.map(drop)
}

async fn drop_index(collection: &Collection<RawDocumentBuf>) -> Result<(), Error> {
    match collection.drop_index(NAME).await {
        Err(error) if schema::code(&error) != Some(INDEX_NOT_FOUND) => Err(error),
        _ => Ok(()),
    }
}

fn name(index: &IndexModel) -> Option<&str> {
    index.options.as_ref()?.name.as_deref()
}

/// Whether documents expire by this index when this field is that old.
fn expires(index: &IndexModel, field: &str, keep_for: Duration) -> bool {
    let options = index.options.as_ref();
    let is_partial = options.is_some_and(|options| options.partial_filter_expression.is_some());
    let expire_after = options.and_then(|options| options.expire_after);
    let is_of_field = index.keys.len() == 1 && index.keys.contains_key(field);
    is_of_field
        && !is_partial
        && expire_after.map(|after| after.as_secs()) == Some(keep_for.as_secs())
}
