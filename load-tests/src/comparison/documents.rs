//! The documents of one run, read from the database itself: what linkrelay says about them is
//! what is to be checked.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Result;
use futures::TryStreamExt as _;
use linkrelay_common::DocumentId;
use linkrelay_testkit::tools::fresh_name;
use mongodb::bson::{DateTime, doc};
use mongodb::{Client, Collection};
use serde::Deserialize;
use tokio::time::{Instant, sleep};

/// The collection of the contract.
const COLLECTION: &str = "youtube";
const LOOK_INTERVAL: Duration = Duration::from_millis(250);

/// The collection of one run.
#[derive(Debug)]
pub struct Documents {
    database: String,
    collection: Collection<StoredDocument>,
}

/// What a check needs of a document.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct StoredDocument {
    /// Its `_id`.
    #[serde(rename = "_id")]
    pub id: DocumentId,
    /// The link as it was submitted.
    pub link: String,
    /// `stored`, `failed` or `expanded`.
    pub status: String,
    /// By the consumer's clock, just before the write that succeeded.
    pub stored_at: DateTime,
}

#[derive(Debug, Deserialize)]
struct Id {
    #[serde(rename = "_id")]
    id: DocumentId,
}

impl Documents {
    /// Returns the documents of a database that no other program uses.
    ///
    /// # Errors
    /// If the server does not answer.
    pub async fn fresh(uri: &str) -> Result<Self> {
        let database = fresh_name("linkrelay-load");
        let client = Client::with_uri_str(uri).await?;
        let collection = client.database(&database).collection(COLLECTION);
        Ok(Self { database, collection })
    }

    /// Returns the name for `MONGODB_DATABASE`.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// Returns how many documents there are now.
    ///
    /// # Errors
    /// If the server does not answer.
    pub async fn count(&self) -> Result<u64> {
        Ok(self.collection.estimated_document_count().await?)
    }

    /// Waits until all of these are there, or none has come for as long as `patience`.
    ///
    /// # Errors
    /// If the server does not answer.
    pub async fn until_there(&self, ids: &BTreeSet<DocumentId>, patience: Duration) -> Result<()> {
        let collection = self.collection.clone_with_type::<Id>();
        let (mut most, mut last_came) = (0, Instant::now());
        loop {
            let found = collection.find(doc! {}).projection(doc! { "_id": 1 }).await?;
            let there: BTreeSet<DocumentId> = found.map_ok(|found| found.id).try_collect().await?;
            if there.len() > most {
                (most, last_came) = (there.len(), Instant::now());
            }
            if there.is_superset(ids) || last_came.elapsed() >= patience {
                return Ok(());
            }
            sleep(LOOK_INTERVAL).await;
        }
    }

    /// Reads all documents one by one, so that they are counted exactly.
    ///
    /// # Errors
    /// If the server does not answer, or a document is not of the contract's form.
    pub async fn all(&self) -> Result<Vec<StoredDocument>> {
        let wanted = doc! { "_id": 1, "link": 1, "status": 1, "stored_at": 1 };
        Ok(self.collection.find(doc! {}).projection(wanted).await?.try_collect().await?)
    }

    /// Removes the database.
    ///
    /// # Errors
    /// If the server does not answer.
    pub async fn drop(self) -> Result<()> {
        Ok(self.collection.client().database(&self.database).drop().await?)
    }
}
