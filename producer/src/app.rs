//! The role as an object: built, asked for its address, run, ended.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use linkrelay_common::SettingsError;
use linkrelay_common::health::{Health, Part};
use linkrelay_http::{ServeSettings, health_routes, layers, serve};
use linkrelay_kafka::LinkRecord;
use linkrelay_kafka::publish::{KafkaPublisher, Publish};
use linkrelay_store::{LinkStore, supervise};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::background::Background;
use crate::broker::{self, TopicKnowledge};
use crate::config::ProducerSettings;
use crate::forward::ExtractorServer;
use crate::journal::{Journal, JournaledIntake, MAX_UNPUBLISHED, republish_pending};
use crate::routes;
use crate::state::{AppState, Shared};
use crate::submit::Submitter;

/// What the drain leaves, whatever the requests took, for the last records and tasks.
const LAST_MOMENT: Duration = Duration::from_secs(1);

/// How often the journal is asked whether it can be used, and how long it may take to answer.
const JOURNAL_PING_INTERVAL: Duration = Duration::from_secs(3);
const JOURNAL_PING_TIMEOUT: Duration = Duration::from_secs(5);

/// Why the role could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting is wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The address cannot be had.
    #[error("HTTP_ADDR: cannot listen on {addr}: {source}")]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
}

/// A part of the role ended while nobody had asked it to: a defect, after which the process is
/// better started anew.
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
    publish: Arc<dyn Publish>,
    extractor_server: ExtractorServer,
    topic: TopicKnowledge,
    health: Health,
    broker_part: Part,
    store_part: Part,
    journaled: Option<Journaled>,
}

/// Embedded mode: the intake by way of the journal, and what its republishing task needs.
#[derive(Debug)]
struct Journaled {
    intake: JournaledIntake,
    unpublished: mpsc::Receiver<LinkRecord>,
}

impl Producer {
    /// Binds the address and makes the Kafka client; asks neither broker nor store, which may
    /// come later. With a `journal`, links are accepted by way of it.
    ///
    /// # Errors
    /// [`StartError`]: one line that names the setting.
    pub async fn build(
        settings: ProducerSettings,
        store: Arc<dyn LinkStore>,
        journal: Option<Arc<dyn Journal>>,
    ) -> Result<Self, StartError> {
        settings.validate()?;
        let publisher = KafkaPublisher::new(&settings.kafka, settings.delivery_timeout())?;
        Self::build_with(settings, store, journal, Arc::new(publisher)).await
    }

