//! Titles are found as soon as they are written; they are merged later, by any process, also if
//! something fails in between; and a deleted one is nowhere.

use jiff::{SignedDuration, Timestamp};
use linkrelay_common::RequestId;
use linkrelay_store::contract::sample;
use linkrelay_store::videos::{RebuildStore, VideoFilter, VideoQuery};
use linkrelay_store::{LinkDocument, LinkStore, MongoStore, SearchIndexStore, VideoStore};
use mongodb::Database;
use mongodb::bson::{DateTime, Document, doc};

use crate::rights::{behind_a_front, refused};
use crate::{COLLECTION, TestStore, mongo_store, open};

pub(crate) fn titled(request_id: RequestId, index: u32, title: &str) -> LinkDocument {
    let mut document = sample::stored(request_id, index);
    document.video.as_mut().unwrap().title = title.to_owned();
    document
}

/// A newer document of the same video, with another title.
fn renamed(document: &LinkDocument, title: &str) -> LinkDocument {
    let mut newer = titled(RequestId::new(1), 0, title);
    newer.video_id.clone_from(&document.video_id);
    let later = document.extracted_at.unwrap().checked_add(SignedDuration::from_secs(1));
    newer.extracted_at = Some(later.unwrap());
    newer
}

/// Indexes all that can be; returns how many titles that were.
async fn index_all(store: &MongoStore) -> u64 {
    let mut titles_count = 0;
    loop {
        let indexed = store.index_videos().await.unwrap().unwrap();
        titles_count += indexed.titles_count;
        if !indexed.has_more {
            return titles_count;
        }
    }
}

async fn database(opened: &TestStore) -> Database {
    mongodb::Client::with_uri_str(&opened.uri).await.unwrap().database(&opened.database)
}

pub(crate) fn query(text: &str) -> VideoQuery {
    let filter = VideoFilter { text: Some(text.parse().unwrap()), ..VideoFilter::default() };
    VideoQuery { filter, limit: 500, ..VideoQuery::default() }
}

/// Returns how many videos a search finds.
async fn found(store: &MongoStore, text: &str) -> usize {
    store.videos(&query(text)).await.unwrap().videos.len()
}

/// Returns how many documents of a collection have a title with these words.
async fn having(database: &Database, collection: &str, words: &str) -> u64 {
    let documents = database.collection::<Document>(collection);
    documents.count_documents(doc! { "titles.t": { "$regex": words } }).await.unwrap()
}

/// Returns how many batches wait, and how many blocks there are.
async fn counts(database: &Database) -> (u64, u64) {
    let entries = database.collection::<Document>("videos.new_titles");
    let blocks = database.collection::<Document>("videos.titles");
    let blocks = blocks.count_documents(doc! { "titles": { "$exists": true } }).await.unwrap();
    (entries.count_documents(doc! {}).await.unwrap(), blocks)
}

/// Writes as many batches of one title as make a block.
async fn write_a_block(store: &MongoStore, title: &str) -> Vec<LinkDocument> {
    let request_id = RequestId::new(64);
    let documents: Vec<_> = (0..64).map(|index| titled(request_id, index, title)).collect();
    for document in &documents {
        store.write_batch(std::slice::from_ref(document)).await.unwrap();
    }
    documents
}

#[tokio::test]
async fn a_title_is_found_before_and_after_it_is_merged() {
    let opened = open().await;
    let database = database(&opened).await;
    assert_eq!(index_all(&opened.store).await, 0);
    let documents = write_a_block(&opened.store, "東京タワー").await;
    assert_eq!((found(&opened.store, "京タワ").await, counts(&database).await), (64, (64, 0)));
    // What a video has already is not added again.
    opened.store.write_batch(&[renamed(&documents[0], "東京タワー")]).await.unwrap();
    assert_eq!(counts(&database).await, (64, 0));
    assert_eq!(index_all(&opened.store).await, 64);
    assert_eq!((found(&opened.store, "京タワ").await, counts(&database).await), (64, (0, 1)));
    opened.store.write_batch(&[renamed(&documents[0], "大阪")]).await.unwrap();
    assert_eq!((found(&opened.store, "京").await, found(&opened.store, "大").await), (63, 1));
}

#[tokio::test]
async fn rows_without_titles_beside_them_are_found_and_get_them() {
    let opened = open().await;
    let database = database(&opened).await;
    let request_id = RequestId::new(1_100);
    let documents: Vec<_> =
        (0..1_100).map(|index| titled(request_id, index, "von früher")).collect();
    opened.store.write_batch(&documents).await.unwrap();
    database.collection::<Document>("videos.new_titles").drop().await.unwrap();
    assert_eq!(found(&opened.store, "fruher").await, 500);
    let other = mongo_store(&opened.uri, &opened.database);
    let (one, another) = tokio::join!(index_all(&opened.store), index_all(&other));
    assert!(one + another >= 1_100, "{one} {another}");
    assert_eq!(counts(&database).await, (0, 3));
    assert_eq!(opened.store.count_videos(&query("fruher").filter).await.unwrap(), 1_100);
}

#[tokio::test]
async fn rows_that_are_made_again_have_their_titles() {
    let opened = open().await;
    index_all(&opened.store).await;
    opened.store.write_batch(&[titled(RequestId::new(1), 0, "nochmal")]).await.unwrap();
    let database = database(&opened).await;
    for collection in ["videos", "videos.new_titles"] {
        database.collection::<Document>(collection).delete_many(doc! {}).await.unwrap();
    }
    assert_eq!(found(&opened.store, "nochmal").await, 0);
    opened.store.rebuild_videos(None, 10).await.unwrap();
    assert_eq!(found(&opened.store, "nochmal").await, 1);
}

