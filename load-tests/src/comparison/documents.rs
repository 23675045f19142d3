//! The documents of one run, read from the database itself: what linkrelay says about them is
//! what is to be checked.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Result;
use futures::TryStreamExt as _;
use linkrelay_common::DocumentId;
use mongodb::Collection;
use mongodb::bson::{DateTime, Document, doc};
use serde::Deserialize;
use tokio::time::{Instant, sleep};

const LOOK_INTERVAL: Duration = Duration::from_millis(250);

/// The collection of one run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Documents<'a>(pub(crate) &'a Collection<Document>);

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

impl Documents<'_> {
    /// Waits until all of these are there, or none has come for as long as `patience`.
    pub(crate) async fn until_there(
        &self,
        ids: &BTreeSet<DocumentId>,
        patience: Duration,
    ) -> Result<()> {
        let collection = self.0.clone_with_type::<Id>();
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
        let collection = self.0.clone_with_type::<StoredDocument>();
        Ok(collection.find(doc! {}).projection(wanted).await?.try_collect().await?)
    }
}
