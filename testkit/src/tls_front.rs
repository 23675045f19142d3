//! A proxy that adds TLS to a server which speaks none. Its certificate, from its own authority,
//! is for 127.0.0.1 and localhost.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use anyhow::Result;
use linkrelay_fake_youtube::tls;
use tempfile::TempPath;
use tokio::io::copy_bidirectional;
use tokio::net::TcpStream;

use crate::listener::Listener;

/// A running proxy. Dropping it ends every connection through it.
#[derive(Debug)]
pub struct TlsFront {
    listener: Listener,
    ca: TempPath,
}

impl TlsFront {
    /// Listens on a free port of `ip`, an address of this machine, and passes what it decrypts on
    /// to `target`. Its certificate is not valid for other addresses than 127.0.0.1.
    ///
    /// # Errors
    /// If no port can be bound, or the certificate cannot be made.
    pub async fn start(ip: Ipv4Addr, target: SocketAddr) -> Result<Self> {
        let (ca, acceptor) = tls::make(false, None)?;
        let serve = move |client| {
            let acceptor = acceptor.clone();
            async move {
                // A client that trusts another authority hangs up here.
                let Ok(mut client) = acceptor.accept(client).await else { return };
                let Ok(mut server) = TcpStream::connect(target).await else { return };
                drop(copy_bidirectional(&mut client, &mut server).await);
            }
        };
        Ok(Self { listener: Listener::start(ip, serve).await?, ca })
    }

    /// The address that clients connect to.
    pub fn addr(&self) -> SocketAddr {
        self.listener.addr()
    }

    /// The file with the authority's certificate, in PEM.
    pub fn ca_cert_path(&self) -> &Path {
        &self.ca
    }
}
