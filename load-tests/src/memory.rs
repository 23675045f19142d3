//! The memory of a consumer while many records wait for it, and how soon it begins. The consumer is
//! a process, the linkrelay-consumer binary, and reads from the fake YouTube.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use linkrelay_fake_youtube::{FakeYouTube, FakeYouTubeSettings};
use linkrelay_store::LinkStore as _;
use linkrelay_store::mongo::MongoStore;
use linkrelay_testkit::kafka::KafkaBroker;
use linkrelay_testkit::mongo::MongoServer;
use linkrelay_testkit::site::{Role, Site};
use linkrelay_testkit::wait::{SHORT, wait_for};
use secrecy::SecretString;
use serde_json::json;

use crate::bench::settings::BenchSettings;
use crate::kafka::{PARTITIONS, write_links};
use crate::machine::{LoadMeter, resident_bytes};
use crate::many_videos;
use crate::measurement::{Measurement, Round, Target};
use crate::stats::median;

const LAG: usize = 1_000_000;
const LATENCY: Duration = Duration::from_millis(50);
const SAMPLE_INTERVAL: Duration = Duration::from_millis(500);
const LIMIT: Duration = Duration::from_secs(60);
const SEED: u64 = 20;
/// The size of YouTube's own pages.
const PAGE_BYTES: usize = 1_000_000;

/// A consumer that starts before a topic that is full.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MemoryCase {
    pub(crate) name: &'static str,
    pub(crate) lag: usize,
    /// The documents that its store has from before.
    pub(crate) documents: usize,
    pub(crate) page_bytes: usize,
    /// Over HTTP/2 and in gzip. Over HTTP/1.1, each connection has a buffer of up to a page.
    pub(crate) is_as_youtube: bool,
    /// The store no longer answers, so that everything that can fill up does.
    pub(crate) is_store_hanging: bool,
    pub(crate) watched_for: Duration,
}

pub(crate) async fn run(settings: &BenchSettings) -> Result<()> {
    let base = MemoryCase {
        name: "small pages",
        lag: settings.scaled(LAG),
        documents: 0,
        page_bytes: 0,
        is_as_youtube: false,
        is_store_hanging: false,
        watched_for: Duration::from_secs(settings.scaled(90) as u64),
    };
    let cases = [
        base,
        MemoryCase { name: "pages of 1 MB", page_bytes: PAGE_BYTES, ..base },
        MemoryCase {
            name: "pages of 1 MB by HTTP/2 in gzip",
            page_bytes: PAGE_BYTES,
            is_as_youtube: true,
            ..base
        },
        MemoryCase { name: "a store that hangs", is_store_hanging: true, ..base },
    ];
    for case in cases.iter().filter(|case| settings.includes(case.name)) {
        let rounds = settings.rounds(async |_| Ok(round(*case).await?.0)).await?;
        settings.report(&Measurement {
            benchmark: "memory",
            case: format!("lag of {}, {}", case.lag, case.name),
            unit: "MiB at most",
            baseline_is: "",
            target: Some(Target::Below(150.0)),
            rounds,
        })?;
    }
    Ok(())
}

/// Returns the memory at most, and the time from the start of the process to its first request to
/// YouTube.
pub(crate) async fn round(case: MemoryCase) -> Result<(Round, Duration)> {
    let youtube = FakeYouTubeSettings {
        latency: LATENCY,
        page_bytes: case.page_bytes,
        gzip: case.is_as_youtube,
        http2: case.is_as_youtube,
        ..FakeYouTubeSettings::default()
    };
    // Not the shared store, because it is paused.
    let (broker, mongo) = tokio::try_join!(KafkaBroker::start(), MongoServer::start())?;
    let mut site = Site::start(broker, mongo, youtube).await?;
    site.create_topics(PARTITIONS).await?;
    write_links(&site.broker, &site.topic, case.lag).await?;
    if case.documents > 0 {
        fill_store(&site, case.documents).await?;
    }
    let consumer = site.role("consumer", "linkrelay-consumer")?;
    let mut consumer = consumer.envs([("EXTRACTORS", "watch_page")]);
    let started = Instant::now();
    consumer.start()?;
    until_asked(&site.fake, 1, &mut consumer).await?;
    let first_link = started.elapsed();
    until_asked(&site.fake, 1_000, &mut consumer).await?;
    if case.is_store_hanging {
        site.mongo.pause()?;
    }
    let hits_before = site.fake.hits().total;
    let meter = LoadMeter::start()?;
    let resident_mib = watch(&mut consumer, case.watched_for).await?;
    let (load, lag) = (meter.load()?, site.lag().await?);
    let asked = site.fake.hits().total - hits_before;
    drop(consumer);
    site.fake.stop().await;
    ensure!(lag > 0, "the topic was drained: nothing was measured");
    // The first third is the start.
    let third = resident_mib.len() / 3;
    let (early, late) = (&resident_mib[third..2 * third], &resident_mib[2 * third..]);
    let details = json!({
        "seconds": case.watched_for.as_secs(),
        "documents_before": case.documents,
        "first_link_seconds": first_link.as_secs_f64(),
        "mib_in_the_second_third": median(early).round(),
        "mib_in_the_last_third": median(late).round(),
        "lag_at_the_end": lag,
        "links_a_second": asked as f64 / case.watched_for.as_secs_f64(),
        "every_five_seconds_mib": resident_mib.iter().step_by(10).map(|mib| mib.round()).collect::<Vec<_>>(),
    });
    let ours = resident_mib.iter().copied().fold(0.0, f64::max);
    Ok((Round { ours, baseline: None, load, details }, first_link))
}

/// Writes documents of other links to the store that the consumer will have.
async fn fill_store(site: &Site<KafkaBroker, MongoServer>, count: usize) -> Result<()> {
    let uri = SecretString::from(site.mongo.uri().to_owned());
    let names = (site.documents.name(), site.videos.name());
    let store = Arc::new(MongoStore::new(&uri, &site.database, names.0, names.1)?);
    store.ensure_schema().await?;
    many_videos::write_to(&store, SEED, count).await.map(drop)
}

async fn until_asked(youtube: &FakeYouTube, count: u64, consumer: &mut Role) -> Result<()> {
    let what = format!("{count} requests to YouTube");
    wait_for(&what, LIMIT, SHORT, async || {
        if let Err(ended) = ensure_running(consumer) {
            return Ok(Err(ended));
        }
        let hits = youtube.hits().total;
        if hits >= count { Ok(Ok(())) } else { Err(format!("{hits}")) }
    })
    .await?
}

fn ensure_running(consumer: &mut Role) -> Result<()> {
    consumer.process_mut()?.ensure_running().context("the consumer ended")
}

async fn watch(consumer: &mut Role, watched_for: Duration) -> Result<Vec<f64>> {
    let ends = Instant::now() + watched_for;
    let mut interval = tokio::time::interval(SAMPLE_INTERVAL);
    let mut resident_mib = Vec::new();
    while Instant::now() < ends {
        interval.tick().await;
        ensure_running(consumer)?;
        resident_mib.push(resident_bytes(consumer.process()?.pid())? as f64 / (1_024.0 * 1_024.0));
    }
    Ok(resident_mib)
}
