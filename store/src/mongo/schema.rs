//! Makes indexes. For an index that exists, that does nothing.

use futures::TryStreamExt;
use mongodb::bson::{Bson, Document, RawDocumentBuf, doc};
use mongodb::error::{Error, ErrorKind};
use mongodb::{Collection, IndexModel};

use crate::error::StoreError;

/// The codes of an index that cannot be made: the user has no permission (MongoDB's code, then
/// that of Atlas), the index exists under another name or with other options, or another index has
/// its name.
const CANNOT_BE_MADE: [i32; 4] = [13, 8_000, 85, 86];
/// The collection does not exist yet, so it has no index.
const NAMESPACE_NOT_FOUND: i32 = 26;

/// The index for the links of a video.
pub(super) fn links_index() -> Document {
    doc! { "video_id": 1, "stored_at": 1 }
}

/// Makes an index of these keys, unless an existing one serves as well.
///
/// Returns a text that says what to do if none serves and the index cannot be made.
pub(super) async fn ensure(
    collection: &Collection<RawDocumentBuf>,
    keys: Document,
) -> Result<Option<String>, StoreError> {
    let index = IndexModel::builder().keys(keys.clone()).build();
    let Err(error) = collection.create_index(index).await else { return Ok(None) };
    if !is_left_to_the_operator(&error) {
        return Err(error.into());
    }
    // If the user may not list the indexes either, they count as missing.
    let existing = list(collection).await.unwrap_or_default();
    if existing.iter().any(|index| serves(index, &keys)) {
        return Ok(None);
    }
    Ok(Some(advice(collection, error, &format!("createIndex({keys})"))))
}

/// Whether only an operator can do what was refused.
pub(super) fn is_left_to_the_operator(error: &Error) -> bool {
    code(error).is_some_and(|code| CANNOT_BE_MADE.contains(&code))
}

/// Returns a text that says why something was refused, and which call on the collection does it.
pub(super) fn advice<T: Send + Sync>(
    collection: &Collection<T>,
    error: Error,
    call: &str,
) -> String {
    let namespace = collection.namespace();
    format!(
        "{}: run db.getSiblingDB(\"{}\").getCollection(\"{}\").{call} in mongosh as a user with \
         that permission",
        StoreError::from(error),
        namespace.db,
        namespace.coll
    )
}

/// Returns the indexes of the collection; none if it does not exist yet.
pub(super) async fn list(
    collection: &Collection<RawDocumentBuf>,
) -> Result<Vec<IndexModel>, Error> {
    match collection.list_indexes().await {
        Ok(indexes) => indexes.try_collect().await,
        Err(error) if code(&error) == Some(NAMESPACE_NOT_FOUND) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Whether the server can use `index` wherever it could use one of `keys`: it begins with these
/// keys, contains every document, and compares texts without a collation.
fn serves(index: &IndexModel, keys: &Document) -> bool {
    let is_complete = index.options.as_ref().is_none_or(|options| {
        options.partial_filter_expression.is_none()
            && options.collation.is_none()
            && options.hidden != Some(true)
    });
    let same_keys = keys.iter().zip(&index.keys).filter(|(wanted, existing)| {
        wanted.0 == existing.0
            && is_ascending(wanted.1).is_some_and(|up| is_ascending(existing.1) == Some(up))
    });
    is_complete && same_keys.count() == keys.len()
}

/// Whether a key is ascending, written as any type of number; `None` for a text or hashed index.
fn is_ascending(value: &Bson) -> Option<bool> {
    match value {
        Bson::Int32(direction) => Some(*direction > 0),
        Bson::Int64(direction) => Some(*direction > 0),
        Bson::Double(direction) => Some(*direction > 0.0),
        _ => None,
    }
}

/// Returns the code of the server's answer to a command.
pub(super) fn code(error: &Error) -> Option<i32> {
    match error.kind.as_ref() {
        ErrorKind::Command(command) => Some(command.code),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use mongodb::options::{Collation, IndexOptions};

    use super::*;

    fn wanted() -> Document {
        doc! { "request_id": 1, "index": 1, "status": 1 }
    }

    fn is_served_by(keys: Document, options: IndexOptions) -> bool {
        let index = IndexModel::builder().keys(keys).options(options).build();
        serves(&index, &wanted())
    }

    #[test]
    fn an_index_serves_if_it_begins_with_the_keys_and_has_every_document() {
        let plain = IndexOptions::default;
        assert!(is_served_by(wanted(), plain()));
        assert!(is_served_by(
            doc! { "request_id": 1.0, "index": 1_i64, "status": 1, "more": -1 },
            plain()
        ));
        let unique = IndexOptions::builder().unique(true).sparse(true).build();
        assert!(is_served_by(wanted(), unique));
        for keys in [
            doc! { "_id": 1 },
            doc! { "request_id": 1, "index": 1 },
            doc! { "request_id": 1, "status": 1, "index": 1 },
            doc! { "request_id": 1, "index": -1, "status": 1 },
            doc! { "request_id": "hashed", "index": 1, "status": 1 },
        ] {
            assert!(!is_served_by(keys.clone(), plain()), "{keys}");
        }
        let partial = IndexOptions::builder().partial_filter_expression(doc! { "index": 1 });
        let french = Collation::builder().locale("fr").build();
        for options in [
            partial.build(),
            IndexOptions::builder().hidden(true).build(),
            IndexOptions::builder().collation(french).build(),
        ] {
            assert!(!is_served_by(wanted(), options.clone()), "{options:?}");
        }
    }
}
