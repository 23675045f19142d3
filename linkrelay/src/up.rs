//! `linkrelay up`: every role in one process.
//!
//! It maps its few options to the normal settings of each role, starts the roles, and stops them in
//! order: the producer first, so that the consumers can still take the links that it accepted.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use linkrelay_common::metrics::ProcessRoles;
use linkrelay_common::service_manager::ServiceManager;
use linkrelay_common::{hangup, metrics, shutdown};
use linkrelay_consumer::{
    Beats, Consumer, ConsumerParts, PipelineSettings, PostLinksSettings, ServerSettings,
};
use linkrelay_embedded::{Embedded, Replays};
use linkrelay_extractor::ThumbnailServer;
use linkrelay_extractor::config::ExtractorSettings;
use linkrelay_fake_youtube::{FakeYouTube, FakeYouTubeSettings};
use linkrelay_http::MetricsSettings;
use linkrelay_http::keys::{Access, KeySettings, KeyText};
use linkrelay_kafka::{GroupSettings, KafkaSettings};
use linkrelay_producer::dlq::Publisher;
use linkrelay_producer::{ApiSettings, Producer, ProducerSettings};
use linkrelay_store::settings::StoreSettings;
use linkrelay_store::{SqliteStore, Store};
use linkrelay_telemetry::{LogFormat, LogSettings, TraceSettings};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::SERVICE;
use crate::exit::Outcome;

/// The settings of all roles.
#[derive(Debug, Args)]
pub(crate) struct UpSettings {
    /// Answer from a built-in fake YouTube, to try everything without a network
    #[arg(long)]
    pub(crate) demo: bool,

    /// How many consumers to run
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) consumers: u16,

    /// The address of the extractor server (`POST /links`) and of the consumers' health checks
    #[arg(long, env = "EXTRACTOR_ADDR", default_value = "127.0.0.1:5000")]
    pub(crate) extractor_addr: SocketAddr,

    /// Use DATA_DIR although `linkrelay migrate` has moved it; its pending links are also done here
    #[arg(long)]
    pub(crate) despite_migration: bool,

    #[command(flatten)]
    pub(crate) api: ApiSettings,

    #[command(flatten)]
    pub(crate) kafka: KafkaSettings,

    #[command(flatten)]
    pub(crate) group: GroupSettings,

    #[command(flatten)]
    pub(crate) extractor: ExtractorSettings,

    #[command(flatten)]
    pub(crate) store: StoreSettings,

    #[command(flatten)]
    pub(crate) pipeline: PipelineSettings,

    #[command(flatten)]
    pub(crate) post_links: PostLinksSettings,

    #[command(flatten)]
    pub(crate) keys: KeySettings,

    #[command(flatten)]
    pub(crate) metrics: MetricsSettings,

    #[command(flatten)]
    pub(crate) traces: TraceSettings,
}

/// What the roles use, and what is dropped after them.
struct Ground {
    kafka: KafkaSettings,
    store: Arc<dyn Store>,
    /// The embedded mode, if KAFKA_BROKERS is not set.
    embedded: Option<Embedded>,
    extractor: ExtractorSettings,
    fake: Option<FakeYouTube>,
}

