//! Accepts connections and serves them until the server is stopped.

use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::body::Connection;
use crate::routes;
use crate::shared::Shared;

const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Most likely no file descriptor is left; in this time other connections may close theirs.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How long a client may take to read its last answer.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// Serves all connections; dropping this future closes them.
pub(crate) async fn run(listener: TcpListener, tls: TlsAcceptor, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = shared.stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((tcp, _)) => {
                    connections.spawn(serve(tcp, tls.clone(), Arc::clone(&shared)));
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

async fn serve(tcp: TcpStream, tls: TlsAcceptor, shared: Arc<Shared>) {
    // Answers are sent in one write; without this, the second one of a connection waits for an ACK.
    drop(tcp.set_nodelay(true));
    let Ok(connection) = Connection::new(&tcp) else { return };
    let stream = tokio::select! {
        () = shared.stop.cancelled() => return,
        stream = tokio::time::timeout(HANDSHAKE_TIMEOUT, tls.accept(tcp)) => stream,
    };
    // The client does not trust the certificate, is silent, or has closed the connection.
    let Ok(Ok(stream)) = stream else { return };
    let service = service_fn(|request| {
        let (shared, connection) = (Arc::clone(&shared), connection.clone());
        async move { routes::answer(&shared, &connection, request).await }
    });
    // The streams of an HTTP/2 connection run as tasks, which end with the connection.
    let builder = auto::Builder::new(TokioExecutor::new());
    let served = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(served);
    tokio::select! {
        // An error: the client closed the connection, or an answer broke off on request.
        _ = served.as_mut() => return,
        () = shared.stop.cancelled() => served.as_mut().graceful_shutdown(),
    }
    drop(served.await);
}
