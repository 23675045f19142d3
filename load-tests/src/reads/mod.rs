//! How long a client waits for each route that reads, one request after the other: a producer over
//! a SQLite file of a million videos, and over 50,000 in a MongoDB-wire store.

mod routes;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result};
use linkrelay_common::RequestId;
use linkrelay_store::mongo::MongoStore;
use linkrelay_store::requests::{RequestPath, RequestRow};
use linkrelay_store::{LinkStore as _, SearchIndexStore as _, SqliteStore, Store};
use linkrelay_testkit::kafka::KafkaBroker;
use linkrelay_testkit::mongo::MongoServer;
use linkrelay_testkit::tools::fresh_name;
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::bench::settings::BenchSettings;
use crate::kafka::fresh_topic;
use crate::load::connection::Connection;
use crate::machine::LoadMeter;
use crate::many_videos;
use crate::measurement::{Measurement, Round, Target};
use crate::roles::start_producer;
use crate::stats::Percentiles;
use routes::{Route, Stored, routes};

const SQLITE: &str = "SQLite";
const MONGO: &str = "MongoDB wire";
const SQLITE_VIDEOS: usize = 1_000_000;
const MONGO_VIDEOS: usize = 50_000;
const SEED: u64 = 16;
const REQUESTS: usize = 200;
/// SecantusDB does not end a scan at its limit, so a page takes as long as reading every row.
const MONGO_REQUESTS: usize = 20;
const MAX_FAILURES: u32 = 20;
const DATABASE: &str = "linkrelay_bench";

pub(crate) async fn run(settings: &BenchSettings) -> Result<()> {
    if is_chosen(settings, SQLITE, SQLITE_VIDEOS)? {
        sqlite(settings).await?;
    }
    if is_chosen(settings, MONGO, MONGO_VIDEOS)? {
        mongo(settings).await?;
    }
    Ok(())
}

/// Whether any route of this store is to be measured.
fn is_chosen(settings: &BenchSettings, name: &str, count: usize) -> Result<bool> {
    let count = settings.scaled(count);
    let nothing = Stored { seed: SEED, videos: count, requests: Vec::new() };
    Ok(routes(&nothing)?.iter().any(|route| settings.includes(&case(name, count, route))))
}

fn case(name: &str, videos: usize, route: &Route<'_>) -> String {
    format!("{name}, {videos} videos: {}", route.name)
}

async fn sqlite(settings: &BenchSettings) -> Result<()> {
    let count = settings.scaled(SQLITE_VIDEOS);
    let folder = tempfile::tempdir()?;
    let store = Arc::new(SqliteStore::open(&folder.path().join("linkrelay.sqlite"))?);
    println!("writing {count} documents with seed {SEED} to SQLite");
    let requests = many_videos::write_to(&store, SEED, count).await?;
    let stored = Stored { seed: SEED, videos: count, requests };
    measure(settings, SQLITE, Arc::clone(&store) as _, &stored, REQUESTS).await?;
    store.close().await;
    Ok(())
}

async fn mongo(settings: &BenchSettings) -> Result<()> {
    let count = settings.scaled(MONGO_VIDEOS);
    let uri = MongoServer::shared().await?.uri();
    let name = fresh_name("reads");
    let store = Arc::new(MongoStore::new(
        &SecretString::from(uri.to_owned()),
        DATABASE,
        &name,
        &format!("{name}_videos"),
    )?);
    store.ensure_schema().await?;
    // As by a consumer that starts on a new database: there are no older rows to read first.
    merge_titles(&store).await?;
    println!("writing {count} documents with seed {SEED} to MongoDB");
    let requests = many_videos::write_to(&store, SEED, count).await?;
    let begun = Instant::now();
    let failures = merge_titles(&store).await?;
    println!("titles merged in {:.1} s, {failures} failures\n", begun.elapsed().as_secs_f64());
    let stored = Stored { seed: SEED, videos: count, requests };
    measure(settings, MONGO, store, &stored, MONGO_REQUESTS).await
}

