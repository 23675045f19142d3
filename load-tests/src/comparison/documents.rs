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
pub(crate) struct Documents {
    database: String,
    collection: Collection<StoredDocument>,
}

/// What a check needs of a document.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct StoredDocument {
    #[serde(rename = "_id")]
    pub(crate) id: DocumentId,
    pub(crate) link: String,
    /// `stored`, `failed` or `expanded`.
    pub(crate) status: String,
    /// By the consumer's clock, just before the write that succeeded.
    pub(crate) stored_at: DateTime,
}

#[derive(Debug, Deserialize)]
struct Id {
    #[serde(rename = "_id")]
    id: DocumentId,
}

impl Documents {
    /// Returns the documents of a database that no other program uses.
    pub(crate) async fn fresh(uri: &str) -> Result<Self> {
        let database = fresh_name("linkrelay-load");
        let client = Client::with_uri_str(uri).await?;
        let collection = client.database(&database).collection(COLLECTION);
        Ok(Self { database, collection })
    }

    /// Returns the name for `MONGODB_DATABASE`.
    pub(crate) fn database(&self) -> &str {
        &self.database
    }

    /// Waits until all of these are there, or none has come for as long as `patience`.
    pub(crate) async fn until_there(
        &self,
        ids: &BTreeSet<DocumentId>,
        patience: Duration,
    ) -> Result<()> {
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
    pub(crate) async fn all(&self) -> Result<Vec<StoredDocument>> {
        let wanted = doc! { "_id": 1, "link": 1, "status": 1, "stored_at": 1 };
        Ok(self.collection.find(doc! {}).projection(wanted).await?.try_collect().await?)
    }

    /// Removes the database.
    pub(crate) async fn drop(self) -> Result<()> {
        Ok(self.collection.client().database(&self.database).drop().await?)
    }
}
