//! An extractor server with a fixed answer.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Response, StatusCode};
use axum::routing::post;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What to do with one request.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// A status, a `Retry-After`, and a body.
    Answer(u16, Option<&'static str>, &'static str),
    /// Never answer.
    Hang,
}

/// A server on a free port; dropping it ends the server.
#[derive(Debug)]
pub(crate) struct StubExtractor {
    pub(crate) addr: SocketAddr,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    reply: Reply,
    /// Connections that are closed as soon as they have sent something, before any is served.
    broken_connections: AtomicUsize,
    seen: Mutex<VecDeque<HeaderMap>>,
    in_flight: AtomicUsize,
}

/// Counts down when a request is answered, or when its client disconnects.
struct InFlight(Arc<Shared>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::SeqCst);
    }
}

impl StubExtractor {
    pub(crate) async fn start(reply: Reply) -> Self {
        Self::start_after_broken_connections(0, reply).await
    }

    pub(crate) async fn start_after_broken_connections(count: usize, reply: Reply) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            reply,
            broken_connections: AtomicUsize::new(count),
            seen: Mutex::default(),
            in_flight: AtomicUsize::new(0),
        });
        let router = Router::new().route("/links", post(answer)).with_state(Arc::clone(&shared));
        let breaking = Arc::clone(&shared);
        let serving = tokio::spawn(async move {
            while breaking.broken_connections.load(Ordering::SeqCst) > 0 {
                let (mut stream, _) = listener.accept().await.unwrap();
                stream.read_exact(&mut [0; 10]).await.unwrap();
                breaking.broken_connections.fetch_sub(1, Ordering::SeqCst);
            }
            axum::serve(listener, router).await.unwrap();
        });
        Self { addr, shared, serving }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// The headers of each request, in order.
    pub(crate) fn seen(&self) -> Vec<HeaderMap> {
        self.shared.seen.lock().unwrap().iter().cloned().collect()
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.shared.in_flight.load(Ordering::SeqCst)
    }

    pub(crate) fn broken_connections_left(&self) -> usize {
        self.shared.broken_connections.load(Ordering::SeqCst)
    }
}

impl Drop for StubExtractor {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response<String> {
    shared.seen.lock().unwrap().push_back(request.headers().clone());
    shared.in_flight.fetch_add(1, Ordering::SeqCst);
    let _in_flight = InFlight(Arc::clone(&shared));
    match shared.reply {
        Reply::Hang => std::future::pending().await,
        Reply::Answer(status, retry_after, body) => {
            let status = StatusCode::from_u16(status).unwrap();
            let mut response = Response::builder().status(status).header(
                "content-type",
                if status.is_success() { "application/json" } else { "application/problem+json" },
            );
            if let Some(seconds) = retry_after {
                response = response.header("retry-after", seconds);
            }
            response.body(body.to_owned()).unwrap()
        }
    }
}
