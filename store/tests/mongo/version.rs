//! The version of the collections: made once, raised, and a newer one refused.

use linkrelay_common::RequestId;
use linkrelay_store::contract::sample;
use linkrelay_store::{LinkStore, StoreError};
use mongodb::Collection;
use mongodb::bson::{Document, doc};

use crate::rights::{behind_a_front, refused};
use crate::{COLLECTION, TestStore, mongo_store};

/// A version that no program has had yet.
const NEWER: i64 = 99;

async fn versions(opened: &TestStore) -> Collection<Document> {
    let client = mongodb::Client::with_uri_str(&opened.uri).await.unwrap();
    client.database(&opened.database).collection("linkrelay_schema")
}

async fn all(versions: &Collection<Document>) -> Vec<(String, i64)> {
    use futures::TryStreamExt;
    let found: Vec<Document> = versions.find(doc! {}).await.unwrap().try_collect().await.unwrap();
    let pair = |version: Document| {
        let id = version.get_str("_id").unwrap().to_owned();
        (id, version.get_i64("version").unwrap())
    };
    found.into_iter().map(pair).collect()
}

#[tokio::test]
async fn processes_that_start_together_make_one_version() {
    let opened = TestStore::open().await;
    let stores: Vec<_> = (0..8).map(|_| mongo_store(&opened.uri, &opened.database)).collect();
    futures::future::try_join_all(stores.iter().map(LinkStore::ensure_schema)).await.unwrap();
    let versions = versions(&opened).await;
    assert_eq!(all(&versions).await, [(COLLECTION.to_owned(), 1)]);
}

#[tokio::test]
async fn collections_without_a_version_get_it_and_keep_their_documents() {
    let opened = TestStore::open().await;
    let document = sample::stored(RequestId::new(1), 0);
    opened.store.write_batch(std::slice::from_ref(&document)).await.unwrap();
    let versions = versions(&opened).await;
    assert_eq!(all(&versions).await, [], "writing needs no version");
    let later = mongo_store(&opened.uri, &opened.database);
    later.ensure_schema().await.unwrap();
    assert_eq!(all(&versions).await, [(COLLECTION.to_owned(), 1)]);
    assert_eq!(later.find(std::slice::from_ref(&document.id)).await.unwrap(), [document]);
}

#[tokio::test]
async fn an_older_version_is_raised_and_that_of_another_deployment_is_left_alone() {
    let opened = TestStore::open().await;
    let versions = versions(&opened).await;
    let existing =
        [doc! { "_id": COLLECTION, "version": 0_i64 }, doc! { "_id": "other", "version": NEWER }];
    versions.insert_many(existing).await.unwrap();
    opened.store.ensure_schema().await.unwrap();
    let mut found = all(&versions).await;
    found.sort();
    assert_eq!(found, [("other".to_owned(), NEWER), (COLLECTION.to_owned(), 1)]);
}

#[tokio::test]
async fn a_newer_version_is_refused_by_every_call_and_left_alone() {
    let opened = TestStore::open().await;
    let versions = versions(&opened).await;
    versions.insert_one(doc! { "_id": COLLECTION, "version": NEWER }).await.unwrap();
    let documents = [sample::stored(RequestId::new(1), 0)];
    for result in [
        opened.store.ensure_schema().await,
        opened.store.write_batch(&documents).await.map(drop),
        opened.store.ping().await,
    ] {
        let Err(StoreError::Refused(reason)) = result else { panic!("{result:?}") };
        for part in ["youtube", &opened.database, "has schema version 99", "knows 1", "newer"] {
            assert!(reason.contains(part), "{reason}");
        }
    }
    assert_eq!(all(&versions).await, [(COLLECTION.to_owned(), NEWER)]);
    assert_eq!(opened.raw().await.count_documents(doc! {}).await.unwrap(), 0);
}

#[tokio::test]
async fn a_user_without_the_right_to_it_can_do_everything_else() {
    for command in ["find", "findAndModify"] {
        let (front, store, _) = behind_a_front("").await;
        front.answer(command, refused(13, "not authorized"));
        store.ensure_schema().await.unwrap();
        front.pass(command);
        let document = sample::stored(RequestId::new(1), 0);
        store.write_batch(std::slice::from_ref(&document)).await.unwrap();
        assert_eq!(store.find(std::slice::from_ref(&document.id)).await.unwrap(), [document]);
    }
}

#[tokio::test]
async fn the_version_is_read_from_a_majority_once_and_written_once() {
    let options = "&readPreference=secondaryPreferred&readConcernLevel=available";
    let (front, store, database) = behind_a_front(options).await;
    store.ensure_schema().await.unwrap();
    let document = sample::stored(RequestId::new(1), 0);
    store.write_batch(&[document]).await.unwrap();
    for find in front.seen("find") {
        assert_eq!(find.get_str("find"), Ok("linkrelay_schema"));
        assert_eq!(find.get_document("readConcern").unwrap(), &doc! { "level": "majority" });
    }
    let written = front.seen("findAndModify");
    assert_eq!(written.len(), 1);
    let concern = written[0].get_document("writeConcern").unwrap();
    assert_eq!((concern.get_str("w"), concern.get_bool("j")), (Ok("majority"), Ok(true)));
    // A process that finds it writes nothing.
    let later = mongo_store(&front.uri(), database.name());
    later.ensure_schema().await.unwrap();
    assert_eq!(front.seen("findAndModify").len(), 1);
}

#[tokio::test]
async fn a_version_that_cannot_be_read_now_is_read_by_the_next_call() {
    let (front, store, _) = behind_a_front("").await;
    front.answer("find", refused(14_031, "no room"));
    assert!(store.ping().await.unwrap_err().to_string().contains("14031"));
    front.pass("find");
    store.ping().await.unwrap();
}
