//! A server on 127.0.0.1 that answers the crate as www.youtube.com, for this process alone.
//!
//! The crate accepts a client but not a page: its readers are private, and its URL is a constant
//! that begins with `https://www.youtube.com`. reqwest uses TLS for such a URL with every
//! connector, proxy or Unix socket that it accepts. So the crate's client resolves the name to this
//! server and trusts only this server's certificate, which is made at start and never written to
//! disk: the crate can reach and trust no other server. The tasks of the server belong to the
//! runtime in which it was opened, and end with it.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use reqwest::Certificate;
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

const NAME: &str = "www.youtube.com";
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// Why the server does not open.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReplayServerError {
    #[error("no certificate for the replay server: {0}")]
    Certificate(#[from] rcgen::Error),
    #[error("no TLS for the replay server: {0}")]
    Tls(#[from] rustls::Error),
    #[error("the replay server cannot listen: {0}")]
    Listen(#[from] std::io::Error),
    #[error("no client for the replay server: {0}")]
    Client(#[from] reqwest::Error),
}

/// The handle of the server.
#[derive(Debug)]
pub(super) struct ReplayServer {
    address: SocketAddr,
    certificate: CertificateDer<'static>,
    page: Arc<Mutex<Bytes>>,
    /// Ends the server when the handle is dropped.
    _server: JoinSet<()>,
}

impl ReplayServer {
    /// Opens the server on a free port of 127.0.0.1; it answers while the runtime is driven.
    pub(super) async fn open() -> Result<Self, ReplayServerError> {
        let own = rcgen::generate_simple_self_signed(vec![NAME.to_owned()])?;
        let certificate = own.cert.der().clone();
        let key = PrivatePkcs8KeyDer::from(own.signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key.into())?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let page = Arc::new(Mutex::new(Bytes::new()));
        let mut server = JoinSet::new();
        server.spawn(serve(listener, TlsAcceptor::from(Arc::new(tls)), page.clone()));
        Ok(Self { address, certificate, page, _server: server })
    }

    /// Makes a client that uses this server as YouTube and can reach no other.
    pub(super) fn client(&self) -> Result<reqwest::Client, ReplayServerError> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .https_only(true)
            .redirect(reqwest::redirect::Policy::none())
            .tls_built_in_root_certs(false)
            .add_root_certificate(Certificate::from_der(&self.certificate)?)
            .resolve(NAME, self.address)
            .build()?;
        Ok(client)
    }

    /// Sets the page with which requests are answered.
    pub(super) fn load(&self, page: Bytes) {
        *self.page.lock().unwrap_or_else(PoisonError::into_inner) = page;
    }
}

async fn serve(listener: TcpListener, tls: TlsAcceptor, page: Arc<Mutex<Bytes>>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, tls.clone(), page.clone()));
                }
                // Most likely the process is out of file descriptors; one may be free soon.
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
            Some(_ended) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

/// Serves one connection; if it breaks, the crate's own client reports it.
async fn connection(stream: TcpStream, tls: TlsAcceptor, page: Arc<Mutex<Bytes>>) {
    let Ok(stream) = tls.accept(stream).await else { return };
    let service = service_fn(|request: Request<Incoming>| {
        let body = answer(request.uri().path(), &page);
        async move { Ok::<_, Infallible>(Response::new(Full::new(body))) }
    });
    let _broken = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// Returns the page, or for other paths an empty answer in the form that the crate accepts.
fn answer(path: &str, page: &Mutex<Bytes>) -> Bytes {
    if path == "/watch" {
        page.lock().unwrap_or_else(PoisonError::into_inner).clone()
    } else if path.starts_with("/youtubei/") {
        Bytes::from_static(b"{}")
    } else {
        Bytes::new()
    }
}
