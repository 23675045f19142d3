//! How long a search in SQLite takes: first pages of 50, of parts of words that the titles have.
//!
//! "Warm" runs every query once before it is measured. "Cold" opens the file again for each query
//! and drops its pages from the kernel's cache (`dd iflag=nocache`). Every row of every page is
//! compared with the query, and the hits of some queries are counted by a scan of all texts.

pub(crate) mod queries;
mod writes;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use linkrelay_store::search::{Folded, SearchText};
use linkrelay_store::videos::{VideoFilter, VideoPage, VideoQuery};
use linkrelay_store::{SqliteStore, VideoStore};
use serde_json::json;

use crate::bench::settings::BenchSettings;
use crate::machine::LoadMeter;
use crate::many_videos;
use crate::measurement::{Measurement, Round, Target};
use crate::stats::Percentiles;

const VIDEOS: usize = 1_000_000;
const QUICK_VIDEOS: usize = 50_000;
const SEED: u64 = 15;
const QUERIES: usize = 400;
const COLD_QUERIES: usize = 60;
const COUNTED_QUERIES: usize = 10;
const PAGE: u32 = 50;
const SLOWEST: usize = 10;

pub(crate) async fn run(settings: &BenchSettings) -> Result<()> {
    let count = if settings.quick { QUICK_VIDEOS } else { VIDEOS };
    if settings.includes("writes") {
        writes::run(settings).await?;
    }
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("linkrelay.sqlite");
    println!("writing {count} documents with seed {SEED}");
    many_videos::write(&file, SEED, count).await?;
    println!("{}", writes::index_size(&file)?);
    let queries = queries::draw(SEED, count, QUERIES)?;
    for (name, is_cold) in [("warm", false), ("cold", true)] {
        if settings.includes(name) {
            pages(settings, &file, &queries, is_cold).await?;
        }
    }
    if settings.includes("counts") {
        counts(&file, count, &queries).await?;
    }
    Ok(())
}

/// Measures the first page of each query.
async fn pages(
    settings: &BenchSettings,
    file: &Path,
    queries: &[SearchText],
    is_cold: bool,
) -> Result<()> {
    let name = if is_cold { "cold" } else { "warm" };
    let queries = if is_cold { &queries[..COLD_QUERIES.min(queries.len())] } else { queries };
    let meter = LoadMeter::start()?;
    let took = if is_cold { cold(file, queries).await? } else { warm(file, queries).await? };
    let load = meter.load()?;
    let all = Percentiles::of(took.iter().copied()).context("there are no queries")?;
    let rounds = vec![Round { ours: all.p99_ms, baseline: None, load, details: json!(all) }];
    settings.report(&Measurement {
        benchmark: "search",
        case: format!("first pages, {name}: p99"),
        unit: "ms",
        baseline_is: "",
        target: Some(Target::Below(150.0)),
        rounds,
    })?;
    let mut slowest: Vec<_> = took.iter().zip(queries).collect();
    slowest.sort_by(|one, other| other.0.cmp(one.0));
    for (took, query) in slowest.into_iter().take(SLOWEST) {
        println!("    {:.1} ms: {query}", took.as_secs_f64() * 1e3);
    }
    println!();
    Ok(())
}

async fn warm(file: &Path, queries: &[SearchText]) -> Result<Vec<Duration>> {
    let store = SqliteStore::open(file)?;
    let mut all = Vec::new();
    for query in queries {
        first_page(&store, query).await?;
        all.push(first_page(&store, query).await?);
    }
    store.close().await;
    Ok(all)
}

async fn cold(file: &Path, queries: &[SearchText]) -> Result<Vec<Duration>> {
    let mut all = Vec::new();
    for query in queries {
        let store = SqliteStore::open(file)?;
        let mut input = std::ffi::OsString::from("if=");
        input.push(file);
        let dropped = Command::new("dd")
            .arg(input)
            .args(["iflag=nocache", "count=0", "status=none"])
            .status()?;
        ensure!(dropped.success(), "dd cannot drop the file from the cache");
        all.push(first_page(&store, query).await?);
        store.close().await;
    }
    Ok(all)
}

async fn first_page(store: &SqliteStore, text: &SearchText) -> Result<Duration> {
    let query = VideoQuery { filter: filter(text), limit: PAGE, ..VideoQuery::default() };
    let begun = Instant::now();
    let VideoPage { videos, .. } = store.videos(&query).await?;
    let took = begun.elapsed();
    let is_match = |video: &linkrelay_store::videos::VideoRow| {
        let metadata = video.metadata.as_ref();
        metadata.is_some_and(|metadata| text.matches(&Folded::of_video(&metadata.video)))
    };
    ensure!(videos.iter().all(is_match), "a page of {text:?} has a video without it");
    Ok(took)
}

fn filter(text: &SearchText) -> VideoFilter {
    VideoFilter { text: Some(text.clone()), ..VideoFilter::default() }
}

/// Compares the counts of some queries with those of a scan, and prints how long each took.
async fn counts(file: &Path, count: usize, queries: &[SearchText]) -> Result<()> {
    let queries = &queries[..COUNTED_QUERIES.min(queries.len())];
    let mut scanned = vec![0_u64; queries.len()];
    for document in many_videos::documents(SEED).take(count) {
        let Some(video) = &document.video else { continue };
        let text = Folded::of_video(video);
        for (hits, query) in scanned.iter_mut().zip(queries) {
            *hits += u64::from(query.matches(&text));
        }
    }
    let store = SqliteStore::open(file)?;
    for (query, scanned) in queries.iter().zip(scanned) {
        let begun = Instant::now();
        let counted = store.count_videos(&filter(query)).await?;
        println!("    total of {query}: {counted}, {:.1} ms", begun.elapsed().as_secs_f64() * 1e3);
        ensure!(counted == scanned, "{query:?} has {scanned} hits, and {counted} were counted");
    }
    store.close().await;
    Ok(())
}
