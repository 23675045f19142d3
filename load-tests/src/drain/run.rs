//! One consumer that drains one topic.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use linkrelay_common::Video;
use linkrelay_store::LinkStore;
use linkrelay_testkit::kafka::KafkaBroker;

use super::timer::Timer;
use crate::doubles::{CountingStore, SleepingExtractor};
use crate::kafka::{RelaySettings, until_all_committed};
use crate::roles::start_consumer;
use crate::sample::video;

/// A run that takes longer is broken.
const LIMIT: Duration = Duration::from_secs(600);

/// A topic that was drained.
#[derive(Debug)]
pub(crate) struct Drained {
    pub(crate) links_count: usize,
    /// From the beginning of the first extraction to the acknowledgement of the last document.
    pub(crate) took: Duration,
    /// The time before it: the group, and the first fetch.
    pub(crate) until_first: Duration,
    /// The time after it: the last commit.
    pub(crate) until_committed: Duration,
    pub(crate) mean_sleep: Duration,
    pub(crate) mean_batch: f64,
}

impl Drained {
    pub(crate) fn links_per_second(&self) -> f64 {
        self.links_count as f64 / self.took.as_secs_f64()
    }
}

/// Drains a topic with this number of links into `inner`, or only counts the documents, and checks
/// that each link was extracted once and is committed.
pub(crate) async fn drain(
    broker: &KafkaBroker,
    relay: &RelaySettings,
    timer: Timer,
    inner: Option<Arc<dyn LinkStore>>,
    links_count: usize,
) -> Result<Drained> {
    let expected = u64::try_from(links_count)?;
    let (store, video) = match inner {
        Some(inner) => (CountingStore::before(inner, expected), video()),
        // The least that is a video: so that the run measures the pipeline, not the making of videos.
        None => (CountingStore::at_once(expected), Video::titled("A title")),
    };
    let (store, extractor) = (Arc::new(store), Arc::new(SleepingExtractor::new(timer, video)));
    let started = Instant::now();
    let (_, consumer) =
        start_consumer(relay, Arc::clone(&extractor) as _, Arc::clone(&store) as _).await?;
    let ended = tokio::time::timeout(LIMIT, store.all_acknowledged()).await;
    let ended = ended.with_context(|| format!("not drained after {LIMIT:?}: {store}"))?;
    until_all_committed(broker, relay).await?;
    let until_committed = ended.elapsed();
    consumer.stop().await?;
    ensure!(extractor.calls_total() == expected, "{} extractions", extractor.calls_total());
    ensure!(store.acknowledged() == expected, "{store}");
    let first = extractor.first_begun().context("nothing was extracted")?;
    Ok(Drained {
        links_count,
        took: ended - first,
        until_first: first - started,
        until_committed,
        mean_sleep: extractor.mean_sleep(),
        mean_batch: store.mean_batch(),
    })
}
