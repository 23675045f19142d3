//! The two processes of the benchmark: the fake YouTube, and the extractor that asks it. Each
//! prints one line of JSON.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use linkrelay_common::VideoId;
use linkrelay_extractor::{Extract, ExtractorSettings};
use linkrelay_fake_youtube::{FakeYouTube, FakeYouTubeSettings, pages};
use serde::{Deserialize, Serialize};

use super::{IN_FLIGHT, LATENCY};
use crate::machine::processor_time;

/// Which side this process is.
#[derive(Debug, Clone, clap::Parser)]
#[command(name = "extraction-side", about = "One of the two processes of `bench extraction`")]
pub enum Side {
    /// The fake YouTube, until it is killed
    Fake {
        /// The size of watch pages, which are packed with gzip if `--gzip` is given
        #[arg(long, default_value_t = 0)]
        page_bytes: usize,

        /// Packs answers
        #[arg(long)]
        gzip: bool,
    },
    /// The extractor
    Ask {
        /// The fake's address
        #[arg(long)]
        base_url: String,

        /// The fake's authority
        #[arg(long)]
        ca_cert: PathBuf,

        /// The strategies, or nothing for the default order
        #[arg(long)]
        extractors: Option<String>,

        /// How many videos to ask for
        #[arg(long)]
        links: usize,
    },
}

/// Where the fake is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct FakeAt {
    pub(super) base_url: String,
    pub(super) ca_cert: PathBuf,
}

/// What the extractor took for all links after the first ones.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Asked {
    pub(super) seconds: f64,
    pub(super) cpu_seconds: f64,
}

/// Runs one side.
///
/// # Errors
/// If it does not start, or a link fails.
pub async fn run(side: Side) -> Result<()> {
    match side {
        Side::Fake { page_bytes, gzip } => serve(page_bytes, gzip).await,
        Side::Ask { base_url, ca_cert, extractors, links } => {
            let default = ExtractorSettings::default();
            let settings = ExtractorSettings {
                extractors: extractors.unwrap_or(default.extractors),
                youtube_base_url: Some(base_url),
                youtube_ca_cert: Some(ca_cert),
                ..ExtractorSettings::default()
            };
            print(&ask(&settings.build()?, links).await?)
        }
    }
}

async fn serve(page_bytes: usize, gzip: bool) -> Result<()> {
    let settings = FakeYouTubeSettings {
        latency: LATENCY,
        page_bytes,
        gzip,
        http2: true,
        ..FakeYouTubeSettings::default()
    };
    let fake = FakeYouTube::start(settings).await?;
    print(&FakeAt { base_url: fake.base_url(), ca_cert: fake.ca_cert_path().to_owned() })?;
    std::future::pending().await
}

async fn ask(extractor: &Arc<dyn Extract>, links: usize) -> Result<Asked> {
    // Connections are made, and the code is in the caches.
    ask_all(extractor, "warm-up", 2 * IN_FLIGHT).await?;
    let own = std::process::id();
    let (began, cpu_before) = (Instant::now(), processor_time(own)?);
    ask_all(extractor, "link", links).await?;
    let cpu: Duration = processor_time(own)? - cpu_before;
    Ok(Asked { seconds: began.elapsed().as_secs_f64(), cpu_seconds: cpu.as_secs_f64() })
}

async fn ask_all(extractor: &Arc<dyn Extract>, name: &str, count: usize) -> Result<()> {
    let asks = (0..count).map(|n| async move {
        let id = pages::id_from_name(&format!("{name} {n}"));
        let id = VideoId::parse(&id).context("the fake has ids of videos")?;
        let found = extractor.extract(id, false).await?;
        anyhow::ensure!(found.video.title == pages::expected(id.as_str()).title, "another title");
        Ok(())
    });
    stream::iter(asks).buffer_unordered(IN_FLIGHT).try_collect::<()>().await
}

fn print(line: &impl Serialize) -> Result<()> {
    println!("{}", serde_json::to_string(line)?);
    Ok(())
}
