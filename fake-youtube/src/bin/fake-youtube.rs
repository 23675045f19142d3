//! The fake YouTube as a program of its own, for tests in other processes and for trying out.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use linkrelay_fake_youtube::{Failure, FakeYouTube, FakeYouTubeSettings};
use tokio::signal::unix::{SignalKind, signal};

/// A YouTube of your own: every well-formed id is a video, every failure can be asked for.
///
/// While it runs: GET /__hits shows what was asked (DELETE sets it to zero), and POST
/// /__failures, /__rates and /__latency change what happens.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Where to listen; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:8443")]
    addr: SocketAddr,
    /// How long every answer takes, as in 1.2s
    #[arg(long, default_value = "0s", value_parser = humantime::parse_duration)]
    latency: Duration,
    /// Up to so much is added to it
    #[arg(long, default_value = "0s", value_parser = humantime::parse_duration)]
    latency_jitter: Duration,
    /// A video that fails, as in dQw4w9WgXcQ=private (may be given several times)
    #[arg(long = "failure", allow_hyphen_values = true, value_name = "ID=KIND", value_parser = parse_failure)]
    failures: Vec<(String, Failure)>,
    /// Which part of all videos fails so, as in throttled:5s=0.05 (may be given several times)
    #[arg(long = "rate", value_name = "KIND=PART", value_parser = parse_rate)]
    rates: Vec<(Failure, f64)>,
    /// Chooses other videos for the rates
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// A transient failure chosen by a rate ends after so many requests (default: never)
    #[arg(long)]
    transient_attempts: Option<u32>,
    /// After so many requests for videos, one is answered 429
    #[arg(long)]
    throttle_every: Option<u32>,
    /// Folder of captured answers to serve
    #[arg(long, value_name = "DIR")]
    corpus: Option<PathBuf>,
    /// Where to write the certificate of the authority to trust
    #[arg(long, value_name = "PATH", default_value = "fake-youtube-ca.pem")]
    ca_cert: PathBuf,
    /// Watch pages are filled up to so many bytes (a real one has about a million)
    #[arg(long, default_value_t = 0)]
    page_bytes: usize,
    /// Also offers HTTP/2
    #[arg(long)]
    http2: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let settings = Arguments::parse().into_settings();
    let mut terminate = signal(SignalKind::terminate()).context("cannot hear SIGTERM")?;
    let fake = FakeYouTube::start(settings).await?;
    println!(
        "YOUTUBE_BASE_URL={} YOUTUBE_CA_CERT={}",
        fake.base_url(),
        fake.ca_cert_path().display()
    );
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted.context("cannot hear Ctrl-C")?,
        _ = terminate.recv() => {}
    }
    let hits = fake.hits();
    fake.stop().await;
    println!("{}", serde_json::to_string_pretty(&hits)?);
    Ok(())
}

impl Arguments {
    fn into_settings(self) -> FakeYouTubeSettings {
        FakeYouTubeSettings {
            addr: self.addr,
            latency: self.latency,
            latency_jitter: self.latency_jitter,
            failures: self.failures.into_iter().collect(),
            rates: self.rates,
            seed: self.seed,
            transient_attempts: self.transient_attempts,
            throttle_every: self.throttle_every,
            corpus: self.corpus,
            ca_cert: Some(self.ca_cert),
            page_bytes: self.page_bytes,
            http2: self.http2,
        }
    }
}

fn parse_failure(text: &str) -> anyhow::Result<(String, Failure)> {
    // An id has no `=`, and neither has a kind.
    let (id, kind) = text.split_once('=').context("expected ID=KIND")?;
    Ok((id.to_owned(), kind.parse()?))
}

fn parse_rate(text: &str) -> anyhow::Result<(Failure, f64)> {
    let (kind, part) = text.split_once('=').context("expected KIND=PART")?;
    let part: f64 = part.parse().with_context(|| format!("{part:?} is not a number"))?;
    anyhow::ensure!((0.0..=1.0).contains(&part), "{part} is not between 0 and 1");
    Ok((kind.parse()?, part))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_are_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn failures_and_rates_are_read_and_nonsense_is_refused() {
        let line = ["fake-youtube", "--failure", "-aaaaaaaaaa=hang", "--rate", "throttled:5s=0.25"];
        let settings = Arguments::parse_from(line).into_settings();
        assert_eq!(settings.failures.get("-aaaaaaaaaa"), Some(&Failure::Hang));
        let wait = Some(Duration::from_secs(5));
        assert_eq!(settings.rates, [(Failure::Throttled { retry_after: wait }, 0.25)]);
        for rate in ["private", "private=2", "private=x", "nothing=0.5"] {
            assert!(Arguments::try_parse_from(["fake-youtube", "--rate", rate]).is_err(), "{rate}");
        }
    }
}
