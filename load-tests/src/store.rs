//! Documents a second through `LinkStore::write_batch`, against a bare `insert_many` loop.
//!
//! Both have the same driver, indexes and write concern, the same documents, and equally many in a
//! batch and batches in flight. The bare side inserts bytes that were encoded before the clock
//! started; linkrelay encodes each document and checks each outcome.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use futures::{StreamExt, TryStreamExt};
use linkrelay_store::mongo::MongoStore;
use linkrelay_store::{LinkDocument, LinkStore, SqliteStore, WriteOutcome};
use linkrelay_testkit::mongo::MongoServer;
use linkrelay_testkit::tools::fresh_name;
use mongodb::bson::{Document, RawDocumentBuf, doc};
use mongodb::options::{Acknowledgment, CollectionOptions, WriteConcern};
use mongodb::{Client, Collection};
use secrecy::SecretString;
use serde_json::json;

use crate::bench::settings::BenchSettings;
use crate::machine::LoadMeter;
use crate::measurement::{Measurement, Round, Target};
use crate::sample;

/// The defaults of the consumer.
const BATCH_DOCUMENTS: usize = 500;
pub(crate) const BATCHES_IN_FLIGHT: usize = 4;
const DOCUMENTS: usize = 30_000;
pub(crate) const DATABASE: &str = "linkrelay_bench";

/// Runs both stores.
pub(crate) async fn run(settings: &BenchSettings) -> Result<()> {
    let documents = sample::documents(settings.scaled(DOCUMENTS));
    if settings.includes("MongoDB wire") {
        let uri = MongoServer::shared().await?.uri();
        // Which side is first changes from round to round.
        let round =
            async |index: usize| mongo_round(uri, &documents, index.is_multiple_of(2)).await;
        settings.report(&Measurement {
            benchmark: "store",
            case: "MongoDB wire".to_owned(),
            unit: "documents/s",
            baseline_is: "bare insert_many loop",
            target: Some(Target::Ratio(0.9)),
            rounds: settings.rounds(round).await?,
        })?;
    }
    if settings.includes("SQLite") {
        settings.report(&Measurement {
            benchmark: "store",
            case: "SQLite".to_owned(),
            unit: "documents/s",
            baseline_is: "",
            target: None,
            rounds: settings.rounds(async |_| sqlite_round(&documents).await).await?,
        })?;
    }
    Ok(())
}

async fn mongo_round(uri: &str, documents: &[LinkDocument], is_ours_first: bool) -> Result<Round> {
    let raw = raw_documents(uri, documents.len()).await?;
    let (our_side, bare_side) = (MongoSide::fresh(uri).await?, MongoSide::fresh(uri).await?);
    let bare = if is_ours_first { None } else { Some(bare_side.bare(&raw).await?) };
    let meter = LoadMeter::start()?;
    let ours = write_all(Arc::clone(&our_side.store) as _, documents).await?;
    let load = meter.load()?;
    let bare = match bare {
        Some(bare) => bare,
        None => bare_side.bare(&raw).await?,
    };
    our_side.drop().await?;
    bare_side.drop().await?;
    let bytes: usize = raw.iter().map(|document| document.as_bytes().len()).sum();
    let details = json!({
        "documents": documents.len(),
        "mean_document_bytes": bytes / raw.len(),
        "batch": BATCH_DOCUMENTS,
        "in_flight": BATCHES_IN_FLIGHT,
        "is_ours_first": is_ours_first,
    });
    Ok(Round { ours, baseline: Some(bare), load, details })
}

async fn sqlite_round(documents: &[LinkDocument]) -> Result<Round> {
    let directory = tempfile::tempdir()?;
    let store = Arc::new(SqliteStore::open(&directory.path().join("bench.sqlite"))?);
    let meter = LoadMeter::start()?;
    let ours = write_all(Arc::clone(&store) as _, documents).await?;
    let load = meter.load()?;
    store.close().await;
    let details = json!({
        "documents": documents.len(),
        "batch": BATCH_DOCUMENTS,
        "in_flight": BATCHES_IN_FLIGHT,
    });
    Ok(Round { ours, baseline: None, load, details })
}

