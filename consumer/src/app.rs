//! The whole consumer: builds the parts, runs them, and ends them in order.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use linkrelay_common::health::{Health, Part};
use linkrelay_http::client::ClientLimits;
use linkrelay_http::keys::{self, Access, Service};
use linkrelay_http::{MetricsListener, ServeSettings, listen, serve};
use linkrelay_store::Store;
use linkrelay_store::processes::{Heartbeat, ProcessFigures, ProcessIdentity, ProcessRole};
use rdkafka::consumer::BaseConsumer;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::beats::Noted;
use crate::config::ConsumerSettings;
use crate::context::GroupContext;
use crate::dead_letter::DeadLetters;
use crate::documents::Documents;
use crate::error::ConsumerError;
use crate::liveness::Liveness;
use crate::parts::{Beats, ConsumerParts};
use crate::pipeline::{Pipeline, Reports};
use crate::publishing::Publishing;
use crate::results::Results;
use crate::retention;
use crate::reuse::Reuse;
use crate::search_index;
use crate::server::{self, PostedLinks, ServerSettings};

/// How long HTTP requests in flight may still take after the pipeline has ended.
const LAST_ANSWERS_TIMEOUT: Duration = Duration::from_secs(2);
/// The wait between two attempts to join the group under a name that another member still has.
const INSTANCE_ID_PAUSE: Duration = Duration::from_secs(3);
const BROKER_CHECK_INTERVAL: Duration = Duration::from_secs(3);
const BROKER_CHECK_TIMEOUT: Duration = Duration::from_secs(15);
/// How long each of the parts around the pipeline may take to end after it.
const LAST_STEPS_TIMEOUT: Duration = Duration::from_secs(5);

/// A consumer that is built and not yet running.
pub struct Consumer {
    parts: ConsumerParts,
    client: BaseConsumer<GroupContext>,
    publishing: Publishing,
    lists: Part,
    endpoint: Option<Endpoint>,
    health: Health,
}

/// Where the extractor server listens, and who may use it.
struct Endpoint {
    listener: TcpListener,
    /// `None` if no client may.
    access: Option<Access>,
    metrics: Option<MetricsListener>,
}

impl std::fmt::Debug for Consumer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Consumer").field("parts", &self.parts).finish_non_exhaustive()
    }
}

impl Consumer {
    /// Builds a consumer from the settings of the binary.
    ///
    /// # Errors
    /// [`ConsumerError::Settings`] for a wrong setting, by name. A broker or store that is
    /// unreachable is not an error.
    pub async fn build(settings: ConsumerSettings) -> Result<Self, ConsumerError> {
        let ConsumerSettings { http_addr, kafka, group, extractor, store, pipeline, .. } = settings;
        let interval = store.heartbeat_interval;
        let (extractor, store) = (extractor.build()?, store.open()?);
        let beats = Some(Beats { store: Arc::<dyn Store>::clone(&store), interval });
        let (intake, post_links, keys) = (settings.intake, settings.post_links, settings.keys);
        let (connections, metrics) = (settings.connections, settings.metrics);
        let max_links_per_record = intake.max_links_per_request;
        let addr_setting = "HTTP_ADDR";
        let server = Some(ServerSettings {
            http_addr,
            addr_setting,
            intake,
            connections,
            post_links,
            keys,
            metrics,
        });
        let parts = ConsumerParts {
            kafka,
            group,
            pipeline,
            server,
            extractor,
            videos: Some(Arc::<dyn linkrelay_store::Store>::clone(&store)),
            search_index: Some(Arc::clone(&store) as _),
            store,
            max_links_per_record,
            publishing: None,
            beats,
        };
        Self::from_parts(parts).await
    }

    /// Builds a consumer from parts, and binds its HTTP address.
    ///
    /// # Errors
    /// The same as of [`Consumer::build`].
    pub async fn from_parts(mut parts: ConsumerParts) -> Result<Self, ConsumerError> {
        parts.kafka.validate(&parts.group)?;
        parts.pipeline.validate(&parts.kafka, &parts.group)?;
        parts.server.as_ref().map_or(Ok(()), ServerSettings::validate)?;
        let reuse_within = parts.pipeline.reuse_within;
        if let Some(videos) = parts.videos.clone().filter(|_| !reuse_within.is_zero()) {
            parts.extractor = Arc::new(Reuse::new(parts.extractor, videos, reuse_within));
        }
        let client = parts.client()?;
        let health = Health::default();
        let lists = health.part("lists");
        lists.ok();
        let publishing = match &parts.publishing {
            Some(publishing) => publishing.clone(),
            None => Publishing::to_topics(&parts.kafka, lists.clone())?,
        };
        let endpoint = match &parts.server {
            None => None,
            Some(server) => Some(Endpoint::open(server).await?),
        };
        Ok(Self { parts, client, publishing, lists, endpoint, health })
    }

