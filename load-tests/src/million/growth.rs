//! A store that grows to a million documents: what each part of linkrelay needs of it at 10,000,
//! 100,000 and a million. The target is log n: at a million at most twice of 10,000.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use linkrelay_common::RequestId;
use linkrelay_store::{LinkDocument, LinkState, LinkStore, WriteOutcome};
use linkrelay_testkit::process::workspace_binary;
use linkrelay_testkit::tools::free_port;
use serde_json::json;

use super::BENCHMARK;
use super::stores::Growing;
use crate::bench::settings::BenchSettings;
use crate::machine::LoadMeter;
use crate::many_videos;
use crate::measurement::{Measurement, Round, Target};
use crate::sample;
use crate::stats::median;

const SIZES: [usize; 3] = [10_000, 100_000, 1_000_000];
const SEED: u64 = 19;
/// The documents whose rate counts: the last before each size.
const PART: usize = 5_000;
/// What is written between two lines of progress.
const STEP: usize = 50_000;
const STATUSES: usize = 100;
/// At most; fewer have failed in a small store. A few hundred are over before a checkpoint comes, or
/// have one just then.
const REPLAYS: usize = 5_000;
const STARTS: usize = 5;

/// What is measured at each size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Figure {
    Insert,
    Status,
    Replay,
    Start,
    Bytes,
    Check,
}

impl Figure {
    const ALL: [Self; 6] =
        [Self::Insert, Self::Status, Self::Replay, Self::Start, Self::Bytes, Self::Check];

    /// Returns its name, its unit, and whether more is better.
    fn about(self) -> (&'static str, &'static str, bool) {
        match self {
            Self::Insert => ("inserts", "documents/s", true),
            Self::Status => ("status of a request of 100 links", "ms at p50", false),
            Self::Replay => ("failed documents replaced", "documents/s", true),
            Self::Start => ("open and schema", "ms", false),
            Self::Bytes => ("bytes a link", "bytes", false),
            Self::Check => ("linkrelay check", "ms", false),
        }
    }

    /// Returns the index of the size that it is compared with, and how that is called.
    fn base(self) -> (usize, &'static str) {
        match self {
            // A server writes its files some time after its log, so few documents are not in them.
            Self::Bytes => (1, "at a tenth of the documents"),
            _ => (0, "at a hundredth of the documents"),
        }
    }
}

type Figures = BTreeMap<Figure, Vec<f64>>;

pub(super) async fn run(settings: &BenchSettings) -> Result<()> {
    for name in ["SQLite", "MongoDB wire"] {
        let sizes = SIZES.map(|size| settings.scaled(size));
        let case = |figure: Figure| format!("{name}, {} documents: {}", sizes[2], figure.about().0);
        let is_chosen = |figure: &Figure| settings.includes(&case(*figure));
        let chosen: Vec<Figure> = Figure::ALL.into_iter().filter(is_chosen).collect();
        if chosen.is_empty() {
            continue;
        }
        let mut rounds = BTreeMap::<Figure, Vec<Round>>::new();
        settings
            .rounds(async |_| {
                let growing = match name {
                    "SQLite" => Growing::sqlite()?,
                    _ => Growing::mongo().await?,
                };
                let meter = LoadMeter::start()?;
                let figures = grow(&growing, name, sizes).await?;
                growing.remove().await?;
                let load = meter.load()?;
                let round = |at: &[f64], base: usize| Round {
                    ours: at[2],
                    baseline: Some(at[base]),
                    load,
                    details: json!({ "sizes": sizes, "at": at }),
                };
                for (figure, at) in &figures {
                    rounds.entry(*figure).or_default().push(round(at, figure.base().0));
                }
                Ok(round(&[0.0; 3], 0))
            })
            .await?;
        for figure in chosen {
            let (_, unit, is_rate) = figure.about();
            settings.report(&Measurement {
                benchmark: BENCHMARK,
                case: case(figure),
                unit,
                baseline_is: figure.base().1,
                target: Some(if is_rate { Target::Ratio(0.5) } else { Target::RatioBelow(2.0) }),
                rounds: rounds.remove(&figure).context("a figure was not measured")?,
            })?;
        }
    }
    Ok(())
}

