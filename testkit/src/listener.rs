//! What every proxy of the testkit shares: a port that takes clients, and a task for each of them.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context as _, Result};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

/// A port that takes clients. Dropping it closes the port and ends every connection.
#[derive(Debug)]
pub(crate) struct Listener {
    addr: SocketAddr,
    _task: AbortOnDropHandle<()>,
}

impl Listener {
    /// Listens on a free port of `ip` and runs `serve` for each client.
    ///
    /// # Errors
    /// If no port can be bound.
    pub(crate) async fn start<F>(
        ip: Ipv4Addr,
        serve: impl Fn(TcpStream) -> F + Send + 'static,
    ) -> Result<Self>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind((ip, 0)).await.context("binding a port of a proxy")?;
        let addr = listener.local_addr().context("the listener has no address")?;
        let task = async move {
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    // An error here means that the client has already disconnected.
                    accepted = listener.accept() => if let Ok((client, _)) = accepted {
                        connections.spawn(serve(client));
                    },
                    // Frees what has ended.
                    Some(_) = connections.join_next() => {}
                }
            }
        };
        Ok(Self { addr, _task: AbortOnDropHandle::new(tokio::spawn(task)) })
    }

    /// The address that clients connect to.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }
}