/// Writes through the trait, with a task for each batch as in the consumer's batcher, and returns
/// documents a second.
pub(crate) async fn write_all(
    store: Arc<dyn LinkStore>,
    documents: &[LinkDocument],
) -> Result<f64> {
    let batches: Vec<Vec<LinkDocument>> =
        documents.chunks(BATCH_DOCUMENTS).map(<[LinkDocument]>::to_vec).collect();
    store.ensure_schema().await?;
    let begun = Instant::now();
    let writes = futures::stream::iter(batches).map(|batch| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let outcomes = store.write_batch(&batch).await?;
            let is_new = |outcome: &WriteOutcome| *outcome == WriteOutcome::Inserted;
            ensure!(outcomes.iter().all(is_new), "not all documents are new");
            Ok(outcomes.len())
        })
    });
    let written = writes
        .buffer_unordered(BATCHES_IN_FLIGHT)
        .map(|written| written?)
        .try_fold(0, async |all, count| Ok(all + count))
        .await?;
    ensure!(written == documents.len(), "only {written} were written");
    Ok(documents.len() as f64 / begun.elapsed().as_secs_f64())
}

/// A new collection with linkrelay's schema, for linkrelay's store and for the bare driver.
#[derive(Debug)]
pub(crate) struct MongoSide {
    pub(crate) store: Arc<MongoStore>,
    pub(crate) collection: Collection<RawDocumentBuf>,
}

impl MongoSide {
    /// Makes the collection.
    pub(crate) async fn fresh(uri: &str) -> Result<Self> {
        let side = Self::without_schema(uri).await?;
        side.store.ensure_schema().await?;
        Ok(side)
    }

    /// Chooses a name: the collection is made with the first document, and has only `_id`.
    pub(crate) async fn without_schema(uri: &str) -> Result<Self> {
        let name = fresh_name("documents");
        let store = MongoStore::new(
            &SecretString::from(uri.to_owned()),
            DATABASE,
            &name,
            &format!("{name}_videos"),
        )?;
        let durable = WriteConcern::builder().w(Acknowledgment::Majority).journal(true).build();
        let options = CollectionOptions::builder().write_concern(durable).build();
        let client = Client::with_uri_str(uri).await?;
        let collection = client.database(DATABASE).collection_with_options(&name, options);
        Ok(Self { store: Arc::new(store), collection })
    }

    /// Runs the bare loop, and returns documents a second.
    pub(crate) async fn bare(&self, documents: &[RawDocumentBuf]) -> Result<f64> {
        let batches: Vec<Vec<RawDocumentBuf>> =
            documents.chunks(BATCH_DOCUMENTS).map(<[RawDocumentBuf]>::to_vec).collect();
        // As in linkrelay's store, the first connection is made before the clock starts.
        self.collection.find_one(doc! { "_id": "none" }).await?;
        let begun = Instant::now();
        let writes = futures::stream::iter(batches).map(|batch| {
            let collection = self.collection.clone();
            tokio::spawn(async move { collection.insert_many(&batch).ordered(false).await })
        });
        let mut writes = writes.buffer_unordered(BATCHES_IN_FLIGHT);
        while let Some(written) = writes.next().await {
            written?.context("a bare insert_many")?;
        }
        Ok(documents.len() as f64 / begun.elapsed().as_secs_f64())
    }

    /// Removes the collection, because a full one slows others on the server down.
    pub(crate) async fn drop(self) -> Result<()> {
        Ok(self.collection.drop().await?)
    }
}

/// Returns sample documents byte by byte as linkrelay's store writes them.
pub(crate) async fn raw_documents(uri: &str, count: usize) -> Result<Vec<RawDocumentBuf>> {
    let side = MongoSide::fresh(uri).await?;
    write_all(Arc::clone(&side.store) as _, &sample::documents(count)).await?;
    let found = side.collection.find(Document::new()).await?;
    let documents: Vec<RawDocumentBuf> = found.try_collect().await?;
    side.drop().await?;
    ensure!(documents.len() == count, "{} of {count} documents came back", documents.len());
    Ok(documents)
}
