//! Accepts connections and serves them until told to stop.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::body::Pieces;
use crate::routes;
use crate::socket::{Fate, Socket};
use crate::world::World;

/// A client that has not said hello by then never will.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Out of file descriptors, most likely: give others time to close some.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How long a client may take to read its last answer.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// Owns all connections: dropping this future ends them.
pub(crate) async fn run(listener: TcpListener, tls: TlsAcceptor, world: Arc<World>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = world.stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((tcp, _)) => {
                    connections.spawn(serve(tcp, tls.clone(), Arc::clone(&world)));
                }
                Err(error) => {
                    tracing::warn!("the fake YouTube cannot accept a connection: {error}");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    let all_closed = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(STOP_TIMEOUT, all_closed).await.is_err() {
        connections.shutdown().await;
    }
}

async fn serve(tcp: TcpStream, tls: TlsAcceptor, world: Arc<World>) {
    let fate = Fate::default();
    // Answers go out in one write; without it, the second one of a connection waits for an ACK.
    drop(tcp.set_nodelay(true));
    let handshake =
        tokio::time::timeout(HANDSHAKE_TIMEOUT, tls.accept(Socket::new(tcp, fate.clone())));
    let stream = tokio::select! {
        () = world.stop.cancelled() => return,
        stream = handshake => stream,
    };
    // A client that does not trust the certificate, or is gone: its own affair.
    let Ok(Ok(stream)) = stream else { return };
    let service = service_fn(|request| answer(Arc::clone(&world), fate.clone(), request));
    let over = CancellationToken::new();
    let _over_guard = over.clone().drop_guard();
    let builder = auto::Builder::new(Streams { over });
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    tokio::select! {
        // An error is a client that went away, or an answer that broke off on request.
        _ = connection.as_mut() => return,
        () = world.stop.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    drop(connection.await);
}

/// Runs the requests of an HTTP/2 connection, which hyper wants as tasks, for as long as the
/// connection lives.
#[derive(Debug, Clone)]
struct Streams {
    over: CancellationToken,
}

impl<F> Executor<F> for Streams
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        let over = self.over.clone();
        tokio::spawn(async move { over.run_until_cancelled_owned(stream).await });
    }
}

async fn answer(
    world: Arc<World>,
    fate: Fate,
    request: Request<Incoming>,
) -> Result<Response<Pieces>, Infallible> {
    routes::answer(&world, &fate, request).await
}
