//! A user who may write but not make an index; and the concerns that the store sets itself, no
//! matter what the connection string prefers.

use linkrelay_common::{RequestId, VideoId};
use linkrelay_store::contract::sample;
use linkrelay_store::videos::{VideoOrder, VideoQuery};
use linkrelay_store::{LinkStore, MongoStore, VideoStore};
use linkrelay_testkit::mongo::MongoServer;
use linkrelay_testkit::mongo_front::MongoFront;
use linkrelay_testkit::tools::fresh_name;
use mongodb::bson::doc;
use mongodb::options::IndexOptions;
use mongodb::{Client, IndexModel};

use crate::{COLLECTION, mongo_store};

/// Starts a front before a server, and a store that uses the front.
pub(crate) async fn behind_a_front(options: &str) -> (MongoFront, MongoStore, mongodb::Database) {
    let server = MongoServer::shared().await.unwrap();
    let front = MongoFront::start(server.addr().unwrap()).await.unwrap();
    let database = fresh_name("linkrelay-rights");
    let store = mongo_store(&format!("{}{options}", front.uri()), &database);
    let client = Client::with_uri_str(server.uri()).await.unwrap();
    (front, store, client.database(&database))
}

pub(crate) fn refused(code: i32, message: &str) -> mongodb::bson::Document {
    doc! { "ok": 0.0, "code": code, "errmsg": message, "codeName": "X" }
}

#[tokio::test]
async fn an_index_that_exists_need_not_be_made() {
    for code in [13, 8_000, 85, 86] {
        let (front, store, database) = behind_a_front("").await;
        front.answer("createIndexes", refused(code, "not authorized"));
        store.ensure_schema().await.unwrap();
        let document = sample::stored(RequestId::new(1), 0);
        store.write_batch(std::slice::from_ref(&document)).await.unwrap();
        let video_id = VideoId::parse(document.video_id.as_deref().unwrap()).unwrap();
        // If the index is missing, everything else works, and reads go through the collection.
        assert_eq!(store.count_links_of_video(video_id).await.unwrap(), 1);
        // An index under another name serves as well.
        let keys = doc! { "video_id": 1, "stored_at": 1 };
        let named = IndexOptions::builder().name("mine".to_owned()).build();
        let index = IndexModel::builder().keys(keys).options(named).build();
        let collection = database.collection::<mongodb::bson::Document>(COLLECTION);
        collection.create_index(index).await.unwrap();
        let again = mongo_store(&front.uri(), database.name());
        assert_eq!(again.count_links_of_video(video_id).await.unwrap(), 1);
        assert_eq!(front.seen("createIndexes").len(), 2, "one attempt of each store");
    }
}

#[tokio::test]
async fn the_first_read_of_videos_makes_its_index_unless_the_user_may_not() {
    let (front, store, database) = behind_a_front("").await;
    store.ensure_schema().await.unwrap();
    let document = sample::stored(RequestId::new(1), 0);
    store.write_batch(std::slice::from_ref(&document)).await.unwrap();
    let videos = database.collection::<mongodb::bson::Document>("videos");
    let indexes = async || videos.list_index_names().await.unwrap().len();
    assert_eq!(indexes().await, 1, "writing needs only the one on _id");
    let query = VideoQuery { limit: 10, ..VideoQuery::default() };
    front.answer("createIndexes", refused(13, "not authorized"));
    for _ in 0..2 {
        assert_eq!(store.videos(&query).await.unwrap().videos.len(), 1);
    }
    assert_eq!(front.seen("createIndexes").len(), 1, "the schema makes none");
    front.pass("createIndexes");
    let by_published = VideoQuery { order: VideoOrder::Published, ..query };
    assert_eq!(store.videos(&by_published).await.unwrap().videos.len(), 1);
    assert_eq!(indexes().await, 2);
}

#[tokio::test]
async fn another_error_about_an_index_is_an_error() {
    let (front, store, _) = behind_a_front("").await;
    front.answer("createIndexes", refused(14_031, "no room"));
    let query = VideoQuery { limit: 10, ..VideoQuery::default() };
    assert!(store.videos(&query).await.unwrap_err().to_string().contains("14031"));
    front.pass("createIndexes");
    store.videos(&query).await.unwrap();
}

#[tokio::test]
async fn known_documents_are_read_from_a_majority_whatever_the_connection_string_prefers() {
    let options = "&readPreference=secondaryPreferred&readConcernLevel=available";
    let (front, store, _) = behind_a_front(options).await;
    let document = sample::failed(RequestId::new(1), 0);
    let ids = [document.id.clone()];
    store.write_batch(std::slice::from_ref(&document)).await.unwrap();
    // The second write queries for the duplicate.
    store.write_batch(std::slice::from_ref(&document)).await.unwrap();
    assert_eq!(store.find(&ids).await.unwrap(), [document]);
    assert_eq!(store.known(&ids).await.unwrap().len(), 1);
    let mut asked = front.seen("find");
    asked.retain(|find| find.get_str("find") == Ok(COLLECTION));
    assert_eq!(asked.len(), 3);
    for find in asked {
        assert_eq!(find.get_document("readConcern").unwrap(), &doc! { "level": "majority" });
    }
    for insert in front.seen("insert") {
        let concern = insert.get_document("writeConcern").unwrap();
        assert_eq!(concern.get_str("w"), Ok("majority"), "{concern}");
        assert_eq!(concern.get_bool("j"), Ok(true), "{concern}");
    }
}
