//! One consumer process of the benchmark: linkrelay's consumer with an extractor that only takes
//! time and a store that acknowledges immediately. It prints how many documents were acknowledged.

use std::fs::OpenOptions;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use jiff::Timestamp;
use linkrelay_common::Video;
use linkrelay_store::LinkStore;
use serde::{Deserialize, Serialize};

use crate::doubles::{CountingStore, SleepingExtractor};
use crate::drain::timer::{Slack, Timer};
use crate::kafka::RelaySettings;
use crate::roles::start_consumer;

const REPORT_INTERVAL: Duration = Duration::from_millis(50);

/// What a worker is started with: the settings of a consumer, and how long an extraction takes.
#[derive(Debug, Clone, clap::Parser)]
#[command(name = "replica", about = "One consumer process of `bench replicas`")]
pub struct Arguments {
    #[command(flatten)]
    relay: RelaySettings,

    /// How long an extraction takes
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    latency: Duration,

    /// A file that gets a line for each link when its document was acknowledged: when, its
    /// partition and its offset
    #[arg(long, value_name = "FILE")]
    done: Option<PathBuf>,
}

/// A line of a worker's output.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Report {
    /// Since the epoch, by this machine's clock.
    pub(crate) at_ms: i64,
    pub(crate) acknowledged: u64,
}

/// Works until it is killed, and prints how many documents were acknowledged, 20 times a second.
///
/// # Errors
/// If the consumer does not start.
pub async fn work(arguments: &Arguments) -> Result<()> {
    let latency = arguments.latency;
    // A peer's threads have the default slack as well.
    let timer =
        if latency.is_zero() { Timer::None } else { Timer::exact(latency, Slack::Default)? };
    let extractor = Arc::new(SleepingExtractor::new(timer, Video::titled("A title")));
    let mut store = CountingStore::at_once(u64::MAX);
    if let Some(path) = &arguments.done {
        store.log_to(OpenOptions::new().create(true).append(true).open(path)?);
    }
    let store = Arc::new(store);
    let stores = Arc::clone(&store) as Arc<dyn LinkStore>;
    let (_, _consumer) = start_consumer(&arguments.relay, extractor, stores).await?;
    let mut interval = tokio::time::interval(REPORT_INTERVAL);
    loop {
        interval.tick().await;
        let report =
            Report { at_ms: Timestamp::now().as_millisecond(), acknowledged: store.acknowledged() };
        println!("{}", serde_json::to_string(&report)?);
    }
}
