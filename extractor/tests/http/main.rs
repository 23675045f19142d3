//! The extractor over HTTPS. One binary:
//! - `corpus` reads captured answers;
//! - `fake` asks the fake YouTube, in every way that it can fail;
//! - `lists` asks it for playlists and channels;
//! - `load` asks it for many videos at once;
//! - `others` asks it in the ways that are not watch pages;
//! - `proxies` asks it by ways that are throttled, lead nowhere, or want a password;
//! - `wire` asks a server of a few lines that answers what the fake never would.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod corpus;
mod fake;
mod lists;
mod load;
mod others;
mod proxies;
mod wire;

use std::path::Path;
use std::sync::Arc;

use linkrelay_common::VideoId;
use linkrelay_extractor::{Extract, ExtractError, Extraction, ExtractorSettings};

const ID: &str = "5fR9AHlSDtc";

/// The settings for a server in place of YouTube.
fn settings(strategies: &str, base_url: String, ca_cert: &Path) -> ExtractorSettings {
    ExtractorSettings {
        extractors: strategies.to_owned(),
        youtube_base_url: Some(base_url),
        youtube_ca_cert: Some(ca_cert.to_owned()),
        youtube_api_key: Some("a-key".into()),
        // The same video fails in one way after the other; nothing of it is to be remembered.
        cache_entries: 0,
        cool_down_min: std::time::Duration::from_millis(1),
        ..ExtractorSettings::default()
    }
}

async fn ask(extractor: &Arc<dyn Extract>, id: &str) -> Result<Extraction, ExtractError> {
    extractor.extract(VideoId::parse(id).unwrap(), false).await
}
