//! The running server, and what a test may do with it.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

use crate::corpus::{Corpus, CorpusCase};
use crate::failure::{ApiFailure, Failure};
use crate::hits::Hits;
use crate::server;
use crate::settings::FakeYouTubeSettings;
use crate::tls::{self, CaFile};
use crate::world::World;

/// The running server. Dropping it ends it at once; [`FakeYouTube::stop`] lets requests finish.
#[derive(Debug)]
pub struct FakeYouTube {
    addr: SocketAddr,
    ca: CaFile,
    world: Arc<World>,
    server: AbortOnDropHandle<()>,
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
        let world = Arc::new(World::new(&settings, corpus));
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
        self.world.faults.set_api(failure);
    }

    /// Replaces the rates, as in [`FakeYouTubeSettings::rates`].
    pub fn set_rates(&self, rates: Vec<(Failure, f64)>) {
        self.world.faults.set_rates(rates);
    }

    /// Every answer takes so long, also those of requests that wait already: a test can hold all
    /// answers (with hours) and let them go (with zero).
    pub fn set_latency(&self, latency: Duration) {
        self.world.latency.set(latency);
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

#[cfg(test)]
mod tests {
    use reqwest::{Certificate, Client};

    use super::*;

    async fn until_in_flight(world: &World, count: u64) {
        let looking = async {
            while world.hits.read().in_flight != count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), looking).await.unwrap();
    }

    #[tokio::test]
    async fn nothing_goes_on_after_a_drop() {
        for http2 in [false, true] {
            let settings = FakeYouTubeSettings {
                rates: vec![(Failure::Hang, 1.0)],
                http2,
                ..FakeYouTubeSettings::default()
            };
            let fake = FakeYouTube::start(settings).await.unwrap();
            let world = Arc::clone(&fake.world);
            let pem = std::fs::read(fake.ca_cert_path()).unwrap();
            let ca = Certificate::from_pem(&pem).unwrap();
            let client = Client::builder().add_root_certificate(ca).build().unwrap();
            let url = format!("{}/watch?v=aaaaaaaaaaa", fake.base_url());
            let hanging = tokio::spawn(async move { client.get(url).send().await });
            until_in_flight(&world, 1).await;
            drop(fake);
            until_in_flight(&world, 0).await;
            assert!(hanging.await.unwrap().is_err());
        }
    }
}
