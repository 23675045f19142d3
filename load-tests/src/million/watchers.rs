//! A request of 1,000 links that 100 clients watch (`GET /links/{id}/events`): how soon all have
//! seen the end, the producer's processor time, and how often the store is asked, against one client.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use linkrelay_common::{DocumentId, RequestId};
use linkrelay_store::testing::{FaultyStore, Method};
use linkrelay_store::{LinkDocument, LinkStore, SqliteStore};
use linkrelay_testkit::kafka::KafkaBroker;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::BENCHMARK;
use crate::bench::settings::BenchSettings;
use crate::kafka::fresh_topic;
use crate::machine::{LoadMeter, processor_time};
use crate::measurement::{Measurement, Round, Target};
use crate::roles::{producer_process, start_producer};
use crate::sample;

const LINKS: u32 = 1_000;
const WATCHERS: usize = 100;
const BATCH: usize = 50;
/// Between two batches, so that the links become done over some seconds.
const PAUSE: Duration = Duration::from_millis(200);
const LIMIT: Duration = Duration::from_secs(60);

/// What clients saw.
struct Seen {
    /// From the last document to the end at the last client.
    last: Duration,
    /// From the first document to the last.
    writing: Duration,
}

pub(super) async fn run(settings: &BenchSettings) -> Result<()> {
    let name = |what| format!("{WATCHERS} watchers of {LINKS} links: {what}");
    let (last, queries) = (name("last event"), name("store queries"));
    if settings.includes(&last) {
        settings.report(&Measurement {
            benchmark: BENCHMARK,
            case: last,
            unit: "s",
            baseline_is: "",
            // A poll a second, and the time to send.
            target: Some(Target::Below(1.5)),
            rounds: settings.rounds(async |_| last_event_round().await).await?,
        })?;
    }
    if settings.includes(&queries) {
        let broker = KafkaBroker::start().await?;
        settings.report(&Measurement {
            benchmark: BENCHMARK,
            case: queries,
            unit: "queries",
            baseline_is: "one watcher",
            target: Some(Target::RatioBelow(1.5)),
            rounds: settings.rounds(async |_| queries_round(&broker).await).await?,
        })?;
    }
    Ok(())
}

/// The producer is a process, over a SQLite file that this process writes to.
async fn last_event_round() -> Result<Round> {
    let folder = tempfile::tempdir()?;
    let store = Arc::new(SqliteStore::open(&folder.path().join("linkrelay.sqlite"))?);
    // No record is sent.
    let (producer, addr) =
        producer_process(folder.path(), &[("KAFKA_BROKERS", "127.0.0.1:1")]).await?;
    let mut processor_seconds = Vec::new();
    let meter = LoadMeter::start()?;
    let mut seen = None;
    for watchers in [1, WATCHERS] {
        let before = processor_time(producer.pid())?;
        seen = Some(watch(addr, &*store, watchers).await?);
        processor_seconds.push((processor_time(producer.pid())? - before).as_secs_f64());
    }
    let (load, seen) = (meter.load()?, seen.context("nothing was watched")?);
    store.close().await;
    let details = json!({
        "writing_seconds": seen.writing.as_secs_f64(),
        "producer_processor_seconds": processor_seconds[1],
        "producer_processor_seconds_of_one_watcher": processor_seconds[0],
        "events": WATCHERS * LINKS as usize,
    });
    Ok(Round { ours: seen.last.as_secs_f64(), baseline: None, load, details })
}

/// The producer is within this process, over a store that counts.
async fn queries_round(broker: &KafkaBroker) -> Result<Round> {
    let store = Arc::new(FaultyStore::default());
    let topic = fresh_topic(broker).await?;
    let (addr, producer) = start_producer(broker, &topic, Arc::clone(&store) as _, None).await?;
    let count = || {
        let methods = [Method::RequestLinks, Method::RequestCounts, Method::RequestExpansions];
        methods.iter().map(|method| store.counts(*method).calls).sum::<usize>() as f64
    };
    let meter = LoadMeter::start()?;
    let mut queries = Vec::new();
    for watchers in [1, WATCHERS] {
        let before = count();
        watch(addr, &*store, watchers).await?;
        queries.push(count() - before);
    }
    let load = meter.load()?;
    producer.stop().await?;
    ensure!(queries[0] > 0.0, "no query was counted");
    Ok(Round { ours: queries[1], baseline: Some(queries[0]), load, details: json!({}) })
}

/// Lets clients watch a request whose links become done meanwhile.
async fn watch(addr: SocketAddr, store: &dyn LinkStore, watchers: usize) -> Result<Seen> {
    let id = RequestId::new(LINKS);
    let mut clients = JoinSet::new();
    for _ in 0..watchers {
        let stream = open(addr, id).await?;
        clients.spawn(timeout(LIMIT, read(stream)));
    }
    let begun = Instant::now();
    let documents = documents_of(id);
    for batch in documents.chunks(BATCH) {
        store.write_batch(batch).await?;
        tokio::time::sleep(PAUSE).await;
    }
    let last_written = Instant::now() - PAUSE;
    let mut last_seen = last_written;
    while let Some(client) = clients.join_next().await {
        let (at, links) = client?.context("a client does not see the end")??;
        ensure!(links == LINKS as usize, "a client saw {links} links");
        last_seen = last_seen.max(at);
    }
    Ok(Seen { last: last_seen - last_written, writing: last_written - begun })
}

fn documents_of(id: RequestId) -> Vec<LinkDocument> {
    let documents = sample::documents(LINKS as usize).into_iter().zip(0..);
    let of_request = |(document, index)| LinkDocument {
        id: DocumentId::of_request(id, index),
        request_id: Some(id),
        index,
        ..document
    };
    documents.map(of_request).collect()
}

/// Opens a stream of events, and waits until it is answered.
async fn open(addr: SocketAddr, id: RequestId) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(addr).await?;
    let request = format!("GET /links/{id}/events HTTP/1.1\r\nhost: {addr}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut status = [0; 12];
    stream.read_exact(&mut status).await?;
    ensure!(&status == b"HTTP/1.1 200", "answered {}", String::from_utf8_lossy(&status));
    Ok(stream)
}

/// Reads to the event that ends the stream; returns when it came, and how many links there were.
async fn read(mut stream: TcpStream) -> Result<(Instant, usize)> {
    let (mut received, mut links) = (Vec::with_capacity(1 << 16), 0);
    loop {
        let count = stream.read_buf(&mut received).await?;
        ensure!(count > 0, "the stream ended before its end");
        // All lines but the last, which may go on.
        let Some(end) = received.iter().rposition(|byte| *byte == b'\n') else { continue };
        for line in received[..end].split(|byte| *byte == b'\n') {
            match line.trim_ascii() {
                b"event: link" => links += 1,
                b"event: done" => return Ok((Instant::now(), links)),
                _ => {}
            }
        }
        received.drain(..=end);
    }
}
