//! Accepts connections and serves them until stopped, then lets requests finish.
//!
//! `axum::serve` has no time-out for request headers, so a client that sends them byte by byte
//! would hold a connection forever; hyper has one.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_io_timeout::TimeoutWriter;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::client::{ClientLimits, Peer, Share};
use crate::keep_alive::{HeaderDeadline, Requests};
use crate::open_files;

/// The answer to a connection that is one too many of its address. No request is read for it, so
/// it is sent without one.
const TOO_MANY_CONNECTIONS: &[u8] = b"HTTP/1.1 429 Too Many Requests\r\n\
    content-type: application/problem+json\r\nretry-after: 1\r\nconnection: close\r\n\r\n\
    {\"type\":\"about:blank\",\"title\":\"Too Many Requests\",\"status\":429,\
    \"code\":\"client_connections\",\
    \"detail\":\"this address has as many connections as one may (CLIENT_CONNECTIONS)\"}";

/// The pause after the process has run out of a resource, most likely file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(250);

/// The process cannot listen on an address.
#[derive(Debug, thiserror::Error)]
#[error("{setting}: cannot listen on {addr}: {}", self.problem())]
pub struct ListenError {
    /// The setting that gives the address.
    pub setting: &'static str,
    /// The address.
    pub addr: SocketAddr,
    /// The error of the operating system.
    pub source: io::Error,
}

impl ListenError {
    fn problem(&self) -> String {
        if self.source.kind() == io::ErrorKind::AddrInUse {
            let setting = self.setting;
            format!("another program does; stop it, or set {setting} to another address")
        } else {
            self.source.to_string()
        }
    }
}

/// Listens on the address that this setting gives.
///
/// # Errors
/// [`ListenError`] if the operating system refuses.
pub async fn listen(setting: &'static str, addr: SocketAddr) -> Result<TcpListener, ListenError> {
    TcpListener::bind(addr).await.map_err(|source| ListenError { setting, addr, source })
}

/// The limits of a server's connections.
#[derive(Debug, Clone)]
pub struct ServeSettings {
    /// How many connections each client may have.
    pub clients: Arc<ClientLimits>,
    /// How long a request's header may take to arrive.
    pub header_read_timeout: Duration,
    /// How long a connection may wait for its next request, or for its client to take some of an
    /// answer.
    pub keep_alive_timeout: Duration,
    /// How long requests in flight may take after `stop` was cancelled.
    pub drain_timeout: Duration,
}

/// Serves until `stop` is cancelled, then closes the listener, lets the requests in flight finish
/// and aborts the connections that have not ended within the drain time-out. Returns how many were
/// aborted.
///
/// # Cancel safety
/// If the call is dropped, its connections continue until they end; cancel `stop` instead.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    settings: ServeSettings,
    stop: CancellationToken,
) -> usize {
    open_files::raise_limit();
    let connections = TaskTracker::new();
    let abort = CancellationToken::new();
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((stream, peer)) => {
                let Ok(slot) = settings.clients.connection(peer) else {
                    refuse(&stream);
                    continue;
                };
                // An answer is written at once; waiting for more bytes would only delay it.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(error = %error, "cannot set TCP_NODELAY");
                }
                let connection = ServedConnection {
                    router: router.clone(),
                    peer,
                    settings: settings.clone(),
                    _slot: slot,
                    stop: stop.clone(),
                    abort: abort.clone(),
                };
                connections.spawn(connection.run(stream));
            }
            Err(error) => after_failed_accept(&error, &stop).await,
        }
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(settings.drain_timeout, connections.wait()).await.is_ok() {
        return 0;
    }
    let aborted_count = connections.len();
    abort.cancel();
    connections.wait().await;
    aborted_count
}

/// A connection that its client closed before it was accepted needs no answer; every other error
/// means that the process lacks a resource, which may be free again later.
async fn after_failed_accept(error: &io::Error, stop: &CancellationToken) {
    let is_the_client_s = matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    );
    if !is_the_client_s {
        tracing::warn!(error = %error, "cannot accept a connection: {error}");
        stop.run_until_cancelled(tokio::time::sleep(ACCEPT_PAUSE)).await;
    }
}

/// Closes a connection before a request is read. The buffer of a new connection has room for the
/// answer; if the client has sent something already, the answer may get lost nevertheless.
fn refuse(stream: &TcpStream) {
    if let Err(error) = stream.try_write(TOO_MANY_CONNECTIONS) {
        tracing::debug!(error = %error, "a connection is refused without an answer: {error}");
    }
}

