//! What other programs see in the collection: names, nulls, dates and indexes.

use linkrelay_common::RequestId;
use linkrelay_store::contract::sample;
use linkrelay_store::{LinkStore, StoreError, WriteOutcome};
use mongodb::bson::{Bson, Document, doc};

use crate::open;

#[tokio::test]
async fn a_document_has_the_names_and_types_of_the_contract() {
    let opened = open().await;
    let request_id = RequestId::new(2);
    let documents = [sample::stored(request_id, 0), sample::failed(request_id, 1)];
    opened.store.write_batch(&documents).await.unwrap();
    let raw = opened.raw().await;
    let stored = raw.find_one(doc! { "index": 0 }).await.unwrap().unwrap();
    let names = [
        "_id",
        "request_id",
        "index",
        "link",
        "video_id",
        "status",
        "video",
        "error",
        "source",
        "submitted_at",
        "extracted_at",
        "stored_at",
        "kafka",
    ];
    assert_eq!(stored.keys().collect::<Vec<_>>(), names);
    for name in ["submitted_at", "extracted_at", "stored_at"] {
        assert!(matches!(stored.get(name), Some(Bson::DateTime(_))), "{name}");
    }
    assert_eq!(stored.get("error"), Some(&Bson::Null));
    let video = stored.get_document("video").unwrap();
    assert!(matches!(video.get("publish_date"), Some(Bson::DateTime(_))));
    assert_eq!(video.get("view_count"), Some(&Bson::Int64(15_000_000_000)));
    let failed = raw.find_one(doc! { "status": "failed" }).await.unwrap().unwrap();
    let error = failed.get_document("error").unwrap();
    assert_eq!(error.keys().collect::<Vec<_>>(), ["class", "code", "message", "attempts"]);
    assert_eq!(failed.get("video"), Some(&Bson::Null));
}

/// A second one made each insert cost twice as much.
#[tokio::test]
async fn documents_have_no_index_but_that_of_their_ids() {
    let opened = open().await;
    let document = sample::stored(RequestId::new(1), 0);
    opened.store.write_batch(std::slice::from_ref(&document)).await.unwrap();
    let names = opened.raw().await.list_index_names().await.unwrap();
    assert_eq!(names, ["_id_"]);
}

/// As if another version with one more field, or an operator, had written it.
#[tokio::test]
async fn a_document_of_another_format_is_read_or_named_by_the_error() {
    let opened = open().await;
    let document = sample::stored(RequestId::new(1), 0);
    opened.store.write_batch(std::slice::from_ref(&document)).await.unwrap();
    let raw = opened.raw().await;
    set(&raw, doc! { "a_new_field": 1 }).await;
    let ids = [document.id.clone()];
    assert_eq!(opened.store.find(&ids).await.unwrap(), [document]);
    set(&raw, doc! { "status": "lost" }).await;
    let error = opened.store.find(&ids).await.unwrap_err();
    assert!(matches!(&error, StoreError::Unreadable(text) if text.contains(ids[0].as_str())));
}

/// BSON has no unsigned numbers; such a document can never be written.
#[tokio::test]
async fn a_number_beyond_63_bits_is_refused_alone() {
    let opened = open().await;
    let request_id = RequestId::new(2);
    let mut documents = [sample::stored(request_id, 0), sample::stored(request_id, 1)];
    documents[0].video.as_mut().unwrap().view_count = Some(u64::MAX);
    let outcomes = opened.store.write_batch(&documents).await.unwrap();
    assert!(
        matches!(outcomes[..], [WriteOutcome::Refused { .. }, WriteOutcome::Inserted]),
        "{outcomes:?}"
    );
}

async fn set(raw: &mongodb::Collection<Document>, fields: Document) {
    raw.update_one(doc! {}, doc! { "$set": fields }).await.unwrap();
}