/// Merges all titles as a consumer does, which tries again after a failure, without its pauses.
async fn merge_titles(store: &MongoStore) -> Result<u32> {
    let mut failures = 0;
    loop {
        match store.index_videos().await {
            Ok(Some(indexed)) if indexed.has_more => {}
            Ok(_) => return Ok(failures),
            Err(error) if failures == MAX_FAILURES => return Err(error.into()),
            Err(error) => {
                eprintln!("merging titles: {error}");
                failures += 1;
            }
        }
    }
}

/// Measures each route of a producer over this store.
async fn measure(
    settings: &BenchSettings,
    name: &str,
    store: Arc<dyn Store>,
    stored: &Stored,
    requests: usize,
) -> Result<()> {
    let rows: Vec<RequestRow> = stored.requests.iter().map(|id| request_row(*id)).collect();
    for rows in rows.chunks(500) {
        store.add_requests(rows).await?;
    }
    let broker = KafkaBroker::start().await?;
    let topic = fresh_topic(&broker).await?;
    let (addr, producer) = start_producer(&broker, &topic, store, None).await?;
    let mut table = vec!["| route | requests | p50 ms | p99 ms | max ms |".to_owned()];
    table.push("|---|---:|---:|---:|---:|".to_owned());
    for route in routes(stored)? {
        let case = case(name, stored.videos, &route);
        if !settings.includes(&case) {
            continue;
        }
        let meter = LoadMeter::start()?;
        let route_name = route.name;
        let took = match ask(addr, &route, settings.scaled(requests)).await? {
            Asked::InTime(took) => took,
            Asked::Refused(status) => {
                table.push(format!("| {route_name} | | answered {status} | | |"));
                continue;
            }
        };
        let Percentiles { count, p50_ms, p99_ms, max_ms, .. } = took;
        table.push(format!("| {route_name} | {count} | {p50_ms:.1} | {p99_ms:.1} | {max_ms:.1} |"));
        settings.report(&Measurement {
            benchmark: "reads",
            case,
            unit: "ms at p99",
            baseline_is: "",
            target: route.is_search.then_some(Target::Below(150.0)),
            rounds: vec![Round {
                ours: p99_ms,
                baseline: None,
                load: meter.load()?,
                details: json!(took),
            }],
        })?;
    }
    println!("{name}, {} videos:\n\n{}\n", stored.videos, table.join("\n"));
    producer.stop().await
}

fn request_row(id: RequestId) -> RequestRow {
    RequestRow::new(id, RequestPath::Kafka, false, ["https://youtu.be/b0000000000"])
}

/// What came of the requests of a route.
enum Asked {
    InTime(Percentiles),
    /// One was not answered 200, for instance because the store did not answer in time.
    Refused(u16),
}

/// Sends the requests of a route over one connection, and returns how long their answers took.
async fn ask(addr: SocketAddr, route: &Route<'_>, count: usize) -> Result<Asked> {
    let mut connection = Connection::open(addr, &route.path(0), None).await?;
    let (mut took, mut next) = (Vec::new(), None::<String>);
    // The first answer makes indexes or counts that others find.
    for number in 0..=count {
        let path = next.take().unwrap_or_else(|| route.path(number));
        let begun = Instant::now();
        let response = match &route.body {
            Some(body) => connection.post(body.as_bytes()).await?,
            None => connection.get(&path).await?,
        };
        let elapsed = begun.elapsed();
        if response.status != 200 {
            return Ok(Asked::Refused(response.status));
        }
        if number > 0 {
            took.push(elapsed);
        }
        if route.follows_pages {
            let answer: Value = serde_json::from_slice(response.body)?;
            next = answer["next"].as_str().map(str::to_owned);
        }
    }
    Ok(Asked::InTime(Percentiles::of(took).context("nothing was asked")?))
}
