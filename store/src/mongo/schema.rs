//! The indexes, made at start. Making one that is there already does nothing.

use futures::TryStreamExt;
use mongodb::bson::{Bson, Document, RawDocumentBuf, doc};
use mongodb::error::{Error, ErrorKind};
use mongodb::{Collection, IndexModel};

use super::failure;
use crate::error::StoreError;

/// The user may not make one (MongoDB's code, then that of Atlas), or one is there already under
/// another name or with other options, or another one has its name.
const CANNOT_BE_MADE: [i32; 4] = [13, 8_000, 85, 86];
/// There is no collection yet, so no index of it.
const NAMESPACE_NOT_FOUND: i32 = 26;

/// What the reads of today need, and no more: on SecantusDB three further ones, by video,
/// channel and time, made every insert four times as dear. A read that wants one brings it.
///
/// It is for the status of a request, whose counts come from the index alone.
pub(super) fn request_index() -> Document {
    doc! { "request_id": 1, "index": 1, "status": 1 }
}

/// For who asks by video; made on request alone.
pub(super) fn video_index() -> Document {
    doc! { "video_id": 1, "status": 1, "extracted_at": -1 }
}

/// Makes an index of these keys, unless one is there that does for it.
///
/// Gives what to do about it if there is none and it cannot be made.
pub(super) async fn ensure(
    collection: &Collection<RawDocumentBuf>,
    keys: Document,
) -> Result<Option<String>, StoreError> {
    let index = IndexModel::builder().keys(keys.clone()).build();
    let Err(error) = collection.create_index(index).await else { return Ok(None) };
    if !code(&error).is_some_and(|code| CANNOT_BE_MADE.contains(&code)) {
        return Err(failure::store_error(&error));
    }
    // Who may not list them either does not know; then they count as missing.
    let there = list(collection).await.unwrap_or_default();
    if there.iter().any(|index| does_for(index, &keys)) {
        return Ok(None);
    }
    let namespace = collection.namespace();
    Ok(Some(format!(
        "{}: run db.getSiblingDB(\"{}\").getCollection(\"{}\").createIndex({keys}) in mongosh as \
         a user who may",
        failure::store_error(&error),
        namespace.db,
        namespace.coll
    )))
}

async fn list(collection: &Collection<RawDocumentBuf>) -> Result<Vec<IndexModel>, Error> {
    match collection.list_indexes().await {
        Ok(indexes) => indexes.try_collect().await,
        Err(error) if code(&error) == Some(NAMESPACE_NOT_FOUND) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Whether the server can use `index` wherever it could use one of `keys`: it begins with them,
/// knows every document and compares text as it stands.
fn does_for(index: &IndexModel, keys: &Document) -> bool {
    let is_whole = index.options.as_ref().is_none_or(|options| {
        options.partial_filter_expression.is_none()
            && options.collation.is_none()
            && options.hidden != Some(true)
    });
    let begins_alike = keys.iter().zip(&index.keys).filter(|(wanted, there)| {
        wanted.0 == there.0
            && direction(wanted.1).is_some_and(|way| direction(there.1) == Some(way))
    });
    is_whole && begins_alike.count() == keys.len()
}

/// Up or down, in whichever number somebody wrote it; nothing for a text or hashed index.
fn direction(value: &Bson) -> Option<bool> {
    match value {
        Bson::Int32(way) => Some(*way > 0),
        Bson::Int64(way) => Some(*way > 0),
        Bson::Double(way) => Some(*way > 0.0),
        _ => None,
    }
}

fn code(error: &Error) -> Option<i32> {
    match error.kind.as_ref() {
        ErrorKind::Command(command) => Some(command.code),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use mongodb::options::{Collation, IndexOptions};

    use super::*;

    fn does(keys: Document, options: IndexOptions) -> bool {
        let index = IndexModel::builder().keys(keys).options(options).build();
        does_for(&index, &request_index())
    }

    #[test]
    fn an_index_does_that_begins_with_the_keys_and_has_every_document() {
        let plain = IndexOptions::default;
        let wanted = request_index;
        assert!(does(wanted(), plain()));
        assert!(does(doc! { "request_id": 1.0, "index": 1_i64, "status": 1, "more": -1 }, plain()));
        let unique = IndexOptions::builder().unique(true).sparse(true).build();
        assert!(does(wanted(), unique));
        for keys in [
            doc! { "_id": 1 },
            doc! { "request_id": 1, "index": 1 },
            doc! { "request_id": 1, "status": 1, "index": 1 },
            doc! { "request_id": 1, "index": -1, "status": 1 },
            doc! { "request_id": "hashed", "index": 1, "status": 1 },
        ] {
            assert!(!does(keys.clone(), plain()), "{keys}");
        }
        let partial = IndexOptions::builder().partial_filter_expression(doc! { "index": 1 });
        let french = Collation::builder().locale("fr").build();
        for options in [
            partial.build(),
            IndexOptions::builder().hidden(true).build(),
            IndexOptions::builder().collation(french).build(),
        ] {
            assert!(!does(wanted(), options.clone()), "{options:?}");
        }
    }
}
