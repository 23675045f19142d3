//! `linkrelay submit --file` with a million lines: its memory, and links a second, to a producer and
//! a Kafka broker. How long the command takes when all is submitted already is in the details.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use linkrelay_testkit::kafka::KafkaBroker;
use linkrelay_testkit::process::{Process, ProcessBuilder, workspace_binary};
use serde_json::json;

use super::BENCHMARK;
use crate::bench::settings::BenchSettings;
use crate::kafka::{dlq, fresh_topic};
use crate::machine::{Load, LoadMeter, resident_bytes};
use crate::measurement::{Measurement, Round, Target};
use crate::roles::producer_process;
use crate::sample;

const LINES: usize = 1_000_000;
const SAMPLE_INTERVAL: Duration = Duration::from_millis(20);
const LINKS_PER_REQUEST: usize = 500;

/// What one run of the command took.
struct Run {
    seconds: f64,
    mib_at_most: f64,
    ids: usize,
}

pub(super) async fn run(settings: &BenchSettings) -> Result<()> {
    let lines = settings.scaled(LINES);
    let name = |what| format!("submit of {lines} lines: {what}");
    let (memory, rate) = (name("memory"), name("links"));
    if !settings.includes(&memory) && !settings.includes(&rate) {
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("links.txt");
    write_lines(&file, lines)?;
    let broker = KafkaBroker::start().await?;
    let (mut memory_rounds, mut rate_rounds) = (Vec::new(), Vec::new());
    settings
        .rounds(async |_| {
            let (first, again, load) = round(&broker, &file, lines).await?;
            let details = json!({
                "seconds": first.seconds,
                "again_seconds": again.seconds,
                "again_mib_at_most": again.mib_at_most,
            });
            let of = |ours| Round { ours, baseline: None, load, details: details.clone() };
            memory_rounds.push(of(first.mib_at_most));
            rate_rounds.push(of(lines as f64 / first.seconds));
            Ok(of(0.0))
        })
        .await?;
    settings.report(&Measurement {
        benchmark: BENCHMARK,
        case: memory,
        unit: "MiB at most",
        baseline_is: "",
        target: Some(Target::Below(40.0)),
        rounds: memory_rounds,
    })?;
    settings.report(&Measurement {
        benchmark: BENCHMARK,
        case: rate,
        unit: "links/s",
        baseline_is: "",
        target: None,
        rounds: rate_rounds,
    })
}

fn write_lines(file: &Path, count: usize) -> Result<()> {
    let mut text = String::new();
    for number in 0..count {
        writeln!(text, "{}", sample::link(number))?;
    }
    std::fs::write(file, text).context("writing the file of links")
}

/// Submits the file, and again when nothing is left to submit.
async fn round(broker: &KafkaBroker, file: &Path, lines: usize) -> Result<(Run, Run, Load)> {
    let (folder, topic) = (tempfile::tempdir()?, fresh_topic(broker).await?);
    let (brokers, dlq) = (broker.bootstrap_servers(), dlq(&topic));
    let env = [("KAFKA_BROKERS", &*brokers), ("KAFKA_TOPIC", &topic), ("KAFKA_DLQ_TOPIC", &dlq)];
    let (_producer, addr) = producer_process(folder.path(), &env).await?;
    let progress = folder.path().join("progress");
    let command = || -> Result<ProcessBuilder> {
        let program: PathBuf = workspace_binary("linkrelay")?;
        let builder = ProcessBuilder::new("submit", program).arg("submit").arg("--file").arg(file);
        let builder = builder.arg("--resume").arg(&progress);
        Ok(builder.arg("--server").arg(format!("http://{addr}")))
    };
    let meter = LoadMeter::start()?;
    let first = watch(command()?.spawn()?).await?;
    let load = meter.load()?;
    let again = watch(command()?.spawn()?).await?;
    let records: i64 = broker.end_offsets(&topic).await?.values().sum();
    ensure!(records == i64::try_from(lines)?, "{records} records of {lines} links");
    let requests = lines.div_ceil(LINKS_PER_REQUEST);
    ensure!((first.ids, again.ids) == (requests, requests), "{} and {} ids", first.ids, again.ids);
    Ok((first, again, load))
}

async fn watch(mut process: Process) -> Result<Run> {
    let begun = Instant::now();
    let mut interval = tokio::time::interval(SAMPLE_INTERVAL);
    let mut bytes = 0;
    let status = loop {
        interval.tick().await;
        match process.exit_status()? {
            Some(status) => break status,
            // It may end before its memory is read.
            None => bytes = bytes.max(resident_bytes(process.pid()).unwrap_or_default()),
        }
    };
    let seconds = begun.elapsed().as_secs_f64();
    ensure!(status.success(), "submit ended with {status}\n{}", process.log_tail());
    let ids = process.stdout()?.lines().count();
    Ok(Run { seconds, mib_at_most: bytes as f64 / (1_024.0 * 1_024.0), ids })
}
