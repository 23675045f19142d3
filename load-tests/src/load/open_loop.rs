//! An open loop: every request has its moment, decided before the first one, and its time counts
//! from that moment.
//!
//! So a server that stalls can neither slow the load down nor hide how long clients would have
//! waited. Each request has a connection of its own, since each is another client's.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::connection::{Connection, Response};
use super::on_own_thread;

/// Between the decision to begin and the first request: a new thread needs a moment.
const HEAD_START: Duration = Duration::from_millis(100);

/// Which requests are sent where, and when.
#[derive(Debug, Clone)]
pub(crate) struct OpenLoop {
    pub(crate) addr: SocketAddr,
    pub(crate) path: &'static str,
    /// The moment of each request, from the beginning of the load, and its body; in order.
    pub(crate) requests: Vec<(Duration, String)>,
    pub(crate) client_timeout: Duration,
}

/// A request that ended.
#[derive(Debug)]
pub(crate) struct Ended<T> {
    /// Its index in [`OpenLoop::requests`].
    pub(crate) index: usize,
    /// When it was to be sent.
    pub(crate) meant: Instant,
    /// How much later than that it was sent. A generator that lags behind its own schedule also
    /// measures itself.
    pub(crate) late: Duration,
    /// From the moment at which it was to be sent until its end.
    pub(crate) took: Duration,
    /// What the caller's function read from the answer.
    pub(crate) answer: Result<T, NoAnswer>,
}

/// Why a request has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NoAnswer {
    TimedOut,
    Broken(String),
}

impl OpenLoop {
    /// Sends all requests, reads each answer with `read`, and returns when every request has
    /// ended. Dropping the future stops the load.
    ///
    /// # Errors
    /// If the load cannot be run; a request without an answer is not an error.
    pub(crate) async fn run<T: Send + 'static>(
        self,
        read: fn(Response<'_>) -> T,
    ) -> Result<Vec<Ended<T>>> {
        on_own_thread(move || self.send_all(read)).await
    }

    async fn send_all<T: Send + 'static>(
        self,
        read: fn(Response<'_>) -> T,
    ) -> Result<Vec<Ended<T>>> {
        let begun = Instant::now() + HEAD_START;
        let mut clients = JoinSet::new();
        for (index, (moment, body)) in self.requests.into_iter().enumerate() {
            let meant = begun + moment;
            sleep_until(meant).await;
            let late = meant.elapsed();
            let (addr, path, deadline) = (self.addr, self.path, meant + self.client_timeout);
            clients.spawn(async move {
                let answer = match timeout_at(deadline, post(addr, path, body, read)).await {
                    Ok(answered) => {
                        answered.map_err(|error| NoAnswer::Broken(error.root_cause().to_string()))
                    }
                    Err(_) => Err(NoAnswer::TimedOut),
                };
                Ended { index, meant, late, took: meant.elapsed(), answer }
            });
        }
        let mut all_ended = Vec::with_capacity(clients.len());
        while let Some(ended) = clients.join_next().await {
            all_ended.push(ended?);
        }
        Ok(all_ended)
    }
}

async fn post<T>(
    addr: SocketAddr,
    path: &str,
    body: String,
    read: fn(Response<'_>) -> T,
) -> Result<T> {
    let mut connection = Connection::open(addr, path, None).await?;
    Ok(read(connection.post(body.as_bytes()).await?))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::Router;
    use axum::http::StatusCode;
    use axum::routing::post;
    use tokio::net::TcpListener;
    use tokio_util::task::AbortOnDropHandle;

    use super::*;

    const PATH: &str = "/links/send-message-axios";
    const PATIENT: Duration = Duration::from_secs(30);

    type Answers = Vec<Result<(u16, String), NoAnswer>>;

    fn open_loop(addr: SocketAddr, moments_ms: &[u64], client_timeout: Duration) -> OpenLoop {
        let request = |at: &u64| (Duration::from_millis(*at), format!("{at}"));
        let requests = moments_ms.iter().map(request).collect();
        OpenLoop { addr, path: PATH, requests, client_timeout }
    }

    async fn run(open_loop: OpenLoop) -> Answers {
        let read = |response: Response<'_>| {
            (response.status, String::from_utf8_lossy(response.body).into_owned())
        };
        let limit = open_loop.client_timeout;
        let mut all_ended = open_loop.run(read).await.unwrap();
        all_ended.sort_by_key(|ended| ended.index);
        for Ended { answer, took, late, .. } in &all_ended {
            assert!(took >= late && (*took >= limit || *answer != Err(NoAnswer::TimedOut)));
        }
        all_ended.into_iter().map(|ended| ended.answer).collect()
    }

    /// A server, and a load on it.
    async fn load(router: Router, moments_ms: &[u64], client_timeout: Duration) -> Answers {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let server = async move { axum::serve(listener, router).await.unwrap() };
        let _server = AbortOnDropHandle::new(tokio::spawn(server));
        run(open_loop(addr, moments_ms, client_timeout)).await
    }

    #[tokio::test]
    async fn every_body_is_sent_and_every_answer_is_read() {
        let echo = |body: String| async move { (StatusCode::CREATED, body) };
        let answers = load(Router::new().route(PATH, post(echo)), &[0, 5, 10], PATIENT).await;
        assert_eq!(answers, ["0", "5", "10"].map(|body| Ok((201, body.to_owned()))));
    }

    #[tokio::test]
    async fn a_path_that_is_not_there_is_an_answer_like_any_other() {
        let answers = load(Router::new(), &[0, 0], PATIENT).await;
        assert_eq!(answers, [Ok((404, String::new())), Ok((404, String::new()))]);
    }

    /// A server that answers no request before all are there: a generator that waits for answers
    /// would never get beyond the first.
    #[tokio::test]
    async fn no_request_waits_for_the_one_before() {
        let all_there = Arc::new(tokio::sync::Barrier::new(3));
        let answer = move || async move {
            all_there.wait().await;
        };
        let answers = load(Router::new().route(PATH, post(answer)), &[0, 1, 2], PATIENT).await;
        assert!(answers.len() == 3 && answers.iter().all(Result::is_ok), "{answers:?}");
    }

    #[tokio::test]
    async fn a_client_gives_up_after_its_time() {
        let never = || async { std::future::pending::<StatusCode>().await };
        let router = Router::new().route(PATH, post(never));
        let answers = load(router, &[0, 0], Duration::from_millis(100)).await;
        assert_eq!(answers, [Err(NoAnswer::TimedOut), Err(NoAnswer::TimedOut)]);
    }

    #[tokio::test]
    async fn a_connection_that_fails_is_not_an_answer() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        drop(listener);
        let answers = run(open_loop(addr, &[0], PATIENT)).await;
        assert!(matches!(answers.as_slice(), [Err(NoAnswer::Broken(_))]), "{answers:?}");
    }
}
