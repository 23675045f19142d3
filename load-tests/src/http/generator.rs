//! Load: so many connections, each with a request under way at all times. Runs on a thread of
//! its own, so that it takes at most one processor from the server, whichever that is.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures::future::try_join_all;

use super::client::Connection;
use crate::sample::id_text;
use crate::stats::Percentiles;

/// Where links are posted to.
pub const PATH: &str = "/links/send-message-kafka";

/// How much load.
#[derive(Debug, Clone, Copy)]
pub struct Generator {
    /// Connections, and so requests under way.
    pub connections: usize,
    /// Each to a different video.
    pub links_per_request: usize,
    /// Not counted.
    pub warm_up: Duration,
    /// Counted.
    pub duration: Duration,
}

/// What came of it.
#[derive(Debug)]
pub struct Generated {
    /// Answered 201, in the counted time.
    pub requests: usize,
    /// The counted time.
    pub took: Duration,
    /// Links answered 201 since the beginning.
    pub links_acknowledged: usize,
    /// From the request's first byte to the answer's last.
    pub latencies: Option<Percentiles>,
}

impl Generated {
    /// Requests answered 201 a second.
    pub fn requests_per_second(&self) -> f64 {
        self.requests as f64 / self.took.as_secs_f64()
    }
}

impl Generator {
    /// Posts to the server there.
    ///
    /// # Errors
    /// If an answer is not 201.
    pub async fn run(self, addr: SocketAddr) -> Result<Generated> {
        let run = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(self.generate(addr))
        };
        let (sender, generated) = tokio::sync::oneshot::channel();
        std::thread::Builder::new()
            .name("load".to_owned())
            // Whoever would hear of it has gone.
            .spawn(move || drop(sender.send(run())))?;
        generated.await.context("the load generator panicked")?
    }

    async fn generate(self, addr: SocketAddr) -> Result<Generated> {
        let numbers = Arc::new(AtomicUsize::new(0));
        let counted_from = Instant::now() + self.warm_up;
        let ends = counted_from + self.duration;
        let clients = (0..self.connections)
            .map(|_| self.post_until(addr, Arc::clone(&numbers), counted_from, ends));
        let latencies: Vec<Duration> = try_join_all(clients).await?.concat();
        Ok(Generated {
            requests: latencies.len(),
            took: self.duration,
            links_acknowledged: numbers.load(Ordering::Relaxed),
            latencies: Percentiles::of(latencies),
        })
    }

    /// One connection. Gives how long each answer took that came in the counted time.
    async fn post_until(
        self,
        addr: SocketAddr,
        numbers: Arc<AtomicUsize>,
        counted_from: Instant,
        ends: Instant,
    ) -> Result<Vec<Duration>> {
        let mut connection = Connection::open(addr, PATH).await?;
        let (mut body, mut latencies) = (String::new(), Vec::new());
        loop {
            let begun = Instant::now();
            if begun >= ends {
                return Ok(latencies);
            }
            let first = numbers.fetch_add(self.links_per_request, Ordering::Relaxed);
            write_body(&mut body, first, self.links_per_request);
            let answer = connection.post(body.as_bytes()).await?;
            let text = String::from_utf8_lossy(answer.body);
            ensure!(answer.status == 201, "answered {}: {text}", answer.status);
            let answered = Instant::now();
            if (counted_from..ends).contains(&answered) {
                latencies.push(answered - begun);
            }
        }
    }
}

/// `{"links":"…"}`, or a list if there are more.
pub fn write_body(body: &mut String, first: usize, links_count: usize) {
    body.clear();
    let (before, after) = if links_count == 1 { ("", "") } else { ("[", "]") };
    body.push_str("{\"links\":");
    body.push_str(before);
    for number in first..first + links_count {
        let comma = if number == first { "" } else { "," };
        // Writing into a String cannot fail.
        let _written =
            write!(body, "{comma}\"https://www.youtube.com/watch?v={}\"", id_text(number));
    }
    body.push_str(after);
    body.push('}');
}

#[cfg(test)]
mod tests {
    use linkrelay_kafka::LinkMessage;

    use super::*;
    use crate::sample::link;

    #[test]
    fn a_body_has_the_links_of_its_numbers() {
        let mut body = String::new();
        for links_count in [1, 3] {
            write_body(&mut body, 7, links_count);
            let read = LinkMessage::decode(body.as_bytes()).unwrap();
            assert_eq!(read.links, (7..7 + links_count).map(link).collect::<Vec<_>>());
        }
    }
}
