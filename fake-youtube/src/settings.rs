//! The settings with which a fake YouTube starts.

use std::path::PathBuf;
use std::time::Duration;

use crate::failure::Failure;

/// How a [`FakeYouTube`](crate::FakeYouTube) starts. By default it has no delay and no failure.
#[derive(Debug, Clone, Default)]
pub struct FakeYouTubeSettings {
    /// How long every answer takes.
    pub latency: Duration,
    /// At most this much is added to `latency`.
    pub latency_jitter: Duration,
    /// The share of all videos with each failure, from 0 to 1 and together at most 1. Only the seed
    /// and a video's id decide whether it fails.
    pub rates: Vec<(Failure, f64)>,
    /// The seed of `rates` and `latency_jitter`.
    pub seed: u64,
    /// A transient failure that a rate chose is served for this many requests for its video, which
    /// then succeed; `None` means for all of them.
    pub transient_attempts: Option<u32>,
    /// After this many requests for videos, one is answered 429.
    pub throttle_every: Option<u32>,
    /// A folder of captured answers ([`CorpusCase`](crate::CorpusCase)), which are served instead
    /// of generated ones.
    pub corpus: Option<PathBuf>,
    /// Generated watch pages are padded to this size (a real one has about a million bytes).
    pub page_bytes: usize,
    /// Whether answers are packed for clients that take gzip, as YouTube's are.
    pub gzip: bool,
    /// Whether HTTP/2 is also offered, as YouTube does. A reset then ends one request instead of
    /// the connection.
    pub http2: bool,
    /// The file of the authority's certificate, which exists as long as the fake; `None` means a
    /// temporary one.
    pub ca_file: Option<PathBuf>,
}
