//! Measures what a link costs: CPU time and allocations per call of each strategy on captured
//! answers, and links per second through the complete extractor, compared with the ideal of 64 in
//! flight at 50 ms.
//!
//! `LINKRELAY_CORPUS=… cargo bench -p linkrelay-extractor`. CPU time and allocations are those of
//! the process, including the fake server and both ends of TLS, less those of the same requests by
//! a client that discards the answers: so they are what the strategy adds with its queue and
//! reader.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark may panic")]

use std::alloc::System;
use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use futures::stream;
use linkrelay_common::VideoId;
use linkrelay_extractor::{Extract, ExtractorSettings, page};
use linkrelay_fake_youtube::pages;
use linkrelay_fake_youtube::{FakeYouTube, FakeYouTubeSettings};
use procfs::process::Process;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tokio::runtime::Handle;

/// Counts allocations, with two atomic additions for each.
#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const IN_FLIGHT: usize = 64;
const LATENCY: Duration = Duration::from_millis(50);
const PAGE_BYTES: usize = 1 << 20;
const LINKS: usize = 3_000;
const DEFAULT_ORDER: &str = "default order";
const CALLS: usize = 100;
const PARTS: &str = "snippet,contentDetails,statistics,status";
/// There is no captured answer of the Data API.
const MADE_UP: &str = "(made up)";

/// The name of the threads that the fake runs on, so that its CPU time can be measured.
const FAKE_THREADS: &str = "fake-youtube";

fn main() {
    let fakes = tokio::runtime::Builder::new_multi_thread()
        .thread_name(FAKE_THREADS)
        .enable_all()
        .build()
        .unwrap();
    tokio::runtime::Runtime::new().unwrap().block_on(measure(fakes.handle()));
}

async fn measure(fakes: &Handle) {
    if let Some(folder) = std::env::var_os("LINKRELAY_CORPUS") {
        let corpus = Some(folder.into());
        let fake = FakeYouTubeSettings { corpus, http2: true, ..FakeYouTubeSettings::default() };
        cost(&start(fakes, fake).await).await;
    }
    println!(
        "\n{:19} {:>7} {:>7} {:>6} {:>16} {:>16}",
        "strategies", "links/s", "ideal", "ratio", "own CPU ms/link", "fake CPU ms/link"
    );
    for (strategies, page_bytes) in [
        (DEFAULT_ORDER, 0),
        (DEFAULT_ORDER, PAGE_BYTES),
        ("watch_page", 0),
        ("watch_page", PAGE_BYTES),
        ("innertube", 0),
        ("oembed", 0),
        ("data_api", 0),
        ("rusty_ytdl", 0),
    ] {
        throughput(fakes, strategies, page_bytes).await;
    }
}

/// Measures the cost per call on the newest captured answer of each kind.
async fn cost(fake: &FakeYouTube) {
    println!(
        "{:12} {:28} {:>10} {:>14} {:>12} {:>14}",
        "strategy", "answer", "bytes", "CPU ms a call", "allocations", "KiB allocated"
    );
    for (strategy, case) in [
        ("watch_page", "watch-ok-2025-06"),
        ("rusty_ytdl", "watch-ok-2025-06"),
        ("innertube", "player-ok-2025-06-android"),
        ("oembed", "oembed-video-2024-06"),
        ("data_api", MADE_UP),
    ] {
        let id = match case {
            MADE_UP => pages::id_from_name("data api"),
            case => fake.serve_corpus_case(case).unwrap(),
        };
        let id = VideoId::parse(&id).unwrap();
        let body = fetch(fake, strategy, id).await;
        let extractor = extractor(strategy, fake);
        extractor.extract(id, true).await.unwrap();
        let transport = Cost::of(async || drop(fetch(fake, strategy, id).await)).await;
        let whole = Cost::of(async || drop(extractor.extract(id, true).await.unwrap())).await;
        whole.less(transport).print(strategy, case, body.len());
        if matches!(strategy, "watch_page" | "innertube") {
            let alone = Cost::of(async || drop(page::read(&body, id).unwrap())).await;
            alone.print("", "  its reader alone", body.len());
        }
    }
}

/// The cost of one call, on average.
#[derive(Debug, Clone, Copy)]
struct Cost {
    cpu: Duration,
    allocations: usize,
    allocated_bytes: usize,
}

impl Cost {
    async fn of(mut call: impl AsyncFnMut()) -> Self {
        let (region, before) = (Region::new(ALLOCATOR), process_time());
        for _ in 0..CALLS {
            call().await;
        }
        let (cpu, change) = (process_time() - before, region.change());
        Self {
            cpu: cpu / u32::try_from(CALLS).unwrap(),
            allocations: (change.allocations + change.reallocations) / CALLS,
            allocated_bytes: change.bytes_allocated / CALLS,
        }
    }

    fn less(self, other: Self) -> Self {
        Self {
            cpu: self.cpu.saturating_sub(other.cpu),
            allocations: self.allocations.saturating_sub(other.allocations),
            allocated_bytes: self.allocated_bytes.saturating_sub(other.allocated_bytes),
        }
    }

