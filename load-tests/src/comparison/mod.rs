//! The two paths of a link side by side: the same load through Kafka and through the waiting
//! path, on real servers, with the outcome of every link.
//!
//! In reading order: `link_path` and `scenario` say what is compared, `links` what is sent;
//! `request`s have their `answer`s; `relay` starts what they go through; `documents` reads what is
//! stored, and `agreement` compares it with the answers; `report` shows the result.
//!
//! It must not know: how linkrelay does anything. It uses its HTTP paths and its documents.

mod agreement;
mod answer;
mod documents;
mod link_path;
mod links;
mod relay;
mod report;
mod request;
mod scenario;
mod settings;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use linkrelay_testkit::kafka::KafkaBroker;
use tokio::time::Instant;

use crate::load::open_loop::{Ended, OpenLoop};
use crate::machine::{Load, LoadMeter, Machine};
use crate::sample::body;
use agreement::{check, promised};
use answer::Answer;
use documents::StoredDocument;
use link_path::LinkPath;
use links::links;
use relay::{CONSUMERS, Relay};
use report::{LoadDescription, PathResult};
use request::{CLIENT_TIMEOUT, Request, SentLoad};

pub use report::Comparison;
pub use settings::ComparisonSettings;

/// If no document has come for this long, the missing ones will not come.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs the paths that are to be compared, one after the other.
///
/// # Errors
/// If a process cannot be started, or ends unexpectedly; a lost link is not an error.
pub async fn run(settings: &ComparisonSettings) -> Result<Comparison> {
    eprintln!("starting Kafka");
    let broker = KafkaBroker::start().await?;
    let mut paths = Vec::new();
    for path in settings.paths() {
        paths.push(run_path(path, &broker, settings).await?);
    }
    Ok(Comparison {
        at: Timestamp::now(),
        machine: Machine::describe(),
        is_release: !cfg!(debug_assertions),
        load: LoadDescription {
            scenario: settings.scenario,
            plan: settings.plan(),
            fixed_link: settings.link.clone(),
            latency_seconds: settings.latency.as_secs_f64(),
            client_timeout_seconds: CLIENT_TIMEOUT.as_secs_f64(),
            consumers: CONSUMERS,
        },
        paths,
    })
}

async fn run_path(
    path: LinkPath,
    broker: &KafkaBroker,
    settings: &ComparisonSettings,
) -> Result<PathResult> {
    eprintln!("{path}: starting linkrelay, and a YouTube that takes {:?} a link", settings.latency);
    let mut relay = Relay::start(broker, settings.latency).await?;
    let plan = settings.plan();
    let moments = plan.moments();
    let links = links(&plan, moments.len(), settings.link.as_deref());
    eprintln!("{path}: sending {} requests", moments.len());
    let meter = LoadMeter::start()?;
    let sent = send(path, relay.addr(), moments, links).await?;
    let machine_load = meter.load()?;
    let promised = promised(&sent.requests);
    eprintln!("{path}: waiting for {} documents", promised.len());
    relay.documents().until_there(&promised, PATIENCE).await?;
    // Afterwards nothing is in flight that could still write a document.
    relay.stop().await.with_context(|| format!("{path}: stopping linkrelay"))?;
    let stored = relay.documents().all().await?;
    relay.remove().await?;
    Ok(result(path, &sent, &stored, machine_load))
}

async fn send(
    path: LinkPath,
    addr: SocketAddr,
    moments: Vec<Duration>,
    mut links: Vec<Vec<String>>,
) -> Result<SentLoad> {
    let requests = moments.into_iter().zip(links.iter().map(|links| body(links))).collect();
    let open_loop = OpenLoop { addr, path: path.route(), requests, client_timeout: CLIENT_TIMEOUT };
    let all_ended = open_loop.run(|response| Answer::read(response.status, response.body)).await?;
    let begun = all_ended.iter().map(|ended| ended.meant).min().unwrap_or_else(Instant::now);
    Ok(SentLoad {
        begun_at: Timestamp::now() - begun.elapsed(),
        latest: all_ended.iter().map(|ended| ended.late).max().unwrap_or_default(),
        requests: all_ended
            .into_iter()
            .map(|Ended { index, took, answer, .. }| Request {
                links: std::mem::take(&mut links[index]),
                took,
                answer,
            })
            .collect(),
    })
}

/// Sums up one path.
fn result(
    path: LinkPath,
    sent: &SentLoad,
    documents: &[StoredDocument],
    machine_load: Load,
) -> PathResult {
    let begun_ms = sent.begun_at.as_millisecond();
    let since_begin = |document: &StoredDocument| {
        (document.stored_at.timestamp_millis() - begun_ms).max(0) as f64 / 1e3
    };
    let mut stored_after_seconds: Vec<f64> = documents.iter().map(since_begin).collect();
    stored_after_seconds.sort_by(f64::total_cmp);
    PathResult {
        path,
        requests: sent.requests.len(),
        answers: sent.answers(),
        timed_out: sent.timed_out(),
        latest_sent_ms: sent.latest.as_secs_f64() * 1e3,
        errors: sent.errors(),
        documents: documents.len(),
        failed_documents: documents.iter().filter(|found| found.status != "stored").count(),
        response_times: sent.response_times(),
        stored_after_seconds,
        agreement: check(&sent.requests, documents),
        machine_load,
    }
}
