//! Rows a second of `GET /export` from a file of a million videos, the memory of the producer
//! meanwhile, and how long the statistics take.
//!
//! The producer is a process, the linkrelay-producer binary; the client reads as fast as it can.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use linkrelay_store::{SqliteStore, StatsStore};
use linkrelay_testkit::process::Process;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::bench::settings::BenchSettings;
use crate::machine::{LoadMeter, resident_bytes};
use crate::many_videos;
use crate::measurement::{Measurement, Round, Target};
use crate::roles::producer_process;

const VIDEOS: usize = 1_000_000;
const SEED: u64 = 14;
const SAMPLE_INTERVAL: Duration = Duration::from_millis(100);

/// The queries, each an export of all videos.
const CASES: [&str; 3] = ["format=ndjson", "format=csv", "format=ndjson&sort=published"];

pub(crate) async fn run(settings: &BenchSettings) -> Result<()> {
    let count = settings.scaled(VIDEOS);
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("linkrelay.sqlite");
    println!("writing {count} documents with seed {SEED}");
    many_videos::write(&file, SEED, count).await?;
    if settings.includes("statistics") {
        settings.report(&Measurement {
            benchmark: "export",
            case: format!("statistics of {count} videos"),
            unit: "s",
            baseline_is: "",
            target: None,
            rounds: settings.rounds(async |_| statistics_round(&file, count).await).await?,
        })?;
    }
    let producer = Producer::start(folder.path()).await?;
    for query in CASES.iter().filter(|query| settings.includes(query)) {
        settings.report(&Measurement {
            benchmark: "export",
            case: format!("{query}, {count} videos"),
            unit: "rows/s",
            baseline_is: "",
            // A million in a minute.
            target: Some(Target::AtLeast(1_000_000.0 / 60.0)),
            rounds: settings.rounds(async |_| producer.round(query, count).await).await?,
        })?;
    }
    Ok(())
}

async fn statistics_round(file: &Path, count: usize) -> Result<Round> {
    let store = SqliteStore::open(file)?;
    let meter = LoadMeter::start()?;
    let begun = Instant::now();
    let stats = store.stats().await?;
    let ours = begun.elapsed().as_secs_f64();
    let load = meter.load()?;
    store.close().await;
    let videos = stats.videos.stored + stats.videos.failed;
    ensure!(videos == count as u64, "{videos} of {count} videos were counted");
    Ok(Round { ours, baseline: None, load, details: json!({ "videos": videos }) })
}

/// The process that is asked.
struct Producer {
    process: Process,
    addr: SocketAddr,
}

impl Producer {
    async fn start(data: &Path) -> Result<Self> {
        // No record is sent.
        let (process, addr) = producer_process(data, &[("KAFKA_BROKERS", "127.0.0.1:1")]).await?;
        Ok(Self { process, addr })
    }

    async fn round(&self, query: &str, count: usize) -> Result<Round> {
        let pid = self.process.pid();
        let meter = LoadMeter::start()?;
        let begun = Instant::now();
        let exporting = tokio::spawn(export(self.addr, format!("/export?{query}")));
        let (mut interval, mut resident) = (tokio::time::interval(SAMPLE_INTERVAL), Vec::new());
        while !exporting.is_finished() {
            interval.tick().await;
            resident.push(resident_bytes(pid)? >> 20);
        }
        let (bytes, tail) = exporting.await??;
        let seconds = begun.elapsed().as_secs_f64();
        let load = meter.load()?;
        // The sort by publication leaves out those that have failed.
        let rows = match end_of(&tail) {
            Some(rows) => rows,
            None => count as u64,
        };
        let details = json!({
            "seconds": seconds,
            "rows": rows,
            "mib_sent": bytes >> 20,
            "producer_mib_at_first": resident.first(),
            "producer_mib_at_most": resident.iter().max(),
        });
        Ok(Round { ours: rows as f64 / seconds, baseline: None, load, details })
    }
}

/// Reads an export to its end; returns how many bytes came, and the last of them.
async fn export(addr: SocketAddr, path: String) -> Result<(u64, Vec<u8>)> {
    const END: &[u8] = b"\r\n0\r\n\r\n";
    let mut stream = TcpStream::connect(addr).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let (mut bytes, mut tail) = (0_u64, Vec::new());
    let mut buffer = vec![0; 1 << 18];
    loop {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            break;
        }
        ensure!(bytes > 0 || buffer.starts_with(b"HTTP/1.1 200"), "the export is refused");
        bytes += count as u64;
        tail.extend_from_slice(&buffer[..count]);
        tail.drain(..tail.len().saturating_sub(200));
    }
    ensure!(tail.ends_with(END), "the export was cut");
    tail.truncate(tail.len() - END.len());
    Ok((bytes, tail))
}

/// Returns how many rows the last line says.
fn end_of(tail: &[u8]) -> Option<u64> {
    let line = tail.rsplit(|byte| *byte == b'\n').find(|line| !line.trim_ascii().is_empty())?;
    let end: Value = serde_json::from_slice(line).ok()?;
    end["rows"].as_u64().filter(|_| end["end"] == true)
}
