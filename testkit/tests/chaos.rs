//! linkrelay under faults: nothing lost, nothing doubled. This needs a store that keeps what it
//! acknowledged, which the second test proves.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::TryStreamExt as _;
use linkrelay_testkit::chaos::{self, Brokers, ChaosSettings, Protocol};
use linkrelay_testkit::mongo::MongoServer;
use linkrelay_testkit::wait::{LONG, SHORT, ok_if, wait_for};
use mongodb::bson::{Document, doc};
use mongodb::options::{CollectionOptions, WriteConcern};
use mongodb::{Client, Collection};
use tokio::task::JoinSet;

/// A minute of every kind of fault. Other sizes and seeds: `cargo run -p linkrelay-testkit --bin
/// chaos -- --help`.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_doubled_no_matter_what_is_killed() {
    let settings = ChaosSettings {
        seed: 20_260_801,
        links: 2_500,
        span: Duration::from_secs(60),
        protocol: Protocol::Classic,
        has_static_members: false,
        brokers: Brokers::One,
        max_repeats_percent: None,
        replacement: None,
    };
    let report = chaos::run(settings, &|line| eprintln!("{line}")).await.unwrap();
    println!("{}", report.figures);
    if !report.has_passed() {
        let text = report.text();
        panic!("{text}\nlogs of all processes: {}", report.keep().unwrap().display());
    }
    let figures = &report.figures;
    // Every failure recovers well before attempts run out.
    assert_eq!(figures.tally.given_up, 0);
    assert!(figures.tally.links >= 2_500, "{figures}");
    // Otherwise no fault hit any work, and the run proved nothing.
    assert!(figures.failed_posts > 0 && figures.tally.surplus_records > 0, "{figures}");
}

/// Without the flush on commit about every second kill loses a batch.
const KILLS: usize = 8;
const WRITERS: usize = 4;
const BATCH: usize = 50;

/// Inserts batches like linkrelay until the server is killed; returns the acknowledged ids.
async fn write(
    collection: Collection<Document>,
    writer: String,
    acknowledged: Arc<AtomicUsize>,
) -> Vec<String> {
    let mut ids = Vec::new();
    for batch in 0.. {
        let names: Vec<String> =
            (0..BATCH).map(|index| format!("{writer}:{batch}:{index}")).collect();
        let documents = names.iter().map(|id| doc! { "_id": id, "text": "x".repeat(1_000) });
        match collection.insert_many(documents).ordered(false).await {
            Ok(_) => ids.extend(names),
            Err(_) => break,
        }
        acknowledged.fetch_add(BATCH, Ordering::Relaxed);
    }
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn a_durable_store_keeps_every_acknowledged_document_when_it_is_killed() {
    let mut store = MongoServer::start_durable().await.unwrap();
    let mut promised = BTreeSet::new();
    for kill in 0..KILLS {
        // A retry by the driver would hide when a write was acknowledged.
        let uri = format!("{}&retryWrites=false&serverSelectionTimeoutMS=1000", store.uri());
        let client = Client::with_uri_str(uri).await.unwrap();
        let majority = WriteConcern::majority();
        let options = CollectionOptions::builder().write_concern(majority).build();
        let collection = client.database("probe").collection_with_options("documents", options);
        let acknowledged = Arc::new(AtomicUsize::new(0));
        let mut writers = JoinSet::new();
        for writer in 0..WRITERS {
            let name = format!("{kill}:{writer}");
            writers.spawn(write(collection.clone(), name, Arc::clone(&acknowledged)));
        }
        // A different time in each round, in the middle of writes.
        let wanted = 400 + kill * 170;
        wait_for("acknowledged writes", LONG, SHORT, async || {
            let count = acknowledged.load(Ordering::Relaxed);
            ok_if(count >= wanted, format!("{count} of {wanted}"))
        })
        .await
        .unwrap();
        store.kill().unwrap();
        promised.extend(writers.join_all().await.into_iter().flatten());
        store.restart().await.unwrap();
    }
    let client = Client::with_uri_str(store.uri()).await.unwrap();
    let collection = client.database("probe").collection::<Document>("documents");
    let found = collection.find(doc! {}).projection(doc! { "_id": 1 }).await.unwrap();
    let found: Vec<Document> = found.try_collect().await.unwrap();
    let found: BTreeSet<String> =
        found.iter().map(|document| document.get_str("_id").unwrap().to_owned()).collect();
    let lost: Vec<&String> = promised.difference(&found).collect();
    assert!(lost.is_empty(), "{} of {} lost: {lost:?}", lost.len(), promised.len());
    println!("{} acknowledged documents survived {KILLS} kills", promised.len());
}
