//! The running server, and what a test may change and read while it runs.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tempfile::TempPath;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

use crate::corpus::{Corpus, CorpusCase};
use crate::edits::Edit;
use crate::failure::{ApiFailure, Failure};
use crate::hits::Hits;
use crate::server;
use crate::settings::FakeYouTubeSettings;
use crate::shared::Shared;
use crate::tls;

/// The running server. Dropping it ends it immediately; [`FakeYouTube::stop`] lets requests in
/// flight finish.
#[derive(Debug)]
pub struct FakeYouTube {
    addr: SocketAddr,
    ca: TempPath,
    shared: Arc<Shared>,
    server: AbortOnDropHandle<()>,
}

impl FakeYouTube {
    /// Starts a server on a free port of 127.0.0.1, with a new certificate.
    ///
    /// # Errors
    /// If there is no free port, the certificate cannot be written, or the corpus cannot be read.
    pub async fn start(settings: FakeYouTubeSettings) -> anyhow::Result<Self> {
        let corpus = match settings.corpus.clone() {
            Some(folder) => {
                Some(tokio::task::spawn_blocking(move || Corpus::read(&folder)).await??)
            }
            None => None,
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.context("there is no port to listen on")?;
        let addr = listener.local_addr().context("the listener has no address")?;
        let (ca, tls) = tls::make(settings.http2, settings.ca_file.as_deref())?;
        let shared = Arc::new(Shared::new(&settings, corpus));
        let server = tokio::spawn(server::run(listener, tls, Arc::clone(&shared)));
        Ok(Self { addr, ca, shared, server: AbortOnDropHandle::new(server) })
    }

    /// Returns `https://127.0.0.1:PORT`, the value for `YOUTUBE_BASE_URL`.
    pub fn base_url(&self) -> String {
        format!("https://{}", self.addr)
    }

    /// Returns its address, to which a proxy connects.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Returns the PEM file of the authority to trust, the value for `YOUTUBE_CA_CERT`. It is
    /// deleted with this handle.
    pub fn ca_cert_path(&self) -> &Path {
        &self.ca
    }

    /// From now on every request for this video fails like this; with `None`, only as the rates
    /// choose.
    pub fn set_failure(&self, video_id: &str, failure: Option<Failure>) {
        self.shared.faults.set(video_id, failure);
    }

    /// From now on the generated answers about this video are changed like this.
    pub fn set_edit(&self, video_id: &str, edit: Edit) {
        self.shared.edits.set(video_id, edit);
    }

    /// From now on every request for a video fails like this, also for the canary; with `None`, only
    /// as chosen for single videos. [`Failure::Deleted`] is YouTube that tells a rate limit as "video
    /// unavailable".
    pub fn set_failure_of_all(&self, failure: Option<Failure>) {
        self.shared.faults.set_all(failure);
    }

    /// From now on the Data API refuses every call like this; with `None`, it answers.
    pub fn set_api_failure(&self, failure: Option<ApiFailure>) {
        self.shared.faults.set_api(failure);
    }

    /// Replaces [`FakeYouTubeSettings::rates`].
    pub fn set_rates(&self, rates: Vec<(Failure, f64)>) {
        self.shared.faults.set_rates(rates);
    }

    /// From now on every answer takes this long, also those of requests in flight: a test can hold
    /// all answers (with hours) and release them (with zero).
    pub fn set_latency(&self, latency: Duration) {
        self.shared.latency.set(latency);
    }

    /// Returns what was counted since the start or the last reset.
    pub fn hits(&self) -> Hits {
        self.shared.hits.read()
    }

    /// Counts from zero again; requests in flight still count as in flight.
    pub fn reset_hits(&self) {
        self.shared.hits.reset();
    }

    /// Returns all captured answers by name; without a corpus the list is empty.
    pub fn corpus_cases(&self) -> Vec<CorpusCase> {
        self.shared.corpus.as_ref().map(Corpus::cases).unwrap_or_default()
    }

    /// Serves a captured answer under the id that it carries, instead of another answer about the
    /// same video on the same route, and returns that id.
    ///
    /// # Errors
    /// If there is no such case, or it carries no id.
    pub fn serve_corpus_case(&self, name: &str) -> anyhow::Result<String> {
        self.shared.corpus.as_ref().context("there is no corpus")?.serve(name)
    }

    /// Stops listening, lets requests in flight finish without their latency, and ends.
    pub async fn stop(self) {
        self.shared.stop.cancel();
        // A server that has panicked has ended as well.
        drop(self.server.await);
    }
}

#[cfg(test)]
mod tests {
    use reqwest::{Certificate, Client};

    use super::*;

    async fn until_in_flight(shared: &Shared, count: u64) {
        let looking = async {
            while shared.hits.read().in_flight != count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), looking).await.unwrap();
    }

    #[tokio::test]
    async fn a_drop_ends_all_requests_and_deletes_the_certificate() {
        for http2 in [false, true] {
            let settings = FakeYouTubeSettings {
                rates: vec![(Failure::Hang, 1.0)],
                http2,
                ..FakeYouTubeSettings::default()
            };
            let fake = FakeYouTube::start(settings).await.unwrap();
            let (addr, shared) = (fake.addr(), Arc::clone(&fake.shared));
            let ca_path = fake.ca_cert_path().to_owned();
            let ca = Certificate::from_pem(&std::fs::read(&ca_path).unwrap()).unwrap();
            let client = Client::builder().add_root_certificate(ca).build().unwrap();
            let url = format!("{}/watch?v=aaaaaaaaaaa", fake.base_url());
            let hanging = tokio::spawn(async move { client.get(url).send().await });
            until_in_flight(&shared, 1).await;
            drop(fake);
            until_in_flight(&shared, 0).await;
            assert!(hanging.await.unwrap().is_err());
            assert!(!ca_path.exists());
            assert!(tokio::net::TcpStream::connect(addr).await.is_err());
        }
    }
}
