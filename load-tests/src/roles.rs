//! linkrelay's roles inside the benchmark's process, with doubles around them; and the producer as a
//! process of its own.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Parser;
use linkrelay_common::health::Health;
use linkrelay_consumer::{Consumer, ConsumerError, ConsumerParts};
use linkrelay_extractor::Extract;
use linkrelay_producer::{PartDied, Producer, ProducerSettings};
use linkrelay_store::{LinkStore, Store};
use linkrelay_testkit::kafka::KafkaBroker;
use linkrelay_testkit::process::{Process, ProcessBuilder, workspace_binary};
use linkrelay_testkit::tools::free_port;
use linkrelay_testkit::wait::{SHORT, wait_for};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::kafka::RelaySettings;
use crate::key_file::KeyFile;

const LIMIT: Duration = Duration::from_secs(60);
const MORE_THAN_IS_SENT: u32 = 10_000_000;

/// A role that runs until it is stopped.
#[derive(Debug)]
pub(crate) struct Running<E> {
    stop: CancellationToken,
    task: JoinHandle<Result<(), E>>,
}

impl<E: std::error::Error + Send + Sync + 'static> Running<E> {
    fn spawn<F>(run: impl FnOnce(CancellationToken) -> F) -> Self
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
    {
        let stop = CancellationToken::new();
        let task = tokio::spawn(run(stop.clone()));
        Self { stop, task }
    }

    /// Stops the role, and waits for its end.
    ///
    /// # Errors
    /// If it had failed, or does not end.
    pub(crate) async fn stop(self) -> Result<()> {
        self.stop.cancel();
        let ended = tokio::time::timeout(LIMIT, self.task).await.context("a role does not end")?;
        Ok(ended??)
    }
}

/// Starts a consumer. It is ready when the group has given it its partitions.
pub(crate) async fn start_consumer(
    settings: &RelaySettings,
    extractor: Arc<dyn Extract>,
    store: Arc<dyn LinkStore>,
) -> Result<(Health, Running<ConsumerError>)> {
    let RelaySettings { kafka, group, pipeline } = settings.clone();
    let parts = ConsumerParts {
        kafka,
        group,
        pipeline,
        server: None,
        extractor,
        store,
        videos: None,
        search_index: None,
        max_links_per_record: 1_000,
        publishing: None,
        beats: None,
    };
    let consumer = Consumer::from_parts(parts).await?;
    let health = consumer.health();
    Ok((health, Running::spawn(|stop| consumer.run_until_stopped(stop))))
}

/// Starts a producer on a free port, and waits until it is ready. With API keys it also counts
/// what its clients send, against limits that a benchmark does not reach.
pub(crate) async fn start_producer(
    broker: &KafkaBroker,
    topic: &str,
    store: Arc<dyn Store>,
    keys: Option<&KeyFile>,
) -> Result<(SocketAddr, Running<PartDied>)> {
    let brokers = broker.bootstrap_servers();
    let mut settings = ProducerSettings::try_parse_from([
        "bench",
        "--http-addr",
        "127.0.0.1:0",
        "--kafka-brokers",
        &brokers,
        "--kafka-topic",
        topic,
        "--kafka-dlq-topic",
        &crate::kafka::dlq(topic),
    ])?;
    settings.keys.file = keys.map(KeyFile::path).map(Into::into);
    let clients = &mut settings.api.clients;
    clients.connections.limit_loopback_clients = keys.is_some();
    for limit in [
        &mut clients.client_requests_per_second,
        &mut clients.client_requests_burst,
        &mut clients.client_links_per_second,
        &mut clients.client_links_burst,
    ] {
        *limit = MORE_THAN_IS_SENT;
    }
    let producer = Producer::build(settings, store).await?;
    let (addr, health) = (producer.addr(), producer.health());
    let running = Running::spawn(|stop| producer.run_until_stopped(stop));
    until_ready("the producer", &health).await?;
    Ok((addr, running))
}

/// Starts the linkrelay-producer binary over the SQLite file in a folder, on a free port.
pub(crate) async fn producer_process(
    data: &Path,
    env: &[(&str, &str)],
) -> Result<(Process, SocketAddr)> {
    let addr = SocketAddr::from(([127, 0, 0, 1], free_port()?));
    let builder = ProcessBuilder::new("producer", workspace_binary("linkrelay-producer")?)
        .env("DATA_DIR", data)
        .env_remove("MONGODB_URI")
        .env("HTTP_ADDR", addr.to_string());
    let builder = env.iter().fold(builder, |builder, (name, value)| builder.env(name, value));
    let mut process = builder.spawn()?;
    process.until_accepts(addr, LIMIT).await?;
    Ok((process, addr))
}

/// Waits until a role is ready.
///
/// # Errors
/// If it is not ready after a minute.
pub(crate) async fn until_ready(what: &str, health: &Health) -> Result<()> {
    let ready = wait_for(what, LIMIT, SHORT, async || {
        let readiness = health.readiness();
        if readiness.ready { Ok(()) } else { Err(format!("{readiness:?}")) }
    });
    ready.await
}