    /// Returns the address where the extractor server listens, if there is one.
    pub fn http_addr(&self) -> Option<SocketAddr> {
        self.endpoint.as_ref().and_then(|endpoint| endpoint.listener.local_addr().ok())
    }

    /// Returns the handle to the state of its parts, for a caller that reads it while it runs.
    pub fn health(&self) -> Health {
        self.health.clone()
    }

    /// Runs until `stop` is cancelled; then drains, commits and leaves the group.
    ///
    /// # Errors
    /// [`ConsumerError`] if the consumer had to end without being stopped.
    pub async fn run_until_stopped(self, stop: CancellationToken) -> Result<(), ConsumerError> {
        let Self { parts, mut client, publishing, lists, endpoint, health } = self;
        let (append, letters) = (&publishing.append, Arc::clone(&publishing.letters));
        let dead_letters = Arc::new(DeadLetters::new(letters, health.part("dead_letters")));
        let documents = Documents(Arc::clone(&parts.store));
        let results =
            Results::new(publishing.results.clone(), documents, || health.part("results"));
        let liveness = Arc::new(Liveness::new(parts.group.session_timeout(&parts.kafka)));
        // It is also cancelled when a Kafka client has failed permanently.
        let stop = stop.child_token();
        let noted = Noted::default();
        let http_addr = endpoint.as_ref().and_then(|endpoint| endpoint.listener.local_addr().ok());
        let around = Around::start(&parts, &publishing, &results, endpoint, &health, stop.clone());
        around.beat(&parts, http_addr, noted.clone());
        let reports = Reports {
            group: health.part("group"),
            extraction: health.part("extraction"),
            store: around.store.clone(),
            broker: around.broker.clone(),
            dead_letters: dead_letters.part(),
            lists,
            results: results.part(),
            liveness,
            noted,
        };
        let ended = loop {
            let (reports, stopped) = (reports.clone(), stop.clone());
            let (group, liveness) = (reports.group.clone(), Arc::clone(&reports.liveness));
            let pipeline =
                Pipeline::start(&parts, client, &dead_letters, append, &results, reports, stopped)?;
            health.serves(move || liveness.is_alive());
            match pipeline.run(parts.pipeline.drain_timeout).await {
                Err(error @ ConsumerError::InstanceIdInUse) => group.fails(error.to_string()),
                ended => break ended,
            }
            // For librdkafka this is final for the client, so the next attempt needs a new one.
            let waiting = tokio::time::sleep(INSTANCE_ID_PAUSE);
            if stop.run_until_cancelled(waiting).await.is_none() {
                break Ok(());
            }
            client = parts.client()?;
        };
        let fatal_error = publishing.fatal_error();
        around.end(publishing).await;
        fatal_error.map_or(ended, |reason| Err(ConsumerError::Fatal(reason)))
    }
}

impl Endpoint {
    /// A server that no client may use still has its health.
    async fn open(server: &ServerSettings) -> Result<Self, ConsumerError> {
        let access = match server.keys.service_at(server.addr_setting, server.http_addr)? {
            Service::Open(access) => Some(access),
            Service::Closed(reason) => {
                tracing::warn!("POST /links is not served until the next start: {reason}");
                None
            }
        };
        server.log_without_effect(access.as_ref());
        let metrics = server.metrics.listen().await?;
        let listener = listen(server.addr_setting, server.http_addr).await?;
        Ok(Self { listener, access, metrics })
    }
}

/// The tasks around the pipeline, from before it begins until after it ends.
struct Around {
    tasks: TaskTracker,
    stop: CancellationToken,
    store: Part,
    broker: Part,
}