/// Returns each figure at each of the sizes.
async fn grow(growing: &Growing, name: &str, sizes: [usize; 3]) -> Result<Figures> {
    let store = growing.open().await?;
    let empty = growing.bytes().await?;
    let mut written = Written::default();
    let mut documents = many_videos::documents(SEED);
    let mut figures = Figures::new();
    for size in sizes {
        let mut rate = 0.0;
        while written.count < size {
            let left = size - written.count;
            let part = PART.min(size / 2);
            let next = if left > part { (left - part).min(STEP) } else { left };
            let taken = documents.by_ref().take(next).inspect(|document| written.note(document));
            rate = many_videos::write_all(Arc::clone(&store), taken).await?;
            eprintln!("{name}: {} of {} documents, {rate:.0}/s", written.count, sizes[2]);
        }
        let bytes = growing.bytes().await?.saturating_sub(empty);
        let mut add = |figure, value| figures.entry(figure).or_default().push(value);
        add(Figure::Insert, rate);
        add(Figure::Bytes, bytes as f64 / size as f64);
        add(Figure::Status, status_ms(&*store, &written.requests).await?);
        add(Figure::Replay, replaced_a_second(&*store, &mut written.failed).await?);
        add(Figure::Start, start_ms(growing).await?);
        add(Figure::Check, check_ms(growing).await?);
    }
    Ok(figures)
}

/// What was written and is asked for.
#[derive(Default)]
struct Written {
    count: usize,
    requests: Vec<RequestId>,
    /// Failed documents that are not replaced yet.
    failed: Vec<LinkDocument>,
}

impl Written {
    fn note(&mut self, document: &LinkDocument) {
        self.count += 1;
        if document.index == 0 {
            self.requests.extend(document.request_id);
        }
        if document.status == LinkState::Failed {
            self.failed.push(document.clone());
        }
    }
}

/// Reads what `GET /links/{id}` reads, for requests from all over the store.
async fn status_ms(store: &dyn LinkStore, requests: &[RequestId]) -> Result<f64> {
    let step = (requests.len() / STATUSES).max(1);
    let mut took = Vec::new();
    for id in requests.iter().step_by(step) {
        let begun = Instant::now();
        let links = store.request_links(*id, 0, id.links_count()).await?;
        took.push(milliseconds(begun.elapsed()));
        ensure!(links.len() == id.links_count() as usize, "{} links of {id}", links.len());
    }
    Ok(median(&took))
}

/// Writes a stored document over failed ones, from all over the store, as a replay does.
async fn replaced_a_second(store: &dyn LinkStore, failed: &mut Vec<LinkDocument>) -> Result<f64> {
    let step = (failed.len() / REPLAYS).max(1);
    let stored: Vec<LinkDocument> = std::mem::take(failed)
        .into_iter()
        .step_by(step)
        .map(|document| LinkDocument {
            status: LinkState::Stored,
            video: Some(sample::video()),
            source: Some("watch_page".to_owned()),
            extracted_at: document.submitted_at,
            error: None,
            ..document
        })
        .collect();
    ensure!(!stored.is_empty(), "no document has failed");
    let begun = Instant::now();
    for batch in stored.chunks(100) {
        let outcomes = store.write_batch(batch).await?;
        let is_replaced = |outcome: &WriteOutcome| *outcome == WriteOutcome::Replaced;
        ensure!(outcomes.iter().all(is_replaced), "not all were replaced: {outcomes:?}");
    }
    Ok(stored.len() as f64 / begun.elapsed().as_secs_f64())
}

async fn start_ms(growing: &Growing) -> Result<f64> {
    let mut took = Vec::new();
    for _ in 0..STARTS {
        let begun = Instant::now();
        let store = growing.open().await?;
        took.push(milliseconds(begun.elapsed()));
        // Its end is not part of a start.
        drop(store);
    }
    Ok(median(&took))
}

/// Runs `linkrelay check` with the settings of `up --demo`, so that only the store is real.
async fn check_ms(growing: &Growing) -> Result<f64> {
    let mut took = Vec::new();
    for _ in 0..STARTS {
        let addr = || Ok::<_, anyhow::Error>(format!("127.0.0.1:{}", free_port()?));
        let mut command = tokio::process::Command::new(workspace_binary("linkrelay")?);
        command.args(["check", "--demo"]).envs(growing.env()).env_remove("KAFKA_BROKERS");
        command.env("HTTP_ADDR", addr()?).env("EXTRACTOR_ADDR", addr()?).stdin(Stdio::null());
        let begun = Instant::now();
        let output = command.output().await?;
        took.push(milliseconds(begun.elapsed()));
        let said = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.success(), "check ended with {}:\n{said}", output.status);
    }
    Ok(median(&took))
}

fn milliseconds(took: Duration) -> f64 {
    took.as_secs_f64() * 1e3
}