    fn print(self, strategy: &str, answer: &str, answer_bytes: usize) {
        println!(
            "{strategy:12} {answer:28} {answer_bytes:>10} {:>14.3} {:>12} {:>14}",
            self.cpu.as_secs_f64() * 1_000.0,
            self.allocations,
            self.allocated_bytes / 1_024,
        );
    }
}

/// Makes the strategy's request with a bare client.
async fn fetch(
    fake: &FakeYouTube,
    strategy: &str,
    id: VideoId,
) -> impl Deref<Target = [u8]> + use<> {
    thread_local! {
        static CLIENT: std::cell::OnceCell<reqwest::Client> = const { std::cell::OnceCell::new() };
    }
    let client = CLIENT.with(|client| client.get_or_init(|| bare_client(fake)).clone());
    let (base, id) = (fake.base_url(), id.as_str());
    let request = match strategy {
        "innertube" => client
            .post(format!("{base}/youtubei/v1/player"))
            .json(&serde_json::json!({"videoId": id})),
        "oembed" => client.get(format!(
            "{base}/oembed?format=json&url=https%3A%2F%2Fwww.youtube.com%2Fwatch%3Fv%3D{id}"
        )),
        "data_api" => client
            .get(format!("{base}/youtube/v3/videos?part={PARTS}&id={id}"))
            .header("x-goog-api-key", "a key"),
        _ => client.get(format!("{base}/watch?v={id}")),
    };
    request.send().await.unwrap().bytes().await.unwrap()
}

fn bare_client(fake: &FakeYouTube) -> reqwest::Client {
    let pem = std::fs::read(fake.ca_cert_path()).unwrap();
    let certificate = reqwest::Certificate::from_pem(&pem).unwrap();
    reqwest::Client::builder().add_root_certificate(certificate).no_proxy().build().unwrap()
}

fn process_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap(), time.tv_nsec.try_into().unwrap())
}

/// Starts a fake on its own threads.
async fn start(fakes: &Handle, settings: FakeYouTubeSettings) -> FakeYouTube {
    fakes.spawn(FakeYouTube::start(settings)).await.unwrap().unwrap()
}

/// Returns the CPU time of those of the fake's threads that have not ended.
fn fake_time() -> Duration {
    let tasks = Process::myself().unwrap().tasks().unwrap();
    // A thread may end between the two looks.
    let stats = tasks.filter_map(|task| task.ok()?.stat().ok());
    let fakes = stats.filter(|stat| stat.comm.ends_with(FAKE_THREADS));
    let ticks: u64 = fakes.map(|stat| stat.utime + stat.stime).sum();
    Duration::from_millis(ticks * 1_000 / procfs::ticks_per_second())
}

async fn throughput(fakes: &Handle, strategies: &str, page_bytes: usize) {
    let settings = FakeYouTubeSettings {
        latency: LATENCY,
        page_bytes,
        http2: true,
        ..FakeYouTubeSettings::default()
    };
    let fake = start(fakes, settings).await;
    let extractor = extractor(strategies, &fake);
    let links = if strategies == "rusty_ytdl" { LINKS / 20 } else { LINKS };
    let warm_up = ids(IN_FLIGHT, "warm-up");
    ask_all(&extractor, warm_up).await;
    let (began, all_before, fake_before) = (Instant::now(), process_time(), fake_time());
    ask_all(&extractor, ids(links, "link")).await;
    let rate = links as f64 / began.elapsed().as_secs_f64();
    let (all, fakes) = (process_time() - all_before, fake_time() - fake_before);
    let per_link = |time: Duration| time.as_secs_f64() * 1_000.0 / links as f64;
    let ideal = IN_FLIGHT as f64 / LATENCY.as_secs_f64();
    let name = if page_bytes > 0 { format!("{strategies}, 1 MB") } else { strategies.to_owned() };
    println!(
        "{name:19} {rate:>7.0} {ideal:>7.0} {:>6.2} {:>16.3} {:>16.3}",
        rate / ideal,
        per_link(all.saturating_sub(fakes)),
        per_link(fakes),
    );
}

fn ids(count: usize, name: &str) -> Vec<VideoId> {
    let ids = (0..count).map(|n| pages::id_from_name(&format!("{name} {n}")));
    ids.map(|id| VideoId::parse(&id).unwrap()).collect()
}

async fn ask_all(extractor: &Arc<dyn Extract>, ids: Vec<VideoId>) {
    let asks = stream::iter(ids).map(|id| {
        let extractor = extractor.clone();
        async move { extractor.extract(id, false).await.unwrap() }
    });
    asks.buffer_unordered(IN_FLIGHT).for_each(async |_| {}).await;
}

fn extractor(strategies: &str, fake: &FakeYouTube) -> Arc<dyn Extract> {
    let extractors = match strategies {
        DEFAULT_ORDER => ExtractorSettings::default().extractors,
        strategies => strategies.to_owned(),
    };
    let settings = ExtractorSettings {
        extractors,
        youtube_api_key: Some("a key".into()),
        youtube_base_url: Some(fake.base_url()),
        youtube_ca_cert: Some(fake.ca_cert_path().to_owned()),
        ..ExtractorSettings::default()
    };
    settings.build().unwrap()
}
