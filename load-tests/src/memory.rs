//! The memory of a consumer while a million records wait for it. The consumer is a process, the
//! linkrelay-consumer binary, and reads from the fake YouTube.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use linkrelay_fake_youtube::{FakeYouTube, FakeYouTubeSettings};
use linkrelay_testkit::kafka::KafkaBroker;
use linkrelay_testkit::mongo::MongoServer;
use linkrelay_testkit::site::{Role, Site};
use linkrelay_testkit::wait::{SHORT, wait_for};
use serde_json::json;

use crate::bench::settings::BenchSettings;
use crate::kafka::{PARTITIONS, write_links};
use crate::machine::{LoadMeter, resident_bytes};
use crate::measurement::{Measurement, Round, Target};
use crate::stats::median;

const LAG: usize = 1_000_000;
const LATENCY: Duration = Duration::from_millis(50);
const SAMPLE_INTERVAL: Duration = Duration::from_millis(500);
const LIMIT: Duration = Duration::from_secs(60);
/// The size of YouTube's own pages.
const PAGE_BYTES: usize = 1_000_000;

#[derive(Debug, Clone, Copy)]
struct MemoryCase {
    name: &'static str,
    page_bytes: usize,
    /// The store no longer answers, so that everything that can fill up does.
    is_store_hanging: bool,
}

const CASES: [MemoryCase; 3] = [
    MemoryCase { name: "small pages", page_bytes: 0, is_store_hanging: false },
    MemoryCase { name: "pages of 1 MB", page_bytes: PAGE_BYTES, is_store_hanging: false },
    MemoryCase { name: "a store that hangs", page_bytes: 0, is_store_hanging: true },
];

pub(crate) async fn run(settings: &BenchSettings) -> Result<()> {
    for case in CASES.iter().filter(|case| settings.includes(case.name)) {
        let round = round(*case, settings).await?;
        settings.report(&Measurement {
            benchmark: "memory",
            case: format!("lag of {}, {}", settings.scaled(LAG), case.name),
            unit: "MiB at most",
            baseline_is: "",
            target: Some(Target::Below(150.0)),
            rounds: vec![round],
        })?;
    }
    Ok(())
}

async fn round(case: MemoryCase, settings: &BenchSettings) -> Result<Round> {
    let youtube = FakeYouTubeSettings {
        latency: LATENCY,
        page_bytes: case.page_bytes,
        ..FakeYouTubeSettings::default()
    };
    // Not the shared store, because it is paused.
    let (broker, mongo) = tokio::try_join!(KafkaBroker::start(), MongoServer::start())?;
    let mut site = Site::start(broker, mongo, youtube).await?;
    site.create_topics(PARTITIONS).await?;
    write_links(&site.broker, &site.topic, settings.scaled(LAG)).await?;
    let consumer = site.role("consumer", "linkrelay-consumer")?;
    let mut consumer = consumer.envs([("EXTRACTORS", "watch_page")]);
    consumer.start()?;
    until_working(&site.fake, &mut consumer).await?;
    if case.is_store_hanging {
        site.mongo.pause()?;
    }
    let hits_before = site.fake.hits().total;
    let (meter, watched_for) =
        (LoadMeter::start()?, Duration::from_secs(settings.scaled(90) as u64));
    let resident_mib = watch(&mut consumer, watched_for).await?;
    let (load, lag) = (meter.load()?, site.lag().await?);
    let asked = site.fake.hits().total - hits_before;
    drop(consumer);
    site.fake.stop().await;
    ensure!(lag > 0, "the topic was drained: nothing was measured");
    // The first third is the start.
    let third = resident_mib.len() / 3;
    let (early, late) = (&resident_mib[third..2 * third], &resident_mib[2 * third..]);
    let details = json!({
        "seconds": watched_for.as_secs(),
        "mib_in_the_second_third": median(early).round(),
        "mib_in_the_last_third": median(late).round(),
        "lag_at_the_end": lag,
        "links_a_second": asked as f64 / watched_for.as_secs_f64(),
        "every_five_seconds_mib": resident_mib.iter().step_by(10).map(|mib| mib.round()).collect::<Vec<_>>(),
    });
    Ok(Round {
        ours: resident_mib.iter().copied().fold(0.0, f64::max),
        baseline: None,
        load,
        details,
    })
}

async fn until_working(youtube: &FakeYouTube, consumer: &mut Role) -> Result<()> {
    wait_for("the first thousand links", LIMIT, SHORT, async || {
        if let Err(ended) = ensure_running(consumer) {
            return Ok(Err(ended));
        }
        let hits = youtube.hits().total;
        if hits >= 1_000 { Ok(Ok(())) } else { Err(format!("{hits}")) }
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