struct ServedConnection {
    router: Router,
    peer: SocketAddr,
    settings: ServeSettings,
    /// Held for as long as the connection is open.
    _slot: Option<Share>,
    stop: CancellationToken,
    abort: CancellationToken,
}

impl ServedConnection {
    async fn run<S: AsyncRead + AsyncWrite + Unpin>(self, stream: S) {
        let requests = Arc::new(Requests::default());
        let ServeSettings { header_read_timeout: timeout, keep_alive_timeout, .. } = self.settings;
        // A stream of events ends only when it is asked for more, and a client that reads nothing
        // would never let it be asked.
        let mut stream = TimeoutWriter::new(stream);
        stream.set_timeout(Some(keep_alive_timeout));
        let stream = HeaderDeadline::new(Box::pin(stream), Arc::clone(&requests), timeout);
        let router = TowerToHyperService::new(self.router);
        let service = service_fn(|mut request: hyper::Request<hyper::body::Incoming>| {
            requests.begin();
            request.extensions_mut().insert(Peer(self.peer));
            let (answer, requests) = (router.call(request), Arc::clone(&requests));
            async move {
                let answer = answer.await;
                requests.end();
                answer
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            // hyper begins to count when it waits for a request, so a header gets the rest of it.
            .header_read_timeout(keep_alive_timeout.max(timeout))
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(connection);
        let mut ended = self.stop.run_until_cancelled(connection.as_mut()).await;
        if ended.is_none() {
            connection.as_mut().graceful_shutdown();
            ended = self.abort.run_until_cancelled(connection.as_mut()).await;
        }
        if let Some(Err(error)) = ended {
            tracing::debug!(error = %error, "a connection ended: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
    use tokio::sync::Notify;
    use tokio::task::JoinHandle;

    use super::*;
    use crate::client::ClientSettings;

    fn no_limits() -> Arc<ClientLimits> {
        ClientLimits::new(&ClientSettings::default(), 10, 100)
    }

    struct Running {
        addr: SocketAddr,
        stop: CancellationToken,
        serving: JoinHandle<usize>,
    }

    async fn start(router: Router, header_read_timeout_ms: u64, drain_timeout_ms: u64) -> Running {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let settings = ServeSettings {
            clients: no_limits(),
            header_read_timeout: Duration::from_millis(header_read_timeout_ms),
            keep_alive_timeout: Duration::from_secs(60),
            drain_timeout: Duration::from_millis(drain_timeout_ms),
        };
        let stop = CancellationToken::new();
        let serving = tokio::spawn(serve(listener, router, settings, stop.clone()));
        Running { addr, stop, serving }
    }

    async fn ask(addr: SocketAddr, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(addr).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    }

    async fn read_to_end(mut stream: TcpStream) -> String {
        let mut answer = String::new();
        // An aborted connection may end with a reset; only what came before counts.
        let _ended = stream.read_to_string(&mut answer).await;
        answer
    }

    /// A route that reports when it is reached, and answers after the second notification.
    fn gate() -> (Router, Arc<Notify>, Arc<Notify>) {
        let (reached, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (reached_, go_) = (Arc::clone(&reached), Arc::clone(&go));
        let handler = move || {
            let (reached, go) = (Arc::clone(&reached_), Arc::clone(&go_));
            async move {
                reached.notify_one();
                go.notified().await;
                "done"
            }
        };
        (Router::new().route("/", get(handler)), reached, go)
    }

    const REQUEST: &str = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";

    #[tokio::test]
    async fn a_request_in_flight_is_answered_before_the_server_ends() {
        let (router, reached, go) = gate();
        let running = start(router, 10_000, 10_000).await;
        let stream = ask(running.addr, REQUEST).await;
        reached.notified().await;
        running.stop.cancel();
        go.notify_one();
        let answer = read_to_end(stream).await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("done"), "{answer}");
        assert_eq!(running.serving.await.unwrap(), 0);
        assert!(TcpStream::connect(running.addr).await.is_err());
    }

    #[tokio::test]
    async fn a_request_that_outlives_the_drain_is_aborted_and_counted() {
        let (router, reached, _go) = gate();
        let running = start(router, 10_000, 50).await;
        let stream = ask(running.addr, REQUEST).await;
        reached.notified().await;
        running.stop.cancel();
        assert_eq!(running.serving.await.unwrap(), 1);
        assert_eq!(read_to_end(stream).await, "");
    }

    #[tokio::test]
    async fn a_header_that_never_ends_closes_the_connection() {
        let (router, _reached, _go) = gate();
        let running = start(router, 100, 10_000).await;
        let stream = ask(running.addr, "GET / HTTP/1.1\r\nhost: x\r\nx-slow: ").await;
        // It ends only because the server closes the connection: the client never does.
        read_to_end(stream).await;
        running.stop.cancel();
        assert_eq!(running.serving.await.unwrap(), 0);
    }

    const SECOND: Duration = Duration::from_secs(1);

    /// Sends a word each minute, for ten minutes.
    async fn slow_words() -> axum::body::Body {
        let words = futures::stream::unfold(0, |word| async move {
            tokio::time::sleep(60 * SECOND).await;
            (word < 10).then_some((Ok::<_, io::Error>("word "), word + 1))
        });
        axum::body::Body::from_stream(words)
    }

    /// Never ends, and is always ready.
    async fn endless() -> axum::body::Body {
        let words = futures::stream::repeat_with(|| Ok::<_, io::Error>("word ".repeat(100)));
        axum::body::Body::from_stream(words)
    }

    /// A connection with 10 s for a header and 75 s between requests, on a paused clock.
    fn connect() -> DuplexStream {
        let (client, server) = tokio::io::duplex(1_024);
        let connection = ServedConnection {
            router: Router::new()
                .route("/", get(async || "done"))
                .route("/slow", get(slow_words))
                .route("/endless", get(endless)),
            peer: SocketAddr::from(([127, 0, 0, 1], 1)),
            _slot: None,
            settings: ServeSettings {
                clients: no_limits(),
                header_read_timeout: 10 * SECOND,
                keep_alive_timeout: 75 * SECOND,
                drain_timeout: SECOND,
            },
            stop: CancellationToken::new(),
            abort: CancellationToken::new(),
        };
        tokio::spawn(connection.run(server));
        client
    }

    async fn exchange(client: &mut DuplexStream) {
        client.write_all(REQUEST.as_bytes()).await.unwrap();
        let mut answer = String::new();
        while !answer.ends_with("done") {
            let byte = client.read_u8().await.unwrap();
            answer.push(char::from(byte));
        }
    }

    /// The seconds until the server closes the connection.
    async fn seconds_until_closed(mut client: DuplexStream) -> u64 {
        let begin = tokio::time::Instant::now();
        let _ended = client.read_to_end(&mut Vec::new()).await;
        begin.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_connection_is_kept_for_longer_than_a_header_may_take() {
        let mut client = connect();
        for pause in [0, 20, 74] {
            tokio::time::sleep(pause * SECOND).await;
            exchange(&mut client).await;
        }
        assert_eq!(seconds_until_closed(client).await, 75);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_may_take_longer_than_a_connection_may_idle() {
        // With the next request behind the first one, or only with its beginning.
        for next in [REQUEST, "GET / HT"] {
            let mut client = connect();
            client.write_all(REQUEST.replace("GET /", "GET /slow").as_bytes()).await.unwrap();
            tokio::time::sleep(SECOND).await;
            client.write_all(next.as_bytes()).await.unwrap();
            let mut answer = String::new();
            let _ended = client.read_to_string(&mut answer).await;
            assert_eq!(answer.matches("word ").count(), 10, "{answer}");
            assert_eq!(answer.ends_with("done"), next == REQUEST, "{answer}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_of_its_answer_is_disconnected() {
        let mut client = connect();
        client.write_all(REQUEST.replace("GET /", "GET /endless").as_bytes()).await.unwrap();
        // A client that reads slowly keeps its connection.
        for _ in 0..10 {
            tokio::time::sleep(60 * SECOND).await;
            client.read_exact(&mut [0; 2_000]).await.unwrap();
        }
        tokio::time::sleep(76 * SECOND).await;
        let mut rest = Vec::new();
        client.take(10_000).read_to_end(&mut rest).await.unwrap();
        assert!(rest.len() <= 1_024, "{} bytes", rest.len());
    }

    #[tokio::test(start_paused = true)]
    async fn each_header_of_a_connection_has_its_own_time() {
        assert_eq!(seconds_until_closed(connect()).await, 10, "without a byte");
        let mut client = connect();
        exchange(&mut client).await;
        tokio::time::sleep(30 * SECOND).await;
        client.write_all(b"GET / HT").await.unwrap();
        tokio::time::sleep(9 * SECOND).await;
        client.write_all(b"TP/1.1").await.unwrap();
        assert_eq!(seconds_until_closed(client).await, 1);
    }
}
