//! A proxy that a client is told of, at a way out to the world: HTTP `CONNECT` and SOCKS 5 at one
//! port. All its tunnels may lead to one server, whatever the client asked for.

mod handshake;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, Result};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

use handshake::Outcome;

/// How a [`ForwardProxy`] is set.
#[derive(Debug, Clone, Default)]
pub struct ForwardSettings {
    /// Where all tunnels lead; where the client asks for if `None`.
    pub to: Option<SocketAddr>,
    /// The user and password without which nobody passes (`CONNECT` only).
    pub credentials: Option<(String, String)>,
}

/// The handle. Dropping it ends the proxy and every tunnel.
#[derive(Debug)]
pub struct ForwardProxy {
    addr: SocketAddr,
    counts: Arc<Counts>,
    _task: AbortOnDropHandle<()>,
}

#[derive(Debug, Default)]
struct Counts {
    tunnels: AtomicU64,
    refused: AtomicU64,
}

impl ForwardProxy {
    /// Listens on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// If no port can be bound.
    pub async fn start(settings: ForwardSettings) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.context("binding the proxy's port")?;
        let addr = listener.local_addr().context("the listener has no address")?;
        let counts = Arc::new(Counts::default());
        let task = tokio::spawn(run(listener, Arc::new(settings), Arc::clone(&counts)));
        Ok(Self { addr, counts, _task: AbortOnDropHandle::new(task) })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Tunnels opened since the start.
    pub fn tunnels(&self) -> u64 {
        self.counts.tunnels.load(Ordering::Relaxed)
    }

    /// Clients turned away since the start, for want of the right password or of a server.
    pub fn refused(&self) -> u64 {
        self.counts.refused.load(Ordering::Relaxed)
    }
}

/// Owns the listener and every tunnel.
async fn run(listener: TcpListener, settings: Arc<ForwardSettings>, counts: Arc<Counts>) {
    let mut tunnels = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // A client that was gone before it was taken is nobody's trouble.
                if let Ok((client, _)) = accepted {
                    tunnels.spawn(tunnel(client, Arc::clone(&settings), Arc::clone(&counts)));
                }
            }
            // Frees what has ended.
            Some(_) = tunnels.join_next() => {}
        }
    }
}

async fn tunnel(mut client: TcpStream, settings: Arc<ForwardSettings>, counts: Arc<Counts>) {
    let outcome = handshake::open(&mut client, &settings).await;
    // However it ends: both sides see it.
    let _ended = match outcome {
        Ok(Outcome::Opened(server, answer)) => {
            counts.tunnels.fetch_add(1, Ordering::Relaxed);
            join(client, server, answer).await
        }
        Ok(Outcome::Refused(answer)) => {
            counts.refused.fetch_add(1, Ordering::Relaxed);
            turn_away(client, answer).await
        }
        // Gone in the middle of a word.
        Err(error) => {
            counts.refused.fetch_add(1, Ordering::Relaxed);
            Err(error)
        }
    };
}

async fn join(mut client: TcpStream, mut server: TcpStream, answer: &[u8]) -> io::Result<()> {
    client.write_all(answer).await?;
    tokio::io::copy_bidirectional(&mut client, &mut server).await.map(drop)
}

async fn turn_away(mut client: TcpStream, answer: &[u8]) -> io::Result<()> {
    client.write_all(answer).await?;
    client.shutdown().await
}
