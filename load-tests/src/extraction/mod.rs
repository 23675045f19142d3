//! Links a second through the complete extractor, against what is in flight / YouTube's latency.
//!
//! The fake YouTube is a process on a processor of its own, and the extractor one on another, so
//! that neither takes the other's time.

mod side;

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use linkrelay_testkit::process::{Process, ProcessBuilder, workspace_binary};
use linkrelay_testkit::wait::{SHORT, wait_for};
use serde::de::DeserializeOwned;
use serde_json::json;

use self::side::{Asked, FakeAt};
use crate::bench::settings::BenchSettings;
use crate::machine::{LoadMeter, processor_time};
use crate::measurement::{Measurement, Round, Target};

pub use side::{Side, run as run_side};

const IN_FLIGHT: usize = 64;
const LATENCY: Duration = Duration::from_millis(50);
const LINKS: usize = 6_000;
/// The size of YouTube's own pages.
const PAGE_BYTES: usize = 1_000_000;
const LIMIT: Duration = Duration::from_secs(300);
const FAKES_PROCESSOR: &str = "0";
const OUR_PROCESSOR: &str = "1";

#[derive(Debug, Clone, Copy)]
struct ExtractionCase {
    name: &'static str,
    /// `None` means the default order.
    extractors: Option<&'static str>,
    page_bytes: usize,
    is_packed: bool,
}

const CASES: [ExtractionCase; 4] = [
    ExtractionCase {
        name: "default order, small pages",
        extractors: None,
        page_bytes: 0,
        is_packed: true,
    },
    ExtractionCase {
        name: "default order, pages of 1 MB in gzip",
        extractors: None,
        page_bytes: PAGE_BYTES,
        is_packed: true,
    },
    ExtractionCase {
        name: "default order, pages of 1 MB not packed",
        extractors: None,
        page_bytes: PAGE_BYTES,
        is_packed: false,
    },
    ExtractionCase {
        name: "innertube",
        extractors: Some("innertube"),
        page_bytes: 0,
        is_packed: true,
    },
];

pub(crate) async fn run(settings: &BenchSettings) -> Result<()> {
    let cpus = std::thread::available_parallelism()?.get();
    ensure!(cpus >= 2, "each side needs a processor of its own");
    for case in CASES.iter().filter(|case| settings.includes(case.name)) {
        let rounds = settings.rounds(async |_| round(*case, settings.scaled(LINKS)).await).await?;
        settings.report(&Measurement {
            benchmark: "extraction",
            case: case.name.to_owned(),
            unit: "links/s",
            baseline_is: "64 in flight / 50 ms",
            target: Some(Target::Ratio(0.9)),
            rounds,
        })?;
    }
    Ok(())
}

async fn round(case: ExtractionCase, links: usize) -> Result<Round> {
    let page_bytes = case.page_bytes.to_string();
    let mut arguments = vec!["fake", "--page-bytes", &page_bytes];
    arguments.extend(case.is_packed.then_some("--gzip"));
    let mut fake = start("fake", FAKES_PROCESSOR, &arguments)?;
    let FakeAt { base_url, ca_cert } = first_line(&mut fake).await?;
    let (ca_cert, links_text) = (ca_cert.display().to_string(), links.to_string());
    let mut arguments =
        vec!["ask", "--base-url", &base_url, "--ca-cert", &ca_cert, "--links", &links_text];
    arguments.extend(case.extractors.into_iter().flat_map(|names| ["--extractors", names]));
    let (meter, fake_before) = (LoadMeter::start()?, processor_time(fake.pid())?);
    let mut asking = start("ask", OUR_PROCESSOR, &arguments)?;
    let Asked { seconds, cpu_seconds } = first_line(&mut asking).await?;
    let (load, fake_cpu) = (meter.load()?, processor_time(fake.pid())? - fake_before);
    fake.kill()?;
    let per_link = |seconds: f64| (seconds * 1e6 / links as f64).round();
    Ok(Round {
        ours: links as f64 / seconds,
        baseline: Some(IN_FLIGHT as f64 / LATENCY.as_secs_f64()),
        load,
        details: json!({
            "links": links,
            "extractor_us_a_link": per_link(cpu_seconds),
            "extractor_cpus": cpu_seconds / seconds,
            // With the first links, which are not counted on our side.
            "fake_us_a_link": per_link(fake_cpu.as_secs_f64()),
        }),
    })
}

/// Starts a side on this processor alone.
fn start(name: &str, processor: &str, arguments: &[&str]) -> Result<Process> {
    let program = workspace_binary("extraction-side")?;
    ProcessBuilder::new(name, "taskset")
        .args(["--cpu-list", processor])
        .arg(program)
        .args(arguments)
        .spawn()
        .context("taskset is part of util-linux")
}

/// Waits for the line that a side prints.
async fn first_line<T: DeserializeOwned>(side: &mut Process) -> Result<T> {
    let line = wait_for("a line of JSON", LIMIT, SHORT, async || {
        let printed = side.stdout().unwrap_or_default();
        match (printed.split_once('\n'), side.ensure_running()) {
            (Some((line, _)), _) => Ok(Ok(line.to_owned())),
            (None, Err(ended)) => Ok(Err(ended)),
            (None, Ok(())) => Err("nothing was printed".to_owned()),
        }
    });
    Ok(serde_json::from_str(&line.await??)?)
}
