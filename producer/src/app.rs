//! The role as an object: it is built, tells its address, runs and stops.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use linkrelay_common::SettingsError;
use linkrelay_common::health::{Health, Part};
use linkrelay_extractor::ThumbnailClient;
use linkrelay_http::client::ClientLimits;
use linkrelay_http::intake::IntakeSettings;
use linkrelay_http::keys::{self, Access};
use linkrelay_http::{
    AroundLayer, ListenError, MetricsListener, ServeSettings, health_routes, layers, listen,
    metrics_route, serve,
};
use linkrelay_kafka::publish::KafkaPublisher;
use linkrelay_store::{Store, supervise};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::accept::{Accept, TopicAccept};
use crate::background::Background;
use crate::client_slots::ClientSlots;
use crate::config::{ApiSettings, ProducerSettings};
use crate::dlq::LetterSource;
use crate::dlq::jobs::ReplayJobs;
use crate::dlq::listing::Listing;
use crate::events::Hub;
use crate::export::Exports;
use crate::forward::ExtractorServer;
use crate::openapi::openapi;
use crate::parts;
use crate::rates::Rates;
use crate::requests::RequestLog;
use crate::routes::{self, Served};
use crate::state::AppState;
use crate::stats::StatsCache;

/// The time for the last records and tasks, even if the requests have used up the drain time-out.
const LAST_MOMENT: Duration = Duration::from_secs(1);

/// Why the role could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting is wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The role cannot listen on its address.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The operating system does not say on which port the role listens.
    #[error("the listening socket is broken: {0}")]
    Socket(#[from] io::Error),
}

/// A part of the role ended although it was not stopped: a defect, after which the process should
/// be started again.
#[derive(Debug, thiserror::Error)]
#[error("the producer's {name} ended unexpectedly")]
pub struct PartDied {
    /// The name of the part.
    pub name: &'static str,
}

/// The role, bound to its address and not yet serving.
#[derive(Debug)]
pub struct Producer {
    listener: TcpListener,
    metrics: Option<MetricsListener>,
    access: Access,
    addr: SocketAddr,
    settings: ProducerSettings,
    store: Arc<dyn Store>,
    store_part: Part,
    accept: Box<dyn Accept>,
    extractor_server: ExtractorServer,
    letters: LetterSource,
    thumbnails: Option<ThumbnailClient>,
    health: Health,
}

impl Producer {
    /// Binds the address and makes the Kafka client. Broker and store need not be reachable yet.
    ///
    /// # Errors
    /// [`StartError`] if a setting is wrong or the address cannot be used; it names the setting.
    pub async fn build(
        settings: ProducerSettings,
        store: Arc<dyn Store>,
    ) -> Result<Self, StartError> {
        settings.validate()?;
        let publisher = KafkaPublisher::new(&settings.kafka, settings.delivery_timeout())?;
        let health = Health::default();
        let timeout = settings.api.request_timeout;
        let accept = TopicAccept::new(Arc::new(publisher), timeout, &health);
        Self::build_with(settings, store, Box::new(accept), health).await
    }

    /// Like [`Producer::build`], with another [`Accept`], whose parts are in `health`.
    ///
    /// # Errors
    /// As for [`Producer::build`].
    pub async fn build_with(
        settings: ProducerSettings,
        store: Arc<dyn Store>,
        accept: Box<dyn Accept>,
        health: Health,
    ) -> Result<Self, StartError> {
        settings.validate()?;
        let access = settings.access()?;
        let extractor_server = settings.api.extractor_server()?;
        let thumbnails = settings.thumbnail_client()?;
        let metrics = settings.metrics.listen().await?;
        let listener = listen("HTTP_ADDR", settings.api.http_addr).await?;
        let addr = listener.local_addr()?;
        let store_part = health.part("store");
        let letters = LetterSource::Topic(settings.kafka.clone());
        Ok(Self {
            listener,
            metrics,
            access,
            addr,
            settings,
            store,
            store_part,
            accept,
            extractor_server,
            letters,
            thumbnails,
            health,
        })
    }

    /// Sets where dead letters are; without it, they are in their topic.
    #[must_use]
    pub fn with_letters(self, letters: LetterSource) -> Self {
        Self { letters, ..self }
    }

    /// Returns the address, with the real port if port 0 was set.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Returns the health of the role's parts.
    pub fn health(&self) -> Health {
        self.health.clone()
    }

