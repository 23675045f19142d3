//! Why a broker's certificate is refused. librdkafka only reports that OpenSSL refuses it, so
//! linkrelay asks OpenSSL again, on its own connection.

use std::net::{IpAddr, TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;

use openssl::error::ErrorStack;
use openssl::ssl::{HandshakeError, Ssl, SslContextBuilder, SslMethod, SslVerifyMode};

use super::pass_through::PassThrough;
use super::reason::Cause;

/// How long connecting, and each answer, may take.
const LIMIT: Duration = Duration::from_secs(2);
/// OpenSSL's numbers of results (x509_vfy.h).
const NOT_YET_VALID: i32 = 9;
const HAS_EXPIRED: i32 = 10;

/// What a client trusts.
#[derive(Debug, Clone, Default)]
pub(super) struct Trust {
    /// A file or directory of certificates; `None` for OpenSSL's own.
    ca_location: Option<PathBuf>,
    checks_host_name: bool,
}

impl Trust {
    /// Reads from the settings what their client trusts.
    pub(super) fn of(settings: &PassThrough) -> Self {
        let ca_location = settings.get("ssl.ca.location").filter(|location| *location != "probe");
        let identification = settings.get("ssl.endpoint.identification.algorithm");
        Self {
            ca_location: ca_location.map(PathBuf::from),
            checks_host_name: identification != Some("none"),
        }
    }

    /// Returns why the certificate of a broker (`host:port`) is refused; `None` if that cannot be
    /// found out. Blocks for some milliseconds, or until its time-out.
    pub(super) fn why_refused(&self, broker: &str) -> Option<Cause> {
        let host = broker.rsplit_once(':')?.0.trim_matches(['[', ']']);
        let result = match self.ssl(host).ok()?.connect(connect(broker)?) {
            Ok(stream) => stream.ssl().verify_result(),
            Err(HandshakeError::Failure(handshake)) => handshake.ssl().verify_result(),
            Err(_) => return None,
        };
        match result.as_raw() {
            // Everything is valid except what was not checked.
            0 => self.checks_host_name.then_some(Cause::HostName),
            NOT_YET_VALID | HAS_EXPIRED => Some(Cause::Expired),
            _ => Some(Cause::UnknownCa),
        }
    }

    /// Checks everything except the name, whose error would hide that of the CA.
    fn ssl(&self, host: &str) -> Result<Ssl, ErrorStack> {
        let mut context = SslContextBuilder::new(SslMethod::tls_client())?;
        context.set_verify(SslVerifyMode::PEER);
        match self.ca_location.as_deref() {
            None => context.set_default_verify_paths()?,
            Some(path) => {
                let (file, directory): (Option<&Path>, Option<&Path>) =
                    if path.is_dir() { (None, Some(path)) } else { (Some(path), None) };
                context.load_verify_locations(file, directory)?;
            }
        }
        let mut ssl = Ssl::new(&context.build())?;
        // A broker may have a certificate for each of its names.
        if host.parse::<IpAddr>().is_err() {
            ssl.set_hostname(host)?;
        }
        Ok(ssl)
    }
}

fn connect(broker: &str) -> Option<TcpStream> {
    let stream = broker
        .to_socket_addrs()
        .ok()?
        .find_map(|address| TcpStream::connect_timeout(&address, LIMIT).ok())?;
    stream.set_read_timeout(Some(LIMIT)).ok()?;
    stream.set_write_timeout(Some(LIMIT)).ok()?;
    Some(stream)
}
