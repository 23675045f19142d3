//! The two ways side by side: the same load through Kafka and through the waiting path, on real
//! servers, with a count of what became of every link.
//!
//! In reading order: [`way`] and [`scenario`] say what is compared, [`schedule`] and [`links`]
//! what is sent when; [`artillery`] or [`open_loop`] sends it, and both give [`request`]s with
//! their [`answer`]s; [`site`] starts what it goes through; [`documents`] reads what came of it,
//! and [`agreement`] holds both against each other; [`report`] shows it.
//!
//! It must not know: how linkrelay does anything. It uses its routes, its documents and, for the
//! display alone, its metrics.

pub mod agreement;
pub mod answer;
pub mod artillery;
pub mod display;
pub mod documents;
pub mod links;
pub mod open_loop;
pub mod report;
pub mod request;
pub mod scenario;
pub mod schedule;
pub mod settings;
pub mod site;
pub mod way;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use jiff::Timestamp;

use crate::machine::{LoadMeter, Machine};
use agreement::{check, promised};
use artillery::Artillery;
use display::Display;
use documents::StoredDocument;
use links::Links;
use open_loop::OpenLoop;
use report::{Comparison, LoadDescription, WayResult};
use request::{CLIENT_TIMEOUT, Progress, SentLoad};
use scenario::Scenario;
use schedule::moments;
use settings::{ComparisonSettings, Generator};
use site::{CONSUMERS, Relay, Servers};
use way::Way;

/// Nothing new in the store for so long: what is missing then will not come.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs the ways that are wanted, one after the other.
///
/// # Errors
/// If something cannot be started, or fails by itself; not if a link is lost.
pub async fn run(settings: &ComparisonSettings) -> Result<Comparison> {
    let scenario = settings.scenario()?;
    let generator = settings.generator.choose()?;
    eprintln!("starting Kafka, the store and a YouTube that takes {:?} a link", settings.latency);
    let servers = Servers::start(settings.latency).await?;
    let mut ways = Vec::new();
    for way in settings.ways() {
        ways.push(run_way(way, &servers, &scenario, generator, settings).await?);
    }
    Ok(Comparison {
        at: Timestamp::now(),
        machine: Machine::describe(),
        is_release: !cfg!(debug_assertions),
        generator,
        load: LoadDescription {
            scenario: settings.scenario.clone(),
            phases: scenario.phases,
            links_per_request: scenario.variables.links_per_request,
            bad_percent: scenario.variables.bad_percent,
            fixed_link: settings.link.clone(),
            latency_seconds: settings.latency.as_secs_f64(),
            client_timeout_seconds: CLIENT_TIMEOUT.as_secs_f64(),
            consumers: CONSUMERS,
        },
        ways,
    })
}

async fn run_way(
    way: Way,
    servers: &Servers,
    scenario: &Scenario,
    generator: Generator,
    settings: &ComparisonSettings,
) -> Result<WayResult> {
    eprintln!("{way}: starting linkrelay");
    let relay = servers.relay().await?;
    let progress = Arc::new(Progress::default());
    let mut display = Display::new(way, moments(&scenario.phases).len(), Arc::clone(&progress));
    let meter = LoadMeter::start()?;
    let sending = send(way, &relay, scenario, generator, settings, progress);
    let sent = display.beside(&relay, sending).await?;
    let machine_load = meter.load()?;
    let there = relay.documents().until_there(promised(&sent.requests), PATIENCE);
    let missing = display.beside(&relay, there).await?;
    display.finish(&relay).await;
    if !missing.is_empty() {
        eprintln!("{way}: {} promised documents did not come within {PATIENCE:?}", missing.len());
    }
    // Then nothing is under way any more that could still bring a document.
    let documents = relay.stop().await.with_context(|| format!("{way}: stopping linkrelay"))?;
    let stored = documents.all().await?;
    documents.drop().await?;
    Ok(result(way, &sent, &stored, machine_load))
}

async fn send(
    way: Way,
    relay: &Relay,
    scenario: &Scenario,
    generator: Generator,
    settings: &ComparisonSettings,
    progress: Arc<Progress>,
) -> Result<SentLoad> {
    match generator {
        Generator::Artillery => {
            let artillery = Artillery {
                addr: relay.addr(),
                way,
                scenario: settings.scenario.clone(),
                phases: scenario.phases.clone(),
                fixed_link: settings.link.clone(),
                progress,
            };
            artillery.run().await
        }
        Generator::Own | Generator::Auto => {
            let open_loop = OpenLoop {
                addr: relay.addr(),
                route: way.route(),
                moments: moments(&scenario.phases),
                links: Links::new(scenario.variables, settings.link.clone()),
                client_timeout: CLIENT_TIMEOUT,
                progress,
            };
            open_loop.run().await
        }
    }
}

/// What one way comes down to.
fn result(
    way: Way,
    sent: &SentLoad,
    documents: &[StoredDocument],
    machine_load: crate::machine::Load,
) -> WayResult {
    let since_begin = |document: &StoredDocument| {
        document.stored_at.duration_since(sent.begun_at).as_secs_f64().max(0.0)
    };
    let mut stored_after_seconds: Vec<f64> = documents.iter().map(since_begin).collect();
    stored_after_seconds.sort_by(f64::total_cmp);
    WayResult {
        way,
        requests: sent.requests.len(),
        answers: sent.answers(),
        timed_out: sent.timed_out(),
        latest_sent_ms: sent.latest.map(|latest| latest.as_secs_f64() * 1e3),
        errors: sent.errors(),
        documents: documents.len(),
        failed_documents: documents.iter().filter(|document| !document.is_stored).count(),
        response_times: sent.response_times(),
        stored_after_seconds,
        agreement: check(&sent.requests, documents),
        machine_load,
    }
}