pub(crate) async fn run(mut settings: UpSettings, log: LogSettings) -> anyhow::Result<Outcome> {
    let stop = shutdown::on_signal().context("signals cannot be received")?;
    hangup::listen().context("SIGHUP cannot be received")?;
    metrics::start(ProcessRoles::Up).context("nothing can be counted")?;
    let log_format = log.log_format;
    let mut api = settings.api.clone();
    let access = settings.keys.access_needed_at("HTTP_ADDR", api.http_addr)?;
    settings.keys.access_needed_at("EXTRACTOR_ADDR", settings.extractor_addr)?;
    let needs_key = matches!(access, Access::Keys(_));
    let traces = settings.traces.start(SERVICE)?;
    let ground = prepare(&settings).await?;
    let own_key = KeyText::generate();
    settings.keys.own = Some(own_key.clone());
    let consumers = build_consumers(&settings, &ground).await?;
    if api.extractor_url.is_none() {
        let own = consumers.first().and_then(Consumer::http_addr);
        api.extractor_url = own.map(|addr| format!("http://{addr}").parse()).transpose()?;
        api.extractor_api_key = Some(own_key.expose().into());
    }
    api.expand_lists.get_or_insert_with(|| ground.extractor.has_api_key());
    let drain_timeout =
        settings.pipeline.drain_timeout.max(api.request_timeout).max(api.wait_timeout);
    // The consumers drain after the producer.
    let stop_timeout = drain_timeout + settings.pipeline.drain_timeout;
    let producer_settings = ProducerSettings {
        drain_timeout,
        api,
        store: settings.store,
        kafka: ground.kafka.clone(),
        group: settings.group.clone(),
        thumbnail_server: ThumbnailServer::from(&ground.extractor),
        keys: KeySettings { own: None, ..settings.keys },
        metrics: settings.metrics,
        log,
        traces: settings.traces,
    };
    let producer = match &ground.embedded {
        Some(embedded) => embedded.producer(producer_settings).await?,
        None => Producer::build(producer_settings, Arc::clone(&ground.store)).await?,
    };
    announce(&producer, &ground, settings.consumers);
    if log_format == LogFormat::Text {
        print_first_steps(producer.addr(), needs_key)?;
    }
    let replays = ground.replays()?;
    let roles = consumers.iter().map(Consumer::health).chain([producer.health()]).collect();
    let manager = ServiceManager::start(roles, stop.clone(), stop_timeout);
    let ended = run_roles(producer, consumers, replays, stop).await;
    if let Some(fake) = ground.fake {
        fake.stop().await;
    }
    drop(ground.embedded);
    traces.end().await;
    manager.end().await;
    ended.map(|()| Outcome::Done)
}

async fn build_consumers(settings: &UpSettings, ground: &Ground) -> anyhow::Result<Vec<Consumer>> {
    let extractor = ground.extractor.build()?;
    let server = ServerSettings {
        http_addr: settings.extractor_addr,
        addr_setting: "EXTRACTOR_ADDR",
        intake: settings.api.intake.clone(),
        connections: settings.api.clients.connections.clone(),
        post_links: settings.post_links.clone(),
        keys: settings.keys.clone(),
        // Those of the process are the producer's.
        metrics: MetricsSettings { is_served_elsewhere: true, ..settings.metrics },
    };
    let publishing = ground.embedded.as_ref().map(Embedded::publishing).transpose()?;
    let mut consumers = Vec::new();
    for number in 0..settings.consumers {
        let parts = ConsumerParts {
            kafka: ground.kafka.clone(),
            group: settings.group.clone(),
            pipeline: settings.pipeline.clone(),
            // The process has one address, so one health check reports all of its consumers.
            server: (number == 0).then(|| server.clone()),
            extractor: Arc::clone(&extractor),
            store: Arc::<dyn Store>::clone(&ground.store),
            videos: Some(Arc::<dyn Store>::clone(&ground.store)),
            search_index: Some(Arc::<dyn Store>::clone(&ground.store)),
            max_links_per_record: settings.api.intake.max_links_per_request,
            publishing: publishing.clone(),
            beats: Some(Beats {
                store: Arc::<dyn Store>::clone(&ground.store),
                interval: settings.store.heartbeat_interval,
            }),
        };
        consumers.push(Consumer::from_parts(parts).await?);
    }
    Ok(consumers)
}