    /// Serves until `stop` is cancelled. Then the role is not ready, accepts no new connections,
    /// finishes the requests in flight and awaits the acknowledgements of their records, all within
    /// `DRAIN_TIMEOUT`. It logs what is not finished by then.
    ///
    /// # Errors
    /// [`PartDied`] if a part ended unexpectedly; the other parts were stopped in the same order.
    pub async fn run_until_stopped(self, stop: CancellationToken) -> Result<(), PartDied> {
        let drain_timeout = self.settings.drain_timeout;
        let accepting = CancellationToken::new();
        let mut running = self.start(accepting.clone());
        let died = tokio::select! {
            () = stop.cancelled() => None,
            name = running.background.next_ended() => Some(PartDied { name }),
        };
        if let Some(died) = &died {
            tracing::error!("{died}: stopping");
        }
        running.health.stopping();
        accepting.cancel();
        running.drain(Instant::now() + drain_timeout).await;
        died.map_or(Ok(()), Err)
    }

    /// Starts the server and the background tasks.
    fn start(self, stop_accepting: CancellationToken) -> RunningProducer {
        let Self {
            listener, metrics, access, settings, store, mut accept, letters, health, ..
        } = self;
        let mut background = Background::default();
        accept.start(&mut background);
        let stop = background.stop_token();
        background.spawn(
            "store watch",
            supervise(Arc::<dyn Store>::clone(&store), self.store_part, stop),
        );
        let accept: Arc<dyn Accept> = Arc::from(accept);
        let api = &settings.api;
        let events = Hub::new(
            Arc::<dyn Store>::clone(&store),
            api.request_timeout,
            api.max_event_streams,
            stop_accepting.clone(),
        );
        background.spawn("events", events.ended());
        let requests = RequestLog::start(Arc::<dyn Store>::clone(&store), &mut background);
        let (rates, http_addr) = (Rates::default(), self.addr.to_string());
        let history =
            parts::heartbeat_and_history(&settings, &store, &rates, http_addr, &mut background);
        let replays = ReplayJobs::new(letters.clone(), Arc::clone(&store), stop_accepting.clone());
        background.spawn("replays", replays.ended());
        let group = settings.group.clone();
        let letters = Listing::new(letters, group.clone(), Arc::clone(&store), api.request_timeout);
        let lag = parts::lag(&settings, &stop_accepting, &mut background);
        let thumbnails =
            parts::thumbnails(&settings, self.thumbnails, &stop_accepting, &mut background);
        let exports = Exports::new(
            Arc::<dyn Store>::clone(&store),
            api.request_timeout,
            api.max_exports,
            stop_accepting.clone(),
        );
        let stats = StatsCache::new(Arc::<dyn Store>::clone(&store), stop_accepting.clone());
        background.spawn("statistics", stats.ended());
        let state = AppState {
            letters,
            replays,
            group,
            accept: Arc::clone(&accept),
            extractor_server: self.extractor_server,
            store,
            requests,
            events,
            exports,
            stats,
            history,
            lag,
            thumbnails,
            client_slots: ClientSlots::new(api),
            intake: api.intake.clone(),
            takes_lists: api.expand_lists.unwrap_or(false),
            store_timeout: api.request_timeout,
            max_wait: api.wait_timeout,
            access: access.clone(),
            session_duration: api.session_duration,
            stopping: stop_accepting.clone(),
        };
        let admission = admission(&settings, &access);
        let clients = Arc::clone(&admission.clients);
        let router = router(&settings, admission, state, &health).layer(AroundLayer(rates));
        let serve_settings = ServeSettings {
            clients,
            header_read_timeout: api.intake.header_read_timeout,
            keep_alive_timeout: api.intake.keep_alive_timeout,
            drain_timeout: settings.drain_timeout,
        };
        start_beside(&settings, &access, metrics, serve_settings.clone(), &mut background);
        log_without_effect(&settings.api, self.addr, &access);
        log_address(self.addr, &access);
        let serving = tokio::spawn(serve(listener, router, serve_settings, stop_accepting));
        // Weak: its drop blocks, and belongs to the end of the drain.
        let publisher = Arc::downgrade(&accept);
        health.serves(move || publisher.upgrade().is_none_or(|it| it.fatal_error().is_none()));
        RunningProducer { serving, background, accept, health }
    }
}

