//! Certificate authorities that live as long as a test, and a TLS server that one of them vouches
//! for.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SanType,
};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
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

/// A certificate authority; its key goes with it.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    /// Makes one with a key of its own.
    ///
    /// # Errors
    /// If there is no randomness for the key.
    pub fn new() -> Result<Self, rcgen::Error> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "linkrelay authority, for tests");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate()?;
        let pem = params.self_signed(&key)?.pem();
        Ok(Self { issuer: Issuer::new(params, key), pem })
    }

    /// Its certificate, for clients that shall trust what it signs.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Signs a certificate and gives it with its new key.
    ///
    /// # Errors
    /// If there is no randomness for the key, or `params` ask for what cannot be signed.
    pub fn sign(&self, params: &CertificateParams) -> Result<(Certificate, KeyPair), rcgen::Error> {
        let key = KeyPair::generate()?;
        Ok((params.signed_by(&key, &self.issuer)?, key))
    }
}

/// An authority's certificate as a file, which goes with this handle unless it was given a place.
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

/// Makes an authority, writes its certificate to `ca_path` or a temporary file, and gives a TLS
/// server whose certificate is for every host that linkrelay may ask, and for `ip`.
///
/// # Errors
/// If no certificate can be made, or its file cannot be written.
pub fn make(
    ip: IpAddr,
    ca_path: Option<&Path>,
    http2: bool,
) -> anyhow::Result<(CaFile, TlsAcceptor)> {
    let authority = Authority::new()?;
    let (certificate, key) = authority.sign(&server_params(ip)?)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.into()], PrivateKeyDer::from(key))?;
    let protocols: &[&[u8]] = if http2 { &[b"h2", b"http/1.1"] } else { &[b"http/1.1"] };
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    Ok((CaFile::write(authority.pem(), ca_path)?, TlsAcceptor::from(Arc::new(config))))
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
