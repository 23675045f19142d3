//! A certificate authority for one server, and the certificate that it signs.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tempfile::TempDir;
use tokio_rustls::TlsAcceptor;

/// Every host that linkrelay may ask, and this machine.
const NAMES: [&str; 10] = [
    "localhost",
    "127.0.0.1",
    "www.youtube.com",
    "youtube.com",
    "m.youtube.com",
    "consent.youtube.com",
    "www.google.com",
    "i.ytimg.com",
    "youtubei.googleapis.com",
    "www.googleapis.com",
];

/// The authority's certificate as a file; its key is forgotten as soon as it has signed.
#[derive(Debug)]
pub struct CaFile {
    path: PathBuf,
    _temporary: Option<TempDir>,
}

impl CaFile {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn write(pem: &str, wanted: Option<&Path>) -> anyhow::Result<Self> {
        let (path, temporary) = match wanted {
            Some(path) => (path.to_owned(), None),
            None => {
                let folder = tempfile::Builder::new().prefix("fake-youtube-").tempdir();
                let folder = folder.context("cannot make a temporary folder")?;
                (folder.path().join("ca.pem"), Some(folder))
            }
        };
        std::fs::write(&path, pem).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self { path, _temporary: temporary })
    }
}

/// Makes both, for the names above and the address that is listened on.
pub fn make(
    ip: IpAddr,
    ca_path: Option<&Path>,
    http2: bool,
) -> anyhow::Result<(CaFile, TlsAcceptor)> {
    let ca_key = KeyPair::generate()?;
    let ca_params = ca_params();
    let ca_pem = ca_params.self_signed(&ca_key)?.pem();
    let key = KeyPair::generate()?;
    let certificate = server_params(ip)?.signed_by(&key, &Issuer::new(ca_params, ca_key))?;
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));

    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)?;
    let protocols: &[&[u8]] = if http2 { &[b"h2", b"http/1.1"] } else { &[b"http/1.1"] };
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    Ok((CaFile::write(&ca_pem, ca_path)?, TlsAcceptor::from(Arc::new(config))))
}

fn ca_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "linkrelay fake YouTube, for tests");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn server_params(ip: IpAddr) -> anyhow::Result<CertificateParams> {
    let mut params = CertificateParams::new(NAMES.map(str::to_owned))?;
    params.subject_alt_names.push(SanType::IpAddress(ip));
    params.distinguished_name.push(DnType::CommonName, "www.youtube.com");
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(params)
}
