//! From POST to stored document, without the extraction time, at 50 requests a second: producer
//! and consumer on a real broker, with a MongoDB-wire server as the store.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use linkrelay_store::MongoStore;
use linkrelay_testkit::kafka::KafkaBroker;
use linkrelay_testkit::mongo::MongoServer;
use serde_json::json;
use tokio::time::timeout;

use crate::bench::settings::BenchSettings;
use crate::doubles::{CountingStore, SleepingExtractor};
use crate::drain::timer::Timer;
use crate::kafka::{RelaySettings, fresh_topic};
use crate::load::closed_loop::PATH;
use crate::load::connection::Response;
use crate::load::open_loop::{Ended, OpenLoop};
use crate::machine::LoadMeter;
use crate::measurement::{Measurement, Round, Target};
use crate::roles::{start_consumer, start_producer, until_ready};
use crate::sample::{body, link, video};
use crate::stats::Percentiles;
use crate::store::MongoSide;

const PER_SECOND: usize = 50;
/// A page takes some time; what it takes is measured and subtracted.
const EXTRACTION: Duration = Duration::from_millis(100);
/// Requests at the beginning that are sent and not counted.
const WARM_UP_REQUESTS: usize = 100;
const LIMIT: Duration = Duration::from_secs(60);

pub(crate) async fn run(settings: &BenchSettings) -> Result<()> {
    let broker = KafkaBroker::start().await?;
    let mongo = MongoServer::shared().await?;
    let requests_count = WARM_UP_REQUESTS + settings.scaled(1_000);
    let rounds =
        settings.rounds(async |_| round(&broker, mongo.uri(), requests_count).await).await?;
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
    let inner = Arc::clone(&side.store);
    let expected = u64::try_from(requests_count)?;
    let store = Arc::new(CountingStore::with_moments(Arc::<MongoStore>::clone(&inner), expected));
    let extractor = Arc::new(SleepingExtractor::new(Timer::Tokio(EXTRACTION), video()));
    let (health, consumer) =
        start_consumer(&relay, Arc::clone(&extractor) as _, Arc::clone(&store) as _).await?;
    until_ready("the consumer", &health).await?;
    let (addr, producer) = start_producer(broker, &topic, inner, None).await?;
    let meter = LoadMeter::start()?;
    let posted = post_all(addr, requests_count).await?;
    let ended = timeout(LIMIT, store.all_acknowledged()).await;
    ended.with_context(|| format!("not all documents were stored: {store}"))?;
    let load = meter.load()?;
    producer.stop().await?;
    consumer.stop().await?;
    side.drop().await?;
    let stored = store.take_moments();
    let mean_extraction = extractor.mean_sleep();
    let (mut complete, mut answers) = (Vec::new(), Vec::new());
    for Ended { index, meant, took, answer, .. } in posted {
        ensure!(matches!(answer, Ok((201, _))), "request {index}: {answer:?}");
        if index >= WARM_UP_REQUESTS {
            let stored = stored.get(&link(index)).context("a link without its document")?;
            complete.push(*stored - meant.into_std());
            answers.push(took);
        }
    }
    let without_extraction = complete.iter().map(|took| took.saturating_sub(mean_extraction));
    let details = json!({
        "without_extraction": Percentiles::of(without_extraction),
        "with_extraction": Percentiles::of(complete.iter().copied()),
        "post_to_201": Percentiles::of(answers),
        "mean_extraction_ms": mean_extraction.as_secs_f64() * 1e3,
        "mean_batch": store.mean_batch(),
    });
    Ok(Round { ours: f64::NAN, baseline: None, load, details })
}

/// Sends every request at its moment, and returns them with the status and the body of each answer.
async fn post_all(addr: SocketAddr, requests_count: usize) -> Result<Vec<Ended<(u16, String)>>> {
    let request = |number: usize| {
        let moment = Duration::from_secs_f64(number as f64 / PER_SECOND as f64);
        (moment, body(&[link(number)]))
    };
    let requests = (0..requests_count).map(request).collect();
    let open_loop = OpenLoop { addr, path: PATH, requests, client_timeout: LIMIT };
    let read = |response: Response<'_>| {
        (response.status, String::from_utf8_lossy(response.body).into_owned())
    };
    open_loop.run(read).await
}
