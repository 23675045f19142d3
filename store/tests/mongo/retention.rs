//! The index by which the server removes old documents.

use std::time::Duration;

use futures::TryStreamExt;
use jiff::Timestamp;
use linkrelay_common::RequestId;
use linkrelay_store::contract::sample;
use linkrelay_store::requests::{RequestPath, RequestRow};
use linkrelay_store::videos::VideoFilter;
use linkrelay_store::{LinkDocument, LinkStore, RequestStore, VideoStore};
use linkrelay_testkit::mongo::MongoServer;
use linkrelay_testkit::mongo_front::MongoFront;
use linkrelay_testkit::wait::{SHORT, ok_if, wait_for};
use mongodb::IndexModel;
use mongodb::bson::{Document, doc};
use mongodb::options::IndexOptions;

use crate::TestStore;

const HOUR: Duration = Duration::from_secs(3_600);

/// The servers look for expired documents once a minute.
const PATIENCE: Duration = Duration::from_secs(180);

/// Returns a store whose collection of documents exists: with the first of them.
async fn with_a_document() -> TestStore {
    let opened = crate::open().await;
    opened.store.write_batch(&[sample::stored(RequestId::new(1), 0)]).await.unwrap();
    opened
}

/// Returns the name of each index by which documents expire, and their age then.
async fn expiring(opened: &TestStore) -> Vec<(String, Duration)> {
    let indexes = opened.raw().await.list_indexes().await.unwrap();
    let indexes: Vec<IndexModel> = indexes.try_collect().await.unwrap();
    let expiring = indexes.into_iter().filter_map(|index| {
        let options = index.options?;
        Some((options.name?, options.expire_after?))
    });
    expiring.collect()
}

#[tokio::test]
async fn the_index_follows_the_setting() {
    let opened = with_a_document().await;
    let own = "linkrelay_keep_documents_for".to_owned();
    for keep_for in [None, Some(HOUR), Some(HOUR), Some(2 * HOUR), Some(HOUR), None, None] {
        opened.store.set_retention(keep_for).await.unwrap();
        let expected: Vec<_> =
            keep_for.map(|keep_for| (own.clone(), keep_for)).into_iter().collect();
        assert_eq!(expiring(&opened).await, expected);
    }
}

#[tokio::test]
async fn an_index_of_the_operator_serves_and_is_not_dropped() {
    let opened = crate::open().await;
    let options = IndexOptions::builder().name("mine".to_owned()).expire_after(HOUR).build();
    let index = IndexModel::builder().keys(doc! { "stored_at": 1 }).options(options).build();
    opened.raw().await.create_index(index).await.unwrap();
    for keep_for in [Some(HOUR), None] {
        opened.store.set_retention(keep_for).await.unwrap();
        assert_eq!(expiring(&opened).await, [("mine".to_owned(), HOUR)]);
    }
}

#[tokio::test]
async fn the_server_removes_documents_that_are_too_old() {
    let opened = crate::open().await;
    let store = &opened.store;
    let request_id = RequestId::new(2);
    let at = |index, age: Duration| LinkDocument {
        stored_at: Timestamp::now() - age,
        ..sample::stored(request_id, index)
    };
    store.write_batch(&[at(0, HOUR / 2), at(1, 2 * HOUR)]).await.unwrap();
    let request = |age: Duration| {
        let row = RequestRow::new(RequestId::new(1), RequestPath::Kafka, false, []);
        RequestRow { accepted_at: row.accepted_at - age, ..row }
    };
    store.add_requests(&[request(HOUR / 2), request(2 * HOUR)]).await.unwrap();
    store.set_retention(Some(HOUR)).await.unwrap();
    assert_eq!(store.remove_expired(Timestamp::now(), 10).await.unwrap(), 0);
    // SecantusDB looks immediately when asked; MongoDB does not know this command.
    let database = opened.raw().await.client().database("admin");
    let _unknown = database.run_command(doc! { "secantusAdmin.pruneTtl": 1 }).await.is_err();
    wait_for("the old document to be removed", PATIENCE, SHORT, async || {
        let links = store.request_links(request_id, 0, 2).await.unwrap();
        let left: Vec<u32> = links.into_iter().map(|link| link.index).collect();
        let videos = store.count_videos(&VideoFilter::default()).await.unwrap();
        let requests = store.requests(None, 10).await.unwrap().len();
        let is_done = left == [0] && videos == 1 && requests == 1;
        ok_if(is_done, format!("{left:?}, {videos} videos, {requests} requests"))
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_user_without_the_right_is_not_an_error() {
    let opened = with_a_document().await;
    let server = MongoServer::shared().await.unwrap();
    let front = MongoFront::start(server.addr().unwrap()).await.unwrap();
    let store = crate::mongo_store(&front.uri(), &opened.database);
    let refused = || -> Document {
        doc! { "ok": 0.0, "code": 13, "errmsg": "not authorized" }
    };
    for command in ["createIndexes", "collMod", "dropIndexes"] {
        front.answer(command, refused());
    }
    store.set_retention(Some(HOUR)).await.unwrap();
    assert_eq!(expiring(&opened).await, []);
    opened.store.set_retention(Some(HOUR)).await.unwrap();
    for keep_for in [Some(2 * HOUR), None] {
        store.set_retention(keep_for).await.unwrap();
        assert_eq!(expiring(&opened).await.len(), 1);
    }
    let not_possible = doc! { "ok": 0.0, "code": 14_031, "errmsg": "no room" };
    front.answer("collMod", not_possible);
    let error = store.set_retention(Some(2 * HOUR)).await.unwrap_err();
    assert!(error.to_string().contains("14031"), "{error}");
}
