//! Certificate authorities that live as long as a test, and a TLS server with a certificate of
//! such an authority.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tempfile::{NamedTempFile, TempPath};
use tokio_rustls::TlsAcceptor;

const NAMES: [&str; 2] = ["localhost", "127.0.0.1"];

/// A certificate authority with its key.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    /// Makes an authority with a new key.
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

    /// Returns its certificate, for clients that are to trust what it signs.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Returns a signed certificate with its new key.
    ///
    /// # Errors
    /// If there is no randomness for the key, or `params` ask for what cannot be signed.
    pub fn sign(&self, params: &CertificateParams) -> Result<(Certificate, KeyPair), rcgen::Error> {
        let key = KeyPair::generate()?;
        Ok((params.signed_by(&key, &self.issuer)?, key))
    }
}

/// Makes an authority and a TLS server with its certificate for this machine.
///
/// Returns the authority's certificate as a PEM file that is deleted on drop (`ca_file`, or a
/// temporary one), and the server.
///
/// # Errors
/// If no certificate can be made, or the file cannot be written.
pub fn make(http2: bool, ca_file: Option<&Path>) -> anyhow::Result<(TempPath, TlsAcceptor)> {
    let authority = Authority::new()?;
    let (certificate, key) = authority.sign(&server_params()?)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.into()], PrivateKeyDer::from(key))?;
    let protocols: &[&[u8]] = if http2 { &[b"h2", b"http/1.1"] } else { &[b"http/1.1"] };
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    let path = match ca_file {
        Some(path) => TempPath::try_from_path(path),
        None => NamedTempFile::with_suffix(".pem").map(NamedTempFile::into_temp_path),
    };
    let written = path.and_then(|path| {
        std::fs::write(&path, authority.pem())?;
        Ok(path)
    });
    let ca = written.context("cannot write the authority's certificate")?;
    Ok((ca, TlsAcceptor::from(Arc::new(config))))
}

fn server_params() -> anyhow::Result<CertificateParams> {
    let mut params = CertificateParams::new(NAMES.map(str::to_owned))?;
    params.distinguished_name.push(DnType::CommonName, "linkrelay server, for tests");
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(params)
}
