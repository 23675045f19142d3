//! Tests of the MongoDB store: the contract of every store, and what only a server can prove. They
//! use the server that the testkit starts, or the one that `MONGODB_URI` names.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

#[path = "mongo/bson.rs"]
mod bson;
#[path = "mongo/jobs.rs"]
mod jobs;
#[path = "mongo/outage.rs"]
mod outage;
#[path = "mongo/refusals.rs"]
mod refusals;
#[path = "mongo/repetition.rs"]
mod repetition;
#[path = "mongo/retention.rs"]
mod retention;
#[path = "mongo/rights.rs"]
mod rights;
#[path = "mongo/search_index.rs"]
mod search_index;
#[path = "mongo/version.rs"]
mod version;

use linkrelay_store::{LinkStore, MongoStore, Store};
use linkrelay_testkit::mongo::MongoServer;
use linkrelay_testkit::tools::fresh_name;
use mongodb::bson::Document;
use mongodb::{Client, Collection};
use secrecy::SecretString;

const COLLECTION: &str = "youtube";

/// A store in its own database.
struct TestStore {
    store: MongoStore,
    uri: String,
    database: String,
}

impl TestStore {
    async fn open() -> Self {
        let uri = MongoServer::shared().await.unwrap().uri().to_owned();
        let database = fresh_name("linkrelay-store");
        let store = mongo_store(&uri, &database);
        Self { store, uri, database }
    }

    fn store(&self) -> &dyn Store {
        &self.store
    }

    /// The same collection, without the store.
    async fn raw(&self) -> Collection<Document> {
        self.raw_collection(COLLECTION).await
    }

    async fn raw_collection(&self, name: &str) -> Collection<Document> {
        let client = Client::with_uri_str(&self.uri).await.unwrap();
        client.database(&self.database).collection(name)
    }

    async fn drop_rows(&self) {
        let videos = self.raw_collection("videos").await;
        videos.delete_many(Document::new()).await.unwrap();
    }
}

fn mongo_store(uri: &str, database: &str) -> MongoStore {
    MongoStore::new(&SecretString::from(uri), database, COLLECTION, "videos").unwrap()
}

async fn open() -> TestStore {
    let opened = TestStore::open().await;
    opened.store.ensure_schema().await.unwrap();
    opened
}

mod contract {
    use super::open;

    linkrelay_store::contract_tests!(open);
}
