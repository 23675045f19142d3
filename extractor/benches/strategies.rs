//! What a link costs: CPU time per call of each strategy on captured answers, and links a second
//! through the whole extractor against the ideal of 64 in flight at 50 ms.
//!
//! `LINKRELAY_CORPUS=… cargo bench -p linkrelay-extractor`. The CPU time is that of the whole
//! process, the fake server's and both ends of TLS included, less that of the same requests by a
//! client that throws the answers away: so it is what the strategy adds, queue and reader.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark may panic")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use futures::stream;
use linkrelay_common::VideoId;
use linkrelay_extractor::{Extract, ExtractorSettings, page};
use linkrelay_testkit::pages;
use linkrelay_testkit::youtube::{FakeYouTube, FakeYouTubeSettings};

const IN_FLIGHT: usize = 64;
const LATENCY: Duration = Duration::from_millis(50);
const PAGE_BYTES: usize = 1 << 20;
const LINKS: usize = 3_000;
const CALLS: usize = 100;

#[tokio::main]
async fn main() {
    if let Some(folder) = std::env::var_os("LINKRELAY_CORPUS") {
        let corpus = Some(folder.into());
        let fake = FakeYouTubeSettings { corpus, http2: true, ..FakeYouTubeSettings::default() };
        cost(&FakeYouTube::start(fake).await.unwrap()).await;
    }
    println!("\n{:12} {:>12} {:>12} {:>7}", "strategies", "links/s", "ideal", "ratio");
    for (strategies, page_bytes) in [
        ("watch_page", 0),
        ("watch_page", PAGE_BYTES),
        ("innertube", 0),
        ("oembed", 0),
        ("rusty_ytdl", 0),
    ] {
        throughput(strategies, page_bytes).await;
    }
}

/// CPU time per call on the newest captured answer of each kind.
async fn cost(fake: &FakeYouTube) {
    println!("{:12} {:28} {:>10} {:>14}", "strategy", "answer", "bytes", "CPU ms a call");
    for (strategy, case) in [
        ("watch_page", "watch-ok-2025-06"),
        ("rusty_ytdl", "watch-ok-2025-06"),
        ("innertube", "player-ok-2025-06-android"),
        ("oembed", "oembed-video-2024-06"),
    ] {
        let id = VideoId::parse(&fake.serve_corpus_case(case).unwrap()).unwrap();
        let body = fetch(fake, strategy, id).await;
        let extractor = extractor(strategy, fake);
        extractor.extract(id, true).await.unwrap();
        let transport = cpu(async || drop(fetch(fake, strategy, id).await)).await;
        let whole = cpu(async || drop(extractor.extract(id, true).await.unwrap())).await;
        let added = whole.saturating_sub(transport).as_secs_f64() * 1_000.0;
        println!("{strategy:12} {case:28} {:>10} {added:>14.3}", body.len());
        if matches!(strategy, "watch_page" | "innertube") {
            let alone = cpu(async || drop(page::read(&body, id).unwrap())).await;
            let alone = alone.as_secs_f64() * 1_000.0;
            println!("{:12} {:28} {:>10} {alone:>14.3}", "", "  its reader alone", "");
        }
    }
}

/// The same request by a bare client.
async fn fetch(fake: &FakeYouTube, strategy: &str, id: VideoId) -> Vec<u8> {
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
        _ => client.get(format!("{base}/watch?v={id}")),
    };
    request.send().await.unwrap().bytes().await.unwrap().to_vec()
}

fn bare_client(fake: &FakeYouTube) -> reqwest::Client {
    let pem = std::fs::read(fake.ca_cert_path()).unwrap();
    let certificate = reqwest::Certificate::from_pem(&pem).unwrap();
    reqwest::Client::builder().add_root_certificate(certificate).no_proxy().build().unwrap()
}

/// CPU time of the process per call.
async fn cpu(mut call: impl AsyncFnMut()) -> Duration {
    let before = process_time();
    for _ in 0..CALLS {
        call().await;
    }
    (process_time() - before) / u32::try_from(CALLS).unwrap()
}

fn process_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap(), time.tv_nsec.try_into().unwrap())
}

async fn throughput(strategies: &str, page_bytes: usize) {
    let settings = FakeYouTubeSettings {
        latency: LATENCY,
        page_bytes,
        http2: true,
        ..FakeYouTubeSettings::default()
    };
    let fake = FakeYouTube::start(settings).await.unwrap();
    let extractor = extractor(strategies, &fake);
    let links = if strategies == "rusty_ytdl" { LINKS / 20 } else { LINKS };
    let warm_up = ids(IN_FLIGHT, "warm-up");
    ask_all(&extractor, warm_up).await;
    let began = Instant::now();
    ask_all(&extractor, ids(links, "link")).await;
    let rate = links as f64 / began.elapsed().as_secs_f64();
    let ideal = IN_FLIGHT as f64 / LATENCY.as_secs_f64();
    let name = if page_bytes > 0 { format!("{strategies}, 1 MB") } else { strategies.to_owned() };
    println!("{name:18} {rate:>6.0} {ideal:>12.0} {:>7.2}", rate / ideal);
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
    let settings = ExtractorSettings {
        extractors: strategies.to_owned(),
        youtube_base_url: Some(fake.base_url()),
        youtube_ca_cert: Some(fake.ca_cert_path().to_owned()),
        ..ExtractorSettings::default()
    };
    settings.build().unwrap()
}
