//! The extractor over HTTPS. One binary:
//! - `corpus` reads captured answers;
//! - `fake` asks the fake YouTube with each of its failures;
//! - `lists` asks it for playlists and channels;
//! - `load` asks it for many videos concurrently;
//! - `order` compares what watch pages and player answers have;
//! - `others` uses the strategies that do not read watch pages;
//! - `proxies` uses proxies that are throttled, are unreachable, or need a password;
//! - `refusals` asks it when it refuses one video, an app, or all of them;
//! - `thumbnails` asks for thumbnails;
//! - `wire` asks a small server for answers that the fake never gives.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod corpus;
mod fake;
mod lists;
mod load;
mod order;
mod others;
mod proxies;
mod refusals;
mod thumbnails;
mod wire;

use std::path::Path;
use std::sync::Arc;

use linkrelay_common::VideoId;
use linkrelay_extractor::{Extract, ExtractError, Extraction, ExtractorSettings};
use linkrelay_fake_youtube::{FakeYouTube, FakeYouTubeSettings};
use linkrelay_testkit::wait::LONG;

const ID: &str = "5fR9AHlSDtc";

/// The settings for a server that is asked instead of YouTube.
fn settings(strategies: &str, base_url: String, ca_cert: &Path) -> ExtractorSettings {
    ExtractorSettings {
        extractors: strategies.to_owned(),
        youtube_base_url: Some(base_url),
        youtube_ca_cert: Some(ca_cert.to_owned()),
        youtube_api_key: Some("a-key".into()),
        // Only a test of time-outs may depend on how fast this machine is.
        extractor_connect_timeout: LONG,
        extractor_read_timeout: LONG,
        extractor_timeout: LONG,
        // The same video fails with one failure after the other, so no answer may be cached.
        cache_entries: 0,
        cool_down_min: std::time::Duration::from_millis(1),
        ..ExtractorSettings::default()
    }
}

async fn fake() -> FakeYouTube {
    FakeYouTube::start(FakeYouTubeSettings::default()).await.unwrap()
}

/// Builds an extractor that asks this fake.
fn extractor(strategies: &str, fake: &FakeYouTube) -> Arc<dyn Extract> {
    settings(strategies, fake.base_url(), fake.ca_cert_path()).build().unwrap()
}

async fn ask(extractor: &Arc<dyn Extract>, id: &str) -> Result<Extraction, ExtractError> {
    extractor.extract(VideoId::parse(id).unwrap(), false).await
}
