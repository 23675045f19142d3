//! A YouTube of our own, over HTTPS on 127.0.0.1: every well-formed id is a video, and every
//! way in which the real one fails can be asked for.
//!
//! In reading order: [`FakeYouTube`] is the running server and what a test may do with it;
//! [`settings`] is how it starts; [`failure`] lists what can go wrong, `faults` decides when;
//! [`hits`] counts; [`corpus`] holds captured answers; `server` accepts connections, `routes`
//! answers requests.
//!
//! It must not know: who asks, or what is made of its answers.

mod answer;
mod body;
mod control;
pub mod corpus;
pub mod data_api;
pub mod failure;
mod faults;
pub mod hits;
mod latency;
mod lists;
pub mod pages;
mod routes;
mod server;
pub mod settings;
mod socket;
pub mod tls;
mod videos;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

pub use corpus::CorpusCase;
pub use data_api::ApiFailure;
pub use failure::Failure;
pub use faults::chosen_by_rate;
pub use hits::{Hits, Route};
pub use settings::FakeYouTubeSettings;

use corpus::Corpus;
use data_api::ApiState;
use faults::Faults;
use hits::Counters;
use latency::Latency;
use tls::CaFile;

/// The running server. Dropping it ends it at once; [`FakeYouTube::stop`] lets requests finish.
#[derive(Debug)]
pub struct FakeYouTube {
    addr: SocketAddr,
    ca: CaFile,
    world: Arc<World>,
    server: AbortOnDropHandle<()>,
}

/// What all connections share.
#[derive(Debug)]
struct World {
    api: ApiState,
    faults: Faults,
    hits: Counters,
    latency: Latency,
    corpus: Option<Corpus>,
    padding: Bytes,
    stop: CancellationToken,
}

impl FakeYouTube {
    /// Makes a certificate authority and a certificate, listens, and answers from then on.
    ///
    /// # Errors
    /// If the address is taken, the CA file cannot be written, or the corpus cannot be read.
    pub async fn start(settings: FakeYouTubeSettings) -> anyhow::Result<Self> {
        let corpus = match settings.corpus.clone() {
            Some(folder) => {
                Some(tokio::task::spawn_blocking(move || Corpus::read(&folder)).await??)
            }
            None => None,
        };
        let listener = TcpListener::bind(settings.addr)
            .await
            .with_context(|| format!("cannot listen on {}", settings.addr))?;
        let addr = listener.local_addr().context("the listener has no address")?;
        // Last, so that a start that fails leaves the file of a server that runs as it is.
        let (ca, tls) = tls::make(settings.addr.ip(), settings.ca_cert.as_deref(), settings.http2)?;
        let world = Arc::new(World {
            api: ApiState::default(),
            faults: Faults::new(&settings),
            hits: Counters::default(),
            latency: Latency::new(settings.latency, settings.latency_jitter, settings.seed),
            corpus,
            padding: Bytes::from(vec![b' '; settings.page_bytes]),
            stop: CancellationToken::new(),
        });
        let server = tokio::spawn(server::run(listener, tls, Arc::clone(&world)));
        Ok(Self { addr, ca, world, server: AbortOnDropHandle::new(server) })
    }

    /// `https://127.0.0.1:PORT`: the value for `YOUTUBE_BASE_URL`.
    pub fn base_url(&self) -> String {
        format!("https://{}", self.addr)
    }

    /// Where it listens; clients that insist on www.youtube.com resolve that name to it.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The PEM file of the authority to trust: the value for `YOUTUBE_CA_CERT`. It goes with
    /// this handle, unless the settings named a place for it.
    pub fn ca_cert_path(&self) -> &Path {
        self.ca.path()
    }

    /// From now on every request for this video fails so; with `None`, not any more (a rate may
    /// still choose it).
    pub fn set_failure(&self, video_id: &str, failure: Option<Failure>) {
        self.world.faults.set(video_id, failure);
    }

    /// From now on the Data API refuses every call so; with `None`, not any more.
    pub fn set_api_failure(&self, failure: Option<ApiFailure>) {
        self.world.api.set(failure);
    }

    /// Replaces the rates, as in [`FakeYouTubeSettings::rates`].
    pub fn set_rates(&self, rates: Vec<(Failure, f64)>) {
        self.world.faults.set_rates(rates);
    }

    /// Every answer takes so long; requests that wait already go by the new figure, too, so a
    /// test can hold all answers (with hours) and let them go (with zero).
    pub fn set_latency(&self, latency: Duration) {
        self.world.latency.set(latency);
    }

    /// Up to so much is added to the latency, a different part of it for each request.
    pub fn set_latency_jitter(&self, jitter: Duration) {
        self.world.latency.set_jitter(jitter);
    }

    /// What was asked since the start or the last reset.
    pub fn hits(&self) -> Hits {
        self.world.hits.read()
    }

    /// Counts from zero; requests in flight go on counting as such.
    pub fn reset_hits(&self) {
        self.world.hits.reset();
    }

    /// All captured answers, by name; empty without a corpus.
    pub fn corpus_cases(&self) -> Vec<CorpusCase> {
        self.world.corpus.as_ref().map(Corpus::cases).unwrap_or_default()
    }

    /// The id under which a captured answer is served.
    pub fn corpus_case(&self, name: &str) -> Option<String> {
        let cases = self.corpus_cases();
        cases.into_iter().find(|case| case.name == name).map(|case| case.served_as)
    }

    /// Serves a captured answer under the id that it carries, in place of another one of the
    /// same video and route, and gives that id.
    ///
    /// # Errors
    /// If there is no such case, or it carries no id.
    pub fn serve_corpus_case(&self, name: &str) -> anyhow::Result<String> {
        self.world.corpus.as_ref().context("there is no corpus")?.serve(name)
    }

    /// Stops listening, lets requests in flight finish (waits are cut short), and ends.
    pub async fn stop(self) {
        self.world.stop.cancel();
        // It ends in any case: by itself, or because it panicked and there is nothing to stop.
        drop(self.server.await);
    }
}