async fn prepare(settings: &UpSettings) -> anyhow::Result<Ground> {
    if settings.despite_migration {
        let path = settings.store.sqlite_path();
        let reopened = tokio::task::block_in_place(|| SqliteStore::reopen(&path));
        reopened.with_context(|| format!("{}", path.display()))?;
    }
    let embedded = match settings.kafka.kafka_brokers {
        Some(_) => None,
        None => {
            if let Some(topic) = settings.kafka.results_topic() {
                tracing::warn!(
                    topic,
                    "KAFKA_RESULTS_TOPIC has no effect without KAFKA_BROKERS: the embedded broker \
                     has no topic of results"
                );
            }
            Some(Embedded::start(&settings.kafka, &settings.store, settings.pipeline.expand_limit)?)
        }
    };
    let (kafka, store) = match &embedded {
        Some(embedded) => (embedded.kafka().clone(), embedded.store()),
        None => (settings.kafka.clone(), settings.store.open()?),
    };
    let mut extractor = settings.extractor.clone();
    let fake = if settings.demo { Some(start_demo(&settings.store.data_dir).await?) } else { None };
    if let Some(fake) = &fake {
        extractor.youtube_base_url = Some(fake.base_url());
        extractor.youtube_ca_cert = Some(PathBuf::from(fake.ca_cert_path()));
        // The fake accepts any key, so playlists can also be tried.
        extractor.youtube_api_key.get_or_insert_with(|| "demo".into());
    }
    Ok(Ground { kafka, store, embedded, extractor, fake })
}

/// The fake YouTube of `--demo`. Its certificate is in DATA_DIR, the one folder that a container may
/// be able to write.
async fn start_demo(data_dir: &Path) -> anyhow::Result<FakeYouTube> {
    let made = std::fs::create_dir_all(data_dir);
    made.with_context(|| format!("DATA_DIR: cannot make {}", data_dir.display()))?;
    let ca_file = Some(data_dir.join("demo-youtube.pem"));
    FakeYouTube::start(FakeYouTubeSettings { ca_file, ..FakeYouTubeSettings::default() }).await
}

impl Ground {
    /// Returns the task that replays dead letters in the embedded mode, where they are rows.
    fn replays(&self) -> anyhow::Result<Option<Replays>> {
        let Some(embedded) = &self.embedded else { return Ok(None) };
        let publisher = tokio::task::block_in_place(|| Publisher::connect(&self.kafka))?;
        Ok(Some(embedded.replays(publisher)))
    }
}

fn announce(producer: &Producer, ground: &Ground, consumers: u16) {
    let broker = if ground.embedded.is_some() { "embedded" } else { ground.kafka.brokers() };
    let youtube = if ground.fake.is_some() { "fake (--demo)" } else { "real" };
    tracing::info!(consumers, broker, youtube, "linkrelay is up on http://{}", producer.addr());
}

/// What a newcomer may try next.
fn print_first_steps(addr: SocketAddr, needs_key: bool) -> io::Result<()> {
    let url = format!("http://{addr}");
    let key = if needs_key { " -H \"X-API-Key: $LINKRELAY_API_KEY\"" } else { "" };
    writeln!(
        io::stdout(),
        "linkrelay is up on {url}. Open that in a browser, or submit a link:\n\
         \n  curl -sS {url}/links/send-message-kafka{key} -H 'content-type: application/json' \\\n    \
         -d '{{\"links\":\"https://youtu.be/5fR9AHlSDtc\"}}'\n\
         \nThe answer has an id. See its status:\n\
         \n  curl -sS{key} {url}/links/<id>\n\
         \nCtrl-C finishes what is in flight, and ends.\n"
    )
}

/// Runs until stopped, or until one role ends unexpectedly, which stops all others.
async fn run_roles(
    producer: Producer,
    consumers: Vec<Consumer>,
    replays: Option<Replays>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let consumers_stop = CancellationToken::new();
    let mut roles = JoinSet::new();
    if let Some(replays) = replays {
        let stop = consumers_stop.clone();
        roles.spawn(async move {
            replays.run(stop).await;
            Ok(())
        });
    }
    for consumer in consumers {
        let ended = consumer.run_until_stopped(consumers_stop.clone());
        roles.spawn(async { ended.await.context("a consumer ended") });
    }
    let (consumers_told, all_told) = (consumers_stop.clone(), stop.clone());
    roles.spawn(async move {
        let ended = producer.run_until_stopped(all_told).await.context("the producer ended");
        // Only now are all accepted links in the broker, where the consumers find them.
        consumers_told.cancel();
        ended
    });
    let mut first_error = Ok(());
    while let Some(ended) = roles.join_next().await {
        let ended = ended.context("a role panicked").and_then(|ended| ended);
        if ended.is_err() {
            stop.cancel();
            first_error = first_error.and(ended);
        }
    }
    first_error
}
