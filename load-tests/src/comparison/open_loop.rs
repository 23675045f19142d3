//! Our own load generator, for machines without Node: an open loop, as Artillery's is.
//!
//! Every request has its moment, decided before the first one, and its time counts from that
//! moment: a server that stalls cannot slow the load down, nor hide how long people would have
//! waited. Each request has a connection of its own, since each is somebody else's. Runs on a
//! thread of its own, so that it takes at most one processor from the servers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;

use super::answer::Answer;
use super::links::{Links, body};
use super::request::{Outcome, Progress, Request, SentLoad};
use crate::http::client::Connection;

/// Between the decision to begin and the first request: a new thread takes a moment.
const HEAD_START: Duration = Duration::from_millis(100);

/// What is sent where, and when.
#[derive(Debug)]
pub struct OpenLoop {
    /// The producer.
    pub addr: SocketAddr,
    /// Its route.
    pub route: &'static str,
    /// From the beginning on, in order.
    pub moments: Vec<Duration>,
    /// What is in the requests.
    pub links: Links,
    /// How long a client waits.
    pub client_timeout: Duration,
    /// Is told of every request's end.
    pub progress: Arc<Progress>,
}

impl OpenLoop {
    /// Sends all of it, and waits for every end. Dropping the future ends it.
    ///
    /// # Errors
    /// If it panics.
    pub async fn run(self) -> Result<SentLoad> {
        let stop = CancellationToken::new();
        let _stop_guard = stop.clone().drop_guard();
        let (sender, sent) = tokio::sync::oneshot::channel();
        let run = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let sending = stop.run_until_cancelled_owned(self.send_all());
            runtime.block_on(sending).context("the load was stopped")?
        };
        // If nobody waits for it any more, it was stopped.
        std::thread::Builder::new()
            .name("load".to_owned())
            .spawn(move || drop(sender.send(run())))?;
        sent.await.context("the load generator panicked")?
    }

    async fn send_all(self) -> Result<SentLoad> {
        let begun = Instant::now() + HEAD_START;
        let begun_at = Timestamp::now() + HEAD_START;
        let (mut clients, mut requests) = (JoinSet::new(), Vec::with_capacity(self.moments.len()));
        let mut latest = Duration::ZERO;
        for moment in &self.moments {
            let meant = begun + *moment;
            sleep_until(meant).await;
            latest = latest.max(meant.elapsed());
            let client =
                Client { addr: self.addr, route: self.route, timeout: self.client_timeout };
            let links = self.links.next_request();
            clients.spawn(async move { client.submit(meant, links).await });
            while let Some(ended) = clients.try_join_next() {
                requests.push(self.noted(ended?));
            }
        }
        while let Some(ended) = clients.join_next().await {
            requests.push(self.noted(ended?));
        }
        Ok(SentLoad { begun_at, requests, latest: Some(latest) })
    }

    fn noted(&self, request: Request) -> Request {
        self.progress.note(&request.outcome);
        request
    }
}

#[derive(Debug, Clone, Copy)]
struct Client {
    addr: SocketAddr,
    route: &'static str,
    timeout: Duration,
}

impl Client {
    async fn submit(self, meant: Instant, links: Vec<String>) -> Request {
        let answering = self.answer(body(&links));
        let outcome = match timeout_at(meant + self.timeout, answering).await {
            Ok(Ok(answer)) => Outcome::Answered(answer),
            Ok(Err(error)) => Outcome::Broken(error.root_cause().to_string()),
            Err(_) => Outcome::TimedOut,
        };
        Request { links, took: meant.elapsed(), outcome }
    }

    async fn answer(self, body: String) -> Result<Answer> {
        let mut connection = Connection::open(self.addr, self.route).await?;
        let answer = connection.post(body.as_bytes()).await?;
        Ok(Answer::read(answer.status, answer.body))
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::http::StatusCode;
    use axum::routing::post;
    use tokio::net::TcpListener;
    use tokio_util::task::AbortOnDropHandle;

    use super::*;
    use crate::comparison::scenario::Variables;

    const ROUTE: &str = "/links/send-message-axios";

    /// A server, and a load on it.
    async fn load(router: Router, moments_ms: &[u64], client_timeout: Duration) -> SentLoad {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let server = async move { axum::serve(listener, router).await.unwrap() };
        let _server = AbortOnDropHandle::new(tokio::spawn(server));
        let variables = Variables { links_per_request: 1, bad_percent: 0 };
        let open_loop = OpenLoop {
            addr,
            route: ROUTE,
            moments: moments_ms.iter().map(|at| Duration::from_millis(*at)).collect(),
            links: Links::new(variables, None),
            client_timeout,
            progress: Arc::default(),
        };
        open_loop.run().await.unwrap()
    }

    #[tokio::test]
    async fn answers_are_counted_and_read() {
        let id = "01934a5e-7d6b-7c3a-9f00-0123456789ab-1";
        let body = serde_json::json!({ "res": "ok", "id": id });
        let answer = move || async move { (StatusCode::CREATED, axum::Json(body)) };
        let load =
            load(Router::new().route(ROUTE, post(answer)), &[0, 5, 10], Duration::from_secs(30))
                .await;
        assert_eq!(load.answers().into_iter().collect::<Vec<_>>(), [(201, 3)]);
        for request in &load.requests {
            let Outcome::Answered(answer) = &request.outcome else { panic!("{request:?}") };
            assert_eq!(answer.promised[0].as_str(), format!("{id}:0"));
            assert_eq!(request.links.len(), 1);
        }
    }

    #[tokio::test]
    async fn a_way_that_is_not_there_is_an_answer_like_any_other() {
        let load = load(Router::new(), &[0, 0], Duration::from_secs(30)).await;
        assert_eq!(load.answers().into_iter().collect::<Vec<_>>(), [(404, 2)]);
        assert_eq!(load.response_times(), None);
    }

    /// A server that lets no one through before all are there: a generator that waits for
    /// answers would never get past the first.
    #[tokio::test]
    async fn no_request_waits_for_the_one_before() {
        let all_there = Arc::new(tokio::sync::Barrier::new(3));
        let answer = move || async move {
            all_there.wait().await;
            StatusCode::CREATED
        };
        let load =
            load(Router::new().route(ROUTE, post(answer)), &[0, 1, 2], Duration::from_secs(30))
                .await;
        assert_eq!(load.answers().into_iter().collect::<Vec<_>>(), [(201, 3)]);
    }

    #[tokio::test]
    async fn a_client_gives_up_after_its_time() {
        let limit = Duration::from_millis(100);
        let never = || async { std::future::pending::<StatusCode>().await };
        let load = load(Router::new().route(ROUTE, post(never)), &[0, 0], limit).await;
        assert_eq!((load.timed_out(), load.requests.len()), (2, 2));
        assert!(load.requests.iter().all(|request| request.took >= limit));
    }

    #[tokio::test]
    async fn a_connection_that_fails_is_an_error() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        drop(listener);
        let client = Client { addr, route: ROUTE, timeout: Duration::from_secs(30) };
        let request = client.submit(Instant::now(), vec!["a link".to_owned()]).await;
        assert!(matches!(request.outcome, Outcome::Broken(_)), "{request:?}");
    }
}
