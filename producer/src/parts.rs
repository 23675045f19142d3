//! Starts the parts of the role that look at the deployment, and fetch thumbnails; each has its task in
//! the background.

use std::sync::Arc;

use linkrelay_extractor::ThumbnailClient;
use linkrelay_store::Store;
use linkrelay_store::processes::{Heartbeat, ProcessIdentity, ProcessRole};
use tokio_util::sync::CancellationToken;

use crate::background::Background;
use crate::config::ProducerSettings;
use crate::history::{History, Sampler};
use crate::lag::LagReading;
use crate::rates::Rates;
use crate::thumbnails::Thumbnails;

/// Starts the heartbeat of this role, and the history of all.
pub(crate) fn heartbeat_and_history(
    settings: &ProducerSettings,
    store: &Arc<dyn Store>,
    rates: &Rates,
    http_addr: String,
    background: &mut Background,
) -> History {
    let identity = ProcessIdentity::new(ProcessRole::Producer, None);
    let heartbeat = Heartbeat {
        store: Arc::<dyn Store>::clone(store),
        identity: identity.clone(),
        interval: settings.store.heartbeat_interval,
    };
    let mut beats = rates.reader();
    let figures = move |since_last| beats.beat(since_last, http_addr.clone());
    background.spawn("heartbeat", heartbeat.run(figures, background.stop_token()));
    let history = History::new();
    let sampler = Sampler::new(Arc::clone(store), rates.reader(), identity);
    background.spawn("history", history.clone().keep(sampler, background.stop_token()));
    history
}

/// Makes what reads the lag, until `stop`.
pub(crate) fn lag(
    settings: &ProducerSettings,
    stop: &CancellationToken,
    background: &mut Background,
) -> LagReading {
    let (kafka, group) = (settings.kafka.clone(), settings.group.clone());
    let lag = LagReading::new(kafka, group, settings.api.request_timeout, stop.clone());
    background.spawn("lag", lag.ended());
    lag
}

/// Makes what fetches thumbnails with this client, until `stop`; without one, nothing is fetched.
pub(crate) fn thumbnails(
    settings: &ProducerSettings,
    client: Option<ThumbnailClient>,
    stop: &CancellationToken,
    background: &mut Background,
) -> Thumbnails {
    let folder = settings.store.data_dir.join("thumbnails");
    let max_bytes = settings.api.thumbnail_cache_bytes;
    let thumbnails = client.map_or_else(Thumbnails::off, |client| {
        Thumbnails::new(client, &folder, max_bytes, stop.clone())
    });
    background.spawn("thumbnails", thumbnails.ended(stop.clone()));
    thumbnails
}
