//! TLS in front of a server that speaks none, with a certificate of its own authority for
//! 127.0.0.1 and localhost.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use anyhow::{Context as _, Result};
use tempfile::NamedTempFile;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::task::AbortOnDropHandle;

use linkrelay_fake_youtube::tls;

/// The handle. Dropping it ends every connection through it.
#[derive(Debug)]
pub struct TlsFront {
    addr: SocketAddr,
    ca: NamedTempFile,
    _task: AbortOnDropHandle<()>,
}

impl TlsFront {
    /// Listens on a free port of `ip`, an address of this machine, and passes what it decrypts on
    /// to `target`. Its certificate is not for other addresses than 127.0.0.1.
    ///
    /// # Errors
    /// If no port can be bound, or no certificate made.
    pub async fn start(ip: Ipv4Addr, target: SocketAddr) -> Result<Self> {
        let (ca, acceptor) = tls::make(false)?;
        let listener = TcpListener::bind((ip, 0)).await.context("binding the front's port")?;
        let addr = listener.local_addr()?;
        let task = tokio::spawn(run(listener, acceptor, target));
        Ok(Self { addr, ca, _task: AbortOnDropHandle::new(task) })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The authority's certificate, as a PEM file.
    pub fn ca_cert_path(&self) -> &Path {
        self.ca.path()
    }
}

async fn run(listener: TcpListener, acceptor: TlsAcceptor, target: SocketAddr) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Ok((client, _)) = listener.accept() => {
                let acceptor = acceptor.clone();
                connections.spawn(async move {
                    // A client that trusts somebody else hangs up here; so may either side later.
                    let Ok(mut client) = acceptor.accept(client).await else { return };
                    let Ok(mut server) = TcpStream::connect(target).await else { return };
                    drop(copy_bidirectional(&mut client, &mut server).await);
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}