/// What has to be ended in order.
struct RunningProducer {
    /// Returns how many connections it aborted.
    serving: JoinHandle<usize>,
    background: Background,
    accept: Arc<dyn Accept>,
    health: Health,
}

impl RunningProducer {
    /// Ends the requests first, then the records that they sent, then the background tasks.
    async fn drain(self, deadline: Instant) {
        // `serve` has the same deadline.
        let aborted_count = self.serving.await.unwrap_or_default();
        let deadline = deadline.max(Instant::now() + LAST_MOMENT);
        let unacked_count = self.accept.drain(deadline).await;
        self.background.stop(deadline.max(Instant::now() + LAST_MOMENT)).await;
        report_drain(aborted_count, unacked_count);
        // Joins librdkafka's threads, which blocks.
        let accept = self.accept;
        tokio::task::spawn_blocking(move || drop(accept)).await.ok();
    }
}

fn admission(settings: &ProducerSettings, access: &Access) -> layers::Admission {
    let api = &settings.api;
    let IntakeSettings { max_concurrent_requests, client_slots_percent, .. } = api.intake;
    layers::Admission {
        clients: ClientLimits::new(&api.clients, max_concurrent_requests, client_slots_percent),
        hosts: api.intake.allowed_hosts.clone(),
        origins: api.cors_origins.clone(),
        access: access.clone(),
    }
}

fn router(
    settings: &ProducerSettings,
    admission: layers::Admission,
    state: AppState,
    health: &Health,
) -> axum::Router {
    let (api, access) = (&settings.api, &admission.access);
    let health = health_routes(health.clone());
    // A client may wait for documents after the broker has acknowledged its links.
    let longest_wait = api.request_timeout + api.wait_timeout;
    let limits = layers::Limits {
        max_concurrent_requests: api.intake.max_concurrent_requests,
        request_timeout: api.intake.body_read_timeout + longest_wait + LAST_MOMENT,
    };
    let state = Arc::new(state);
    let streams = routes::streams(access).with_state(Arc::clone(&state));
    let mut exempt = health;
    if settings.metrics.is_beside_health() {
        exempt = exempt.merge(metrics_route());
    }
    let document = Arc::new(Served::new(&openapi(access, &settings.metrics)));
    let limited = routes::limited(access).with_state(state).layer(Extension(document));
    let routes =
        layers::Routes { limited: limited.into(), streams: streams.into(), exempt: exempt.into() };
    layers::stack(routes, limits, admission)
}

/// Starts what belongs to the server and is not on its address.
fn start_beside(
    settings: &ProducerSettings,
    access: &Access,
    metrics: Option<MetricsListener>,
    serve_settings: ServeSettings,
    background: &mut Background,
) {
    let stop = background.stop_token();
    if let Some(watch) = keys::watch(access, settings.keys.key_file(), stop.clone()) {
        background.spawn("API keys", watch);
    }
    if let Some(metrics) = metrics {
        background.spawn("metrics", metrics.serve(serve_settings, stop));
    }
}

/// A setting of who may come in that changes nothing is a misunderstanding.
fn log_without_effect(api: &ApiSettings, addr: SocketAddr, access: &Access) {
    let has_keys = matches!(access, Access::Keys(_));
    if let Some(reason) = api.intake.allowed_hosts.without_effect(has_keys) {
        tracing::warn!(%addr, "ALLOWED_HOSTS has no effect on {addr}: {reason}");
    }
    if let Some(reason) = api.clients.connections.trusted_proxies.without_effect(addr.ip()) {
        tracing::warn!(%addr, "TRUSTED_PROXIES has no effect on {addr}: {reason}");
    }
}

fn log_address(addr: SocketAddr, access: &Access) {
    if matches!(access, Access::Everyone) && !addr.ip().to_canonical().is_loopback() {
        tracing::warn!("everyone who reaches {addr} is served, without a key");
    }
    tracing::info!(%addr, "listening on http://{addr}");
}

fn report_drain(aborted_count: usize, unacked_count: usize) {
    if aborted_count > 0 {
        tracing::warn!(aborted_count, "{aborted_count} connections were aborted during a request");
    }
    if unacked_count > 0 {
        tracing::warn!(
            unacked_count,
            "{unacked_count} links were not acknowledged, and were not reported to clients as accepted"
        );
    }
    tracing::info!("stopped");
}
