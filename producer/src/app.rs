//! The role as an object: built, asked for its address, run, ended.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use linkrelay_common::SettingsError;
use linkrelay_common::health::{Health, Part};
use linkrelay_http::{ServeSettings, health_routes, layers, listen, serve};
use linkrelay_kafka::publish::KafkaPublisher;
use linkrelay_store::{LinkStore, supervise};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::accept::{Accept, TopicAccept};
use crate::background::Background;
use crate::config::{ApiSettings, ProducerSettings};
use crate::forward::ExtractorServer;
use crate::routes;
use crate::state::{AppState, Shared};

/// What the drain leaves, whatever the requests took, for the last records and tasks.
const LAST_MOMENT: Duration = Duration::from_secs(1);

/// Why the role could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting is wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The system does not say where the role listens.
    #[error("the listening socket is broken: {0}")]
    Socket(#[from] io::Error),
}

/// A part of the role ended although it was not told to: a defect, after which the process is
/// better started again.
#[derive(Debug, thiserror::Error)]
#[error("the producer's {name} ended by itself")]
pub struct PartDied {
    /// Which one.
    pub name: &'static str,
}

/// The HTTP side, bound to its address and not yet serving.
#[derive(Debug)]
pub struct Producer {
    listener: TcpListener,
    addr: SocketAddr,
    settings: ProducerSettings,
    store: Arc<dyn LinkStore>,
    store_part: Part,
    accept: Box<dyn Accept>,
    extractor_server: ExtractorServer,
    health: Health,
}

impl Producer {
    /// Binds the address and makes the Kafka client; asks neither broker nor store, which may
    /// come later.
    ///
    /// # Errors
    /// [`StartError`]: one line that names the setting.
    pub async fn build(
        settings: ProducerSettings,
        store: Arc<dyn LinkStore>,
    ) -> Result<Self, StartError> {
        settings.validate()?;
        let publisher = KafkaPublisher::new(&settings.kafka, settings.delivery_timeout())?;
        let health = Health::default();
        let timeout = settings.api.request_timeout;
        let accept = TopicAccept::new(Arc::new(publisher), timeout, &health);
        Self::build_with(settings, store, Box::new(accept), health).await
    }

    /// The same with another way to make records safe, whose parts are in `health`.
    ///
    /// # Errors
    /// As [`Producer::build`].
    pub async fn build_with(
        settings: ProducerSettings,
        store: Arc<dyn LinkStore>,
        accept: Box<dyn Accept>,
        health: Health,
    ) -> Result<Self, StartError> {
        settings.validate()?;
        let extractor_server = settings.api.extractor_server()?;
        let listener = listen("HTTP_ADDR", settings.api.http_addr).await?;
        let addr = listener.local_addr()?;
        let store_part = health.part("store");
        Ok(Self { listener, addr, settings, store, store_part, accept, extractor_server, health })
    }

    /// Where it listens; the port is known even if port 0 was asked for.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// How its parts are.
    pub fn health(&self) -> Health {
        self.health.clone()
    }

    /// Serves until `stop`, then: not ready, no new connections, requests in flight finished,
    /// the records that they sent acknowledged; all within `DRAIN_TIMEOUT`. What does not make it is logged.
    ///
    /// # Errors
    /// If a part ended by itself; the rest was stopped in the same order.
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

    /// Starts to serve, and what runs beside the requests.
    fn start(self, stop_accepting: CancellationToken) -> Running {
        let Self { listener, settings, store, mut accept, health, .. } = self;
        let mut background = Background::default();
        accept.start(&mut background);
        let stop = background.stop_token();
        background.spawn("store watch", supervise(Arc::clone(&store), self.store_part, stop));
        let accept: Arc<dyn Accept> = Arc::from(accept);
        let api = &settings.api;
        let shared = Shared {
            accept: Arc::clone(&accept),
            extractor_server: self.extractor_server,
            store,
            intake: api.intake.clone(),
            takes_lists: api.expand_lists.unwrap_or(false),
            store_timeout: api.request_timeout,
        };
        let router = router(api, shared, &health);
        let serve_settings = ServeSettings {
            header_read_timeout: api.intake.header_read_timeout,
            drain_timeout: settings.drain_timeout,
        };
        tracing::info!(addr = %self.addr, "listening on http://{}", self.addr);
        let serving = tokio::spawn(serve(listener, router, serve_settings, stop_accepting));
        Running { serving, background, accept, health }
    }
}

/// What runs, and has to be ended in order.
struct Running {
    /// Gives how many connections it cut off.
    serving: JoinHandle<usize>,
    background: Background,
    accept: Arc<dyn Accept>,
    health: Health,
}

impl Running {
    /// Requests first, then what they sent, then what watched over them.
    async fn drain(self, deadline: Instant) {
        // `serve` keeps its own deadline, which is this one.
        let cut_off_count = self.serving.await.unwrap_or_default();
        let deadline = deadline.max(Instant::now() + LAST_MOMENT);
        let unacked_count = self.accept.drain(deadline).await;
        self.background.stop(deadline.max(Instant::now() + LAST_MOMENT)).await;
        report_drain(cut_off_count, unacked_count);
        // Joins librdkafka's threads, which takes its time.
        let accept = self.accept;
        tokio::task::spawn_blocking(move || drop(accept)).await.ok();
    }
}

fn router(api: &ApiSettings, shared: Shared, health: &Health) -> axum::Router {
    let accept = Arc::clone(&shared.accept);
    let health = health_routes(health.clone(), move || accept.fatal_error().is_none());
    let longest_wait = api.request_timeout.max(api.wait_timeout);
    let limits = layers::Limits {
        max_concurrent_requests: api.intake.max_concurrent_requests,
        request_timeout: api.intake.body_read_timeout + longest_wait + LAST_MOMENT,
    };
    layers::stack(routes::router(AppState::new(shared)), health, limits)
}

fn report_drain(cut_off_count: usize, unacked_count: usize) {
    if cut_off_count > 0 {
        tracing::warn!(cut_off_count, "{cut_off_count} connections were cut off in a request");
    }
    if unacked_count > 0 {
        tracing::warn!(
            unacked_count,
            "{unacked_count} links were not acknowledged; no client was told that they were accepted"
        );
    }
    tracing::info!("stopped");
}