    /// The same with a publisher of the caller's own.
    ///
    /// # Errors
    /// As [`Producer::build`].
    pub async fn build_with(
        settings: ProducerSettings,
        store: Arc<dyn LinkStore>,
        journal: Option<Arc<dyn Journal>>,
        publish: Arc<dyn Publish>,
    ) -> Result<Self, StartError> {
        settings.validate()?;
        let addr = settings.api.http_addr;
        let listen = |source| StartError::Listen { addr, source };
        let extractor_server = settings.api.extractor_server()?;
        let listener = TcpListener::bind(addr).await.map_err(listen)?;
        let addr = listener.local_addr().map_err(listen)?;
        let health = Health::default();
        Ok(Self {
            listener,
            addr,
            settings,
            store,
            publish,
            extractor_server,
            topic: TopicKnowledge::default(),
            broker_part: health.part("broker"),
            store_part: health.part("store"),
            journaled: journal.map(|journal| Journaled::new(journal, health.part("journal"))),
            health,
        })
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
    /// the Kafka client flushed; all within `DRAIN_TIMEOUT`. What does not make it is logged.
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

    fn router(&self) -> axum::Router {
        let api = &self.settings.api;
        let submitter = Submitter {
            publish: Arc::clone(&self.publish),
            intake: self.journaled.as_ref().map(|journaled| journaled.intake.clone()),
            topic: self.topic.clone(),
            timeout: api.request_timeout,
        };
        let state = AppState::new(Shared {
            submitter,
            extractor_server: self.extractor_server.clone(),
            store: Arc::clone(&self.store),
            intake: api.intake.clone(),
            takes_lists: api.expand_lists.unwrap_or(false),
            store_timeout: api.request_timeout,
        });
        let publish = Arc::clone(&self.publish);
        let health = health_routes(self.health.clone(), move || publish.fatal_error().is_none());
        let longest_wait = api.request_timeout.max(api.wait_timeout);
        let limits = layers::Limits {
            max_concurrent_requests: api.intake.max_concurrent_requests,
            request_timeout: api.intake.body_read_timeout + longest_wait + LAST_MOMENT,
        };
        layers::stack(routes::router(state), health, limits)
    }

    /// Starts to serve, and the tasks that watch and republish.
    fn start(self, stop_accepting: CancellationToken) -> Running {
        let router = self.router();
        let Self { listener, settings, publish, health, .. } = self;
        let mut background = Background::default();
        let stop = background.stop_token();
        let watching =
            broker::watch(Arc::clone(&publish), self.topic, self.broker_part, stop.clone());
        background.spawn("broker watch", watching);
        background.spawn("store watch", supervise(self.store, self.store_part, stop.clone()));
        let under_way = self.journaled.map(|Journaled { intake, unpublished }| {
            let publish = Arc::clone(&publish);
            let timeout = settings.api.request_timeout;
            let JournaledIntake { journal, part, under_way, .. } = intake;
            let watched = Arc::clone(&journal);
            let watching = part.clone().watch(
                JOURNAL_PING_INTERVAL,
                JOURNAL_PING_TIMEOUT,
                stop.clone(),
                move || {
                    let journal = Arc::clone(&watched);
                    async move { journal.ping().await }
                },
            );
            background.spawn("journal watch", watching);
            let republishing =
                republish_pending(journal, publish, unpublished, timeout, part, stop);
            background.spawn("republishing", republishing);
            under_way
        });
        let serve_settings = ServeSettings {
            header_read_timeout: settings.api.intake.header_read_timeout,
            drain_timeout: settings.drain_timeout,
        };
        tracing::info!(addr = %self.addr, "listening on http://{}", self.addr);
        let serving = tokio::spawn(serve(listener, router, serve_settings, stop_accepting));
        Running { serving, background, under_way, publish, health }
    }
}

/// What runs, and has to be ended in order.
struct Running {
    /// Gives how many connections it cut off.
    serving: JoinHandle<usize>,
    background: Background,
    /// Requests by way of the journal, which outlive their clients.
    under_way: Option<TaskTracker>,
    publish: Arc<dyn Publish>,
    health: Health,
}

impl Running {
    /// Requests first, then what they sent, then what watched over them.
    async fn drain(self, deadline: Instant) {
        // `serve` keeps its own deadline, which is this one.
        let cut_off_count = self.serving.await.unwrap_or_default();
        let deadline = deadline.max(Instant::now() + LAST_MOMENT);
        if let Some(under_way) = self.under_way {
            under_way.close();
            // Those that do not make it are in the journal, or were never accepted.
            timeout_at(deadline, under_way.wait()).await.ok();
        }
        let unacked_count = self.publish.flush(deadline - Instant::now()).await;
        self.background.stop(deadline.max(Instant::now() + LAST_MOMENT)).await;
        report_drain(cut_off_count, unacked_count);
        // Joins librdkafka's threads, which takes its time.
        let publish = self.publish;
        tokio::task::spawn_blocking(move || drop(publish)).await.ok();
    }
}

impl Journaled {
    fn new(journal: Arc<dyn Journal>, part: Part) -> Self {
        let (sender, unpublished) = mpsc::channel(MAX_UNPUBLISHED);
        let intake =
            JournaledIntake { journal, unpublished: sender, part, under_way: TaskTracker::new() };
        Self { intake, unpublished }
    }
}

fn report_drain(cut_off_count: usize, unacked_count: usize) {
    if cut_off_count > 0 {
        tracing::warn!(cut_off_count, "{cut_off_count} connections were cut off in a request");
    }
    if unacked_count > 0 {
        tracing::warn!(
            unacked_count,
            "{unacked_count} links were not acknowledged; nobody was told that they were accepted"
        );
    }
    tracing::info!("stopped");
}
