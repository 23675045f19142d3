//! A closed loop: a number of connections, each with a request in flight at all times.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use futures::future::try_join_all;
use linkrelay_http::keys::KeyText;

use super::connection::Connection;
use super::on_own_thread;
use crate::sample::{body, link};
use crate::stats::Percentiles;

/// The HTTP path that links are posted to.
pub(crate) const PATH: &str = "/links/send-message-kafka";

/// How much load is sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClosedLoop {
    /// Connections, and so requests in flight.
    pub(crate) connections: usize,
    /// Links in one request, each to a different video.
    pub(crate) links_per_request: usize,
    /// The time before answers are counted.
    pub(crate) warm_up: Duration,
    /// The time in which answers are counted.
    pub(crate) duration: Duration,
}

/// What was posted.
#[derive(Debug)]
pub(crate) struct Posted {
    /// Requests answered 201 in the counted time.
    pub(crate) requests: usize,
    /// The counted time.
    pub(crate) took: Duration,
    /// Links answered 201 since the beginning of the load.
    pub(crate) links_acknowledged: usize,
    /// From the request's first byte to the answer's last, in the counted time.
    pub(crate) latencies: Option<Percentiles>,
}

impl Posted {
    /// Requests answered 201 a second.
    pub(crate) fn requests_per_second(&self) -> f64 {
        self.requests as f64 / self.took.as_secs_f64()
    }
}

impl ClosedLoop {
    /// Posts to the producer at this address.
    ///
    /// # Errors
    /// If an answer is not 201.
    pub(crate) async fn run(self, addr: SocketAddr) -> Result<Posted> {
        self.run_with_key(addr, None).await
    }

    /// Like [`ClosedLoop::run`], with an API key.
    ///
    /// # Errors
    /// As of [`ClosedLoop::run`].
    pub(crate) async fn run_with_key(
        self,
        addr: SocketAddr,
        key: Option<KeyText>,
    ) -> Result<Posted> {
        on_own_thread(move || self.post_all(addr, key)).await
    }

    async fn post_all(self, addr: SocketAddr, key: Option<KeyText>) -> Result<Posted> {
        let numbers = Arc::new(AtomicUsize::new(0));
        let counted_from = Instant::now() + self.warm_up;
        let ends = counted_from + self.duration;
        let clients = (0..self.connections)
            .map(|_| self.post_until(addr, key.as_ref(), Arc::clone(&numbers), counted_from, ends));
        let latencies: Vec<Duration> = try_join_all(clients).await?.concat();
        Ok(Posted {
            requests: latencies.len(),
            took: self.duration,
            links_acknowledged: numbers.load(Ordering::Relaxed),
            latencies: Percentiles::of(latencies),
        })
    }

    /// Posts over one connection, and returns how long each answer in the counted time took.
    async fn post_until(
        self,
        addr: SocketAddr,
        key: Option<&KeyText>,
        numbers: Arc<AtomicUsize>,
        counted_from: Instant,
        ends: Instant,
    ) -> Result<Vec<Duration>> {
        let mut connection = Connection::open(addr, PATH, key).await?;
        let mut latencies = Vec::new();
        loop {
            let begun = Instant::now();
            if begun >= ends {
                return Ok(latencies);
            }
            let first = numbers.fetch_add(self.links_per_request, Ordering::Relaxed);
            let links: Vec<String> = (first..first + self.links_per_request).map(link).collect();
            let response = connection.post(body(&links).as_bytes()).await?;
            let text = String::from_utf8_lossy(response.body);
            ensure!(response.status == 201, "answered {}: {text}", response.status);
            let answered = Instant::now();
            if (counted_from..ends).contains(&answered) {
                latencies.push(answered - begun);
            }
        }
    }
}
