//! How a fake YouTube starts.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::failure::Failure;

/// How a [`FakeYouTube`](crate::FakeYouTube) starts. By default: a free port, no delay, no
/// failure.
#[derive(Debug, Clone)]
pub struct FakeYouTubeSettings {
    /// Where to listen; port 0 takes a free one.
    pub addr: SocketAddr,
    /// How long every answer takes.
    pub latency: Duration,
    /// Up to so much is added to it.
    pub latency_jitter: Duration,
    /// Videos that fail, by id.
    pub failures: HashMap<String, Failure>,
    /// Which part of all videos fails so, from 0 to 1; together at most 1. The seed and the id
    /// alone decide which ones.
    pub rates: Vec<(Failure, f64)>,
    /// See `rates`.
    pub seed: u64,
    /// A transient failure that a rate chose happens for the first so many requests of its
    /// video, which then succeeds; without end if `None`.
    pub transient_attempts: Option<u32>,
    /// After so many requests for videos, one is answered 429.
    pub throttle_every: Option<u32>,
    /// A folder of captured answers ([`CorpusCase`](crate::CorpusCase)), served in place of
    /// generated ones.
    pub corpus: Option<PathBuf>,
    /// Where to write the authority's certificate (PEM); a temporary file if `None`.
    pub ca_cert: Option<PathBuf>,
    /// Generated watch pages are filled up to so many bytes (a real one has about a million).
    pub page_bytes: usize,
    /// Also offers HTTP/2, as YouTube does. Then a reset ends one request, not the connection.
    pub http2: bool,
}

impl Default for FakeYouTubeSettings {
    fn default() -> Self {
        Self {
            addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            latency: Duration::ZERO,
            latency_jitter: Duration::ZERO,
            failures: HashMap::new(),
            rates: Vec::new(),
            seed: 0,
            transient_attempts: None,
            throttle_every: None,
            corpus: None,
            ca_cert: None,
            page_bytes: 0,
            http2: false,
        }
    }
}
