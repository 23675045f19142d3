//! A forward proxy, as clients have in `PROXY_URLS`: HTTP `CONNECT` and SOCKS 5 on one port. All
//! its tunnels may lead to one server, no matter which server the client asks for.

mod handshake;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::listener::Listener;
use handshake::Outcome;

/// How a [`ForwardProxy`] is set.
#[derive(Debug, Clone, Default)]
pub struct ForwardSettings {
    /// The server that all tunnels lead to; `None` means the server that the client asks for.
    pub to: Option<SocketAddr>,
    /// The user and password that a client has to send (`CONNECT` only).
    pub credentials: Option<(String, String)>,
}

/// A running proxy. Dropping it ends every tunnel.
#[derive(Debug)]
pub struct ForwardProxy {
    listener: Listener,
    counts: Arc<Counts>,
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
        let (settings, counts) = (Arc::new(settings), Arc::<Counts>::default());
        let shared = Arc::clone(&counts);
        let serve = move |client| tunnel(client, Arc::clone(&settings), Arc::clone(&shared));
        Ok(Self { listener: Listener::start(Ipv4Addr::LOCALHOST, serve).await?, counts })
    }

    /// The address that clients connect to.
    pub fn addr(&self) -> SocketAddr {
        self.listener.addr()
    }

    /// The number of tunnels opened since the start.
    pub fn tunnels(&self) -> u64 {
        self.counts.tunnels.load(Ordering::Relaxed)
    }

    /// The number of clients refused since the start: their password was wrong, or their server
    /// could not be reached.
    pub fn refused(&self) -> u64 {
        self.counts.refused.load(Ordering::Relaxed)
    }
}

async fn tunnel(mut client: TcpStream, settings: Arc<ForwardSettings>, counts: Arc<Counts>) {
    let outcome = handshake::open(&mut client, &settings).await;
    let counter = match outcome {
        Ok(Outcome::Opened(..)) => &counts.tunnels,
        // An error is a client that disconnected in the middle of its request.
        Ok(Outcome::Refused(_)) | Err(_) => &counts.refused,
    };
    counter.fetch_add(1, Ordering::Relaxed);
    // Both client and server see how the tunnel ends.
    drop(answer(client, outcome).await);
}

async fn answer(mut client: TcpStream, outcome: io::Result<Outcome>) -> io::Result<()> {
    match outcome? {
        Outcome::Opened(mut server, answer) => {
            client.write_all(answer).await?;
            tokio::io::copy_bidirectional(&mut client, &mut server).await.map(drop)
        }
        Outcome::Refused(answer) => {
            client.write_all(answer).await?;
            client.shutdown().await
        }
    }
}