impl Around {
    fn start(
        parts: &ConsumerParts,
        publishing: &Publishing,
        results: &Results,
        endpoint: Option<Endpoint>,
        health: &Health,
        asked_to_stop: CancellationToken,
    ) -> Self {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let (store, broker) = (health.part("store"), health.part("broker"));
        tasks.spawn(linkrelay_store::supervise(
            Arc::clone(&parts.store),
            store.clone(),
            stop.clone(),
        ));
        tasks.spawn(retention::run(
            Arc::clone(&parts.store),
            parts.pipeline.retention(),
            stop.clone(),
        ));
        if let Some(search_index) = &parts.search_index {
            tasks.spawn(search_index::run(Arc::clone(search_index), stop.clone()));
        }
        let watching =
            watch_broker(publishing.clone(), broker.clone(), asked_to_stop.clone(), stop.clone());
        tasks.spawn(watching);
        if let Some((Endpoint { listener, access, metrics }, settings)) =
            endpoint.zip(parts.server.as_ref())
        {
            let posted_links = Arc::new(PostedLinks::new(
                Arc::clone(&parts.extractor),
                Arc::clone(&parts.store),
                results.clone(),
                store.clone(),
                parts.pipeline.retry_policy(),
                &settings.post_links,
                asked_to_stop,
            ));
            let clients = ClientLimits::of_producers(
                &settings.connections,
                settings.intake.max_concurrent_requests,
                settings.intake.client_slots_percent,
            );
            let router = server::router(
                settings,
                Arc::clone(&clients),
                access.as_ref(),
                Arc::clone(&posted_links),
                health.clone(),
            );
            let timeouts = ServeSettings {
                clients,
                header_read_timeout: settings.intake.header_read_timeout,
                keep_alive_timeout: settings.intake.keep_alive_timeout,
                drain_timeout: LAST_ANSWERS_TIMEOUT,
            };
            let key_file = settings.keys.key_file();
            if let Some(watch) =
                access.and_then(|access| keys::watch(&access, key_file, stop.clone()))
            {
                tasks.spawn(watch);
            }
            if let Some(metrics) = metrics {
                tasks.spawn(metrics.serve(timeouts.clone(), stop.clone()));
            }
            let stop = stop.clone();
            tasks.spawn(async move {
                let cut_off_count = serve(listener, router, timeouts, stop).await;
                if cut_off_count > 0 {
                    tracing::warn!(
                        cut_off_count,
                        "the extractor server closed connections during a request at the stop"
                    );
                }
                posted_links.finish().await;
            });
        }
        Self { tasks, stop, store, broker }
    }

    /// Writes what the consumer does until the end.
    fn beat(&self, parts: &ConsumerParts, http_addr: Option<SocketAddr>, noted: Noted) {
        let Some(Beats { store, interval }) = parts.beats.clone() else { return };
        let instance = parts.group.kafka_group_instance_id.clone();
        let identity = ProcessIdentity::new(ProcessRole::Consumer, instance);
        let http_addr = http_addr.map(|addr| addr.to_string());
        let figures = move |since_last| ProcessFigures {
            http_addr: http_addr.clone(),
            ..noted.beat(since_last)
        };
        let heartbeat = Heartbeat { store, identity, interval };
        self.tasks.spawn(heartbeat.run(figures, self.stop.clone()));
    }

    async fn end(self, publishing: Publishing) {
        self.stop.cancel();
        self.tasks.spawn(async move { publishing.letters.flush(LAST_STEPS_TIMEOUT).await });
        self.tasks.close();
        if tokio::time::timeout(LAST_STEPS_TIMEOUT * 2, self.tasks.wait()).await.is_err() {
            tracing::warn!("health checks or the dead letters in flight did not end in time");
        }
    }
}

/// Reports the state of the broker until `stop`, and ends the pipeline if a Kafka client has failed
/// permanently.
async fn watch_broker(
    publishing: Publishing,
    part: Part,
    pipeline: CancellationToken,
    stop: CancellationToken,
) {
    let check = || {
        let (publishing, pipeline) = (publishing.clone(), pipeline.clone());
        async move {
            if let Some(fatal) = publishing.fatal_error() {
                pipeline.cancel();
                return Err(format!(
                    "the Kafka client has failed and will not work again: {fatal}"
                ));
            }
            publishing.check().await.map_err(|error| error.to_string())
        }
    };
    // The checks have their own deadlines.
    part.watch(BROKER_CHECK_INTERVAL, BROKER_CHECK_TIMEOUT, stop, check).await;
}
