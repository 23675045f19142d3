//! From POST to stored document, extraction time taken off, at 50 requests a second: producer
//! and consumer on a real broker, a MongoDB-wire server behind.
//!
//! Open loop: each request has its moment, and its time counts from that moment, also when the
//! request before it was slow.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures::future::try_join_all;
use linkrelay_store::LinkStore;
use linkrelay_testkit::kafka::KafkaBroker;
use linkrelay_testkit::mongo::MongoServer;
use serde_json::json;
use tokio::time::{sleep_until, timeout};

use crate::BenchSettings;
use crate::doubles::{CountingStore, SleepingExtractor};
use crate::drain::timer::Timer;
use crate::http::client::Connection;
use crate::http::generator::{PATH, write_body};
use crate::kafka::{RelaySettings, fresh_topic};
use crate::machine::LoadMeter;
use crate::measurement::{Measurement, Round, Target};
use crate::roles::{start_producer, start_ready_consumer};
use crate::sample::{link, video};
use crate::stats::Percentiles;
use crate::store::MongoSide;

const PER_SECOND: usize = 50;
/// A page takes some time; what it takes is measured and taken off.
const EXTRACTION: Duration = Duration::from_millis(100);
/// Requests at the beginning that are sent and not counted.
const WARM_UP_REQUESTS: usize = 100;
/// The server closes a connection without a request after HEADER_READ_TIMEOUT (10 s).
const MAX_IDLE: Duration = Duration::from_secs(5);
const LIMIT: Duration = Duration::from_secs(60);

/// Runs it.
///
/// # Errors
/// If a server does not start, or a document does not come.
pub async fn run(settings: &BenchSettings) -> Result<()> {
    let broker = KafkaBroker::start().await?;
    let mongo = MongoServer::shared().await?;
    let requests_count = WARM_UP_REQUESTS + settings.scaled(1_000);
    let mut rounds = Vec::new();
    for _ in 0..settings.rounds() {
        rounds.push(round(&broker, mongo.uri(), requests_count).await?);
    }
    for (percentile, limit_ms) in [("p50", 50.0), ("p99", 200.0)] {
        let of_percentile = |round: &Round| Round {
            ours: round.details["without_extraction"][format!("{percentile}_ms")]
                .as_f64()
                .unwrap_or(f64::NAN),
            ..round.clone()
        };
        settings.report(&Measurement {
            benchmark: "latency",
            case: format!("POST to stored document, {percentile} at {PER_SECOND} a second"),
            unit: "ms",
            baseline_is: "",
            target: Some(Target::Below(limit_ms)),
            rounds: rounds.iter().map(of_percentile).collect(),
        })?;
    }
    Ok(())
}

async fn round(broker: &KafkaBroker, mongo_uri: &str, requests_count: usize) -> Result<Round> {
    let topic = fresh_topic(broker).await?;
    let relay = RelaySettings::new(broker, &topic, &[])?;
    let side = MongoSide::fresh(mongo_uri).await?;
    let inner = Arc::clone(&side.store) as Arc<dyn LinkStore>;
    let expected = u64::try_from(requests_count)?;
    let store = Arc::new(CountingStore::with_moments(Arc::clone(&inner), expected));
    let extractor = Arc::new(SleepingExtractor::new(Timer::Tokio(EXTRACTION), video()));
    let consumer =
        start_ready_consumer(&relay, Arc::clone(&extractor) as _, Arc::clone(&store) as _).await?;
    let (addr, producer) = start_producer(broker, &topic, inner).await?;
    let meter = LoadMeter::start()?;
    let posted = post_all(addr, requests_count).await?;
    let ended = timeout(LIMIT, store.all_acknowledged()).await;
    ended.with_context(|| format!("not all documents came: {store:?}"))?;
    let load = meter.load()?;
    producer.stop().await?;
    consumer.stop().await?;
    side.drop().await?;
    let stored = store.moments();
    let mean_extraction = extractor.mean_sleep();
    let (mut whole, mut answers) = (Vec::new(), Vec::new());
    for (number, moments) in posted.iter().enumerate().skip(WARM_UP_REQUESTS) {
        let stored = stored.get(&link(number)).context("a link without its document")?;
        whole.push(*stored - moments.meant);
        answers.push(moments.answered - moments.meant);
    }
    let without_extraction = whole.iter().map(|took| took.saturating_sub(mean_extraction));
    let details = json!({
        "without_extraction": Percentiles::of(without_extraction),
        "with_extraction": Percentiles::of(whole.iter().copied()),
        "post_to_201": Percentiles::of(answers),
        "mean_extraction_ms": mean_extraction.as_secs_f64() * 1e3,
        "mean_batch": store.mean_batch(),
    });
    Ok(Round { ours: f64::NAN, baseline: None, load, details })
}

/// When a request was to be sent, and when it was answered.
#[derive(Debug, Clone, Copy)]
struct Posted {
    meant: Instant,
    answered: Instant,
}

/// Sends every request at its moment; gives them in order.
async fn post_all(addr: SocketAddr, requests_count: usize) -> Result<Vec<Posted>> {
    let idle = Arc::new(Idle::default());
    let begun = Instant::now();
    let mut requests = Vec::with_capacity(requests_count);
    for number in 0..requests_count {
        let meant = begun + Duration::from_secs_f64(number as f64 / PER_SECOND as f64);
        sleep_until(meant.into()).await;
        let idle = Arc::clone(&idle);
        requests.push(tokio::spawn(async move {
            let answered = post(addr, &idle, number).await?;
            Ok::<Posted, anyhow::Error>(Posted { meant, answered })
        }));
    }
    try_join_all(requests).await?.into_iter().collect()
}

/// Connections that wait for their next request, and since when.
type Idle = Mutex<Vec<(Connection, Instant)>>;

async fn post(addr: SocketAddr, idle: &Idle, number: usize) -> Result<Instant> {
    let kept = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let kept = kept.filter(|(_, since): &(_, Instant)| since.elapsed() < MAX_IDLE);
    let mut connection = match kept {
        Some((connection, _)) => connection,
        None => Connection::open(addr, PATH).await?,
    };
    let mut body = String::new();
    write_body(&mut body, number, 1);
    let answer = connection.post(body.as_bytes()).await?;
    let text = String::from_utf8_lossy(answer.body);
    ensure!(answer.status == 201, "answered {}: {text}", answer.status);
    let answered = Instant::now();
    idle.lock().unwrap_or_else(PoisonError::into_inner).push((connection, answered));
    Ok(answered)
}