#[tokio::test]
async fn processes_that_merge_together_make_one_block() {
    let opened = open().await;
    let database = database(&opened).await;
    index_all(&opened.store).await;
    write_a_block(&opened.store, "zwei Prozesse").await;
    let other = mongo_store(&opened.uri, &opened.database);
    let (one, another) = tokio::join!(index_all(&opened.store), index_all(&other));
    assert_eq!(one + another, 64);
    assert_eq!((counts(&database).await, found(&opened.store, "zwei").await), ((0, 1), 64));
}

#[tokio::test]
async fn what_was_not_merged_because_the_store_failed_is_merged_later() {
    let (front, store, database) = behind_a_front("").await;
    index_all(&store).await;
    write_a_block(&store, "später").await;
    for (command, left) in [("find", (64, 0)), ("insert", (64, 0)), ("delete", (64, 1))] {
        front.answer(command, refused(14_031, "no room"));
        let error = store.index_videos().await.unwrap_err().to_string();
        assert!(error.contains("14031"), "{command}: {error}");
        front.pass(command);
        assert_eq!((counts(&database).await, found(&store, "spat").await), (left, 64), "{command}");
    }
    index_all(&store).await;
    assert_eq!((counts(&database).await, found(&store, "spat").await), ((0, 1), 64));
}

#[tokio::test]
async fn a_title_is_added_after_its_row_and_before_its_document() {
    let (front, store, _) = behind_a_front("").await;
    store.write_batch(&[titled(RequestId::new(1), 0, "ohne")]).await.unwrap();
    let inserts = front.seen("insert");
    let into: Vec<&str> = inserts.iter().map(|insert| insert.get_str("insert").unwrap()).collect();
    assert_eq!(into, ["videos", "videos.new_titles", COLLECTION]);
}

#[tokio::test]
async fn a_deleted_title_is_nowhere_and_one_that_is_left_is_found() {
    let opened = open().await;
    let database = database(&opened).await;
    index_all(&opened.store).await;
    let merged = write_a_block(&opened.store, "bleibt").await;
    index_all(&opened.store).await;
    let request_id = RequestId::new(1);
    let id = titled(request_id, 0, "").id;
    let newer = LinkDocument { request_id: Some(request_id), id, ..renamed(&merged[0], "weg") };
    opened.store.write_batch(&[newer]).await.unwrap();
    assert_eq!(found(&opened.store, "weg").await, 1);
    opened.store.delete_request(request_id, Timestamp::now()).await.unwrap();
    for collection in ["videos.new_titles", "videos.titles"] {
        assert_eq!(having(&database, collection, "weg").await, 0, "{collection}");
    }
    assert_eq!((found(&opened.store, "weg").await, found(&opened.store, "bleibt").await), (0, 64));
    // A call that had read the title before has ended, and has brought it back.
    let entries = database.collection::<Document>("videos.new_titles");
    let long_ago = DateTime::from_millis(DateTime::now().timestamp_millis() - 61_000);
    let is_erasure = doc! { "erased.0": { "$exists": true } };
    entries.update_many(is_erasure, doc! { "$set": { "at": long_ago } }).await.unwrap();
    let back = doc! { "v": merged[0].video_id.as_deref(), "t": "weg" };
    let back = doc! { "at": DateTime::now(), "titles": [back] };
    entries.insert_one(back).await.unwrap();
    index_all(&opened.store).await;
    assert_eq!(having(&database, "videos.new_titles", "weg").await, 0);
    assert_eq!((found(&opened.store, "weg").await, found(&opened.store, "bleibt").await), (0, 64));
}

#[tokio::test]
async fn a_search_examines_only_the_blocks_with_its_rarest_gram() {
    let (front, store, database) = behind_a_front("").await;
    index_all(&store).await;
    for block in 0..3 {
        let title =
            |index: u32| if block == 1 && index < 3 { "song 東京" } else { "song of Rome" };
        let request_id = RequestId::new(500);
        let documents: Vec<_> =
            (0..500).map(|index| titled(request_id, block * 500 + index, title(index))).collect();
        store.write_batch(&documents).await.unwrap();
    }
    index_all(&store).await;
    assert_eq!(counts(&database).await, (0, 3));
    let search = VideoQuery { limit: 2, ..query("song 東京") };
    let first = store.videos(&search).await.unwrap();
    let second = store.videos(&VideoQuery { after: first.next, ..search }).await.unwrap();
    assert_eq!((first.videos.len(), second.videos.len(), second.next), (2, 1, None));
    let is_own = |key: &str| ["find", "filter", "sort", "limit"].contains(&key);
    for (collection, expected) in [("videos.titles", 1), ("videos", 3)] {
        let finds = front.seen("find").into_iter().rev();
        let mut finds = finds.filter(|find| find.get_str("find") == Ok(collection));
        let find: Document = finds.nth(usize::from(collection == "videos")).unwrap();
        let find: Document = find.into_iter().filter(|(key, _)| is_own(key)).collect();
        let explain = doc! { "explain": find, "verbosity": "executionStats" };
        let explained = database.run_command(explain).await.unwrap();
        assert!(explained.to_string().contains("IXSCAN"), "{explained}");
        let stats = explained.get_document("executionStats").unwrap();
        let examined = |what: &str| {
            let examined = stats.get(what).unwrap();
            examined.as_i32().map(i64::from).or(examined.as_i64()).unwrap()
        };
        assert_eq!(examined("totalDocsExamined"), expected, "{explained}");
        assert!(examined("totalKeysExamined") <= expected + 1, "{explained}");
    }
}
