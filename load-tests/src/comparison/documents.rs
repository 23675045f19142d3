//! The documents of one run, read from the database itself: what linkrelay says about them is
//! what is to be checked.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context as _, Result};
use futures::TryStreamExt as _;
use jiff::Timestamp;
use linkrelay_common::DocumentId;
use linkrelay_testkit::tools::fresh_name;
use mongodb::bson::{Document, doc};
use mongodb::{Client, Collection};
use tokio::time::{Instant, sleep};

/// The collection of the contract.
const COLLECTION: &str = "youtube";
/// Ids in one question.
const IDS_AT_ONCE: usize = 1_000;
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// The collection of one run.
#[derive(Debug)]
pub struct Documents {
    database: String,
    collection: Collection<Document>,
}

/// What a check needs of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredDocument {
    /// Its `_id`.
    pub id: DocumentId,
    /// As it was submitted.
    pub link: String,
    /// Or failed.
    pub is_stored: bool,
    /// The consumer's clock, just before the write that went through.
    pub stored_at: Timestamp,
}

impl Documents {
    /// A database that nobody else uses.
    ///
    /// # Errors
    /// If the server does not answer.
    pub async fn fresh(uri: &str) -> Result<Self> {
        let database = fresh_name("linkrelay-load");
        let client = Client::with_uri_str(uri).await?;
        let collection = client.database(&database).collection(COLLECTION);
        Ok(Self { database, collection })
    }

    /// For `MONGODB_DATABASE`.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// Waits until all of these are there. Gives those that are not, once nothing has come for
    /// as long as `patience`.
    ///
    /// # Errors
    /// If the server does not answer.
    pub async fn until_there(
        &self,
        ids: BTreeSet<DocumentId>,
        patience: Duration,
    ) -> Result<BTreeSet<DocumentId>> {
        let mut missing = ids;
        let mut last_came = Instant::now();
        while !missing.is_empty() && last_came.elapsed() < patience {
            let some: Vec<&str> =
                missing.iter().take(IDS_AT_ONCE).map(DocumentId::as_str).collect();
            let found = self.collection.find(doc! { "_id": { "$in": some } });
            let mut found = found.projection(doc! { "_id": 1 }).await?;
            let mut is_any_found = false;
            while let Some(document) = found.try_next().await? {
                is_any_found = true;
                missing.remove(&DocumentId::from_stored(document.get_str("_id")?.to_owned()));
            }
            if is_any_found {
                last_came = Instant::now();
            } else {
                sleep(LOOK_INTERVAL).await;
            }
        }
        Ok(missing)
    }

    /// All of them, read one by one: to be counted exactly.
    ///
    /// # Errors
    /// If the server does not answer, or a document is not of the contract's form.
    pub async fn all(&self) -> Result<Vec<StoredDocument>> {
        let wanted = doc! { "_id": 1, "link": 1, "status": 1, "stored_at": 1 };
        let found = self.collection.find(doc! {}).projection(wanted).await?;
        let documents: Vec<Document> = found.try_collect().await?;
        documents
            .iter()
            .map(|document| read(document).with_context(|| format!("{document}")))
            .collect()
    }

    /// Removes the database.
    ///
    /// # Errors
    /// If the server does not answer.
    pub async fn drop(self) -> Result<()> {
        Ok(self.collection.client().database(&self.database).drop().await?)
    }
}

fn read(document: &Document) -> Result<StoredDocument> {
    let stored_at_ms = document.get_datetime("stored_at")?.timestamp_millis();
    Ok(StoredDocument {
        id: DocumentId::from_stored(document.get_str("_id")?.to_owned()),
        link: document.get_str("link")?.to_owned(),
        is_stored: document.get_str("status")? == "stored",
        stored_at: Timestamp::from_millisecond(stored_at_ms)?,
    })
}

/// How many documents each link has.
pub(super) fn by_link<'a>(
    documents: impl IntoIterator<Item = &'a StoredDocument>,
) -> BTreeMap<&'a str, usize> {
    let mut counts = BTreeMap::new();
    for document in documents {
        *counts.entry(document.link.as_str()).or_default() += 1;
    }
    counts
}
