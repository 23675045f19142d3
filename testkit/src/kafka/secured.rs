//! A broker with TLS: one port for SASL, one for client certificates, and one whose certificate is
//! for another host; all signed by a private CA.
//!
//! The testkit itself uses the plain port that every broker has.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use linkrelay_fake_youtube::tls::Authority;
use rcgen::{CertificateParams, DnType};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use super::{ANSWER_LIMIT, KafkaBroker};
use crate::process::ProcessBuilder;
use crate::tools::free_port;

/// The user with every SASL mechanism.
pub const USER: &str = "linkrelay";
/// The password of [`USER`].
pub const PASSWORD: &str = "correct-horse";
/// The user with PLAIN alone.
pub const ODD_USER: &str = "odd";
/// The password of [`ODD_USER`], with characters that settings have to escape.
pub const ODD_PASSWORD: &str = r"half,and\half";

/// Both users in JAAS, where a backslash is doubled, as it is in the properties file around it.
const PLAIN_USERS: &str = r#"user_linkrelay="correct-horse" user_odd="half,and\\\\half""#;
const LOGIN_MODULE: &str = "org.apache.kafka.common.security";

/// The broker, its ports, and the files that its clients need.
#[derive(Debug)]
pub struct SecuredBroker {
    broker: KafkaBroker,
    sasl_port: u16,
    certificate_port: u16,
    misnamed_port: u16,
    files: TempDir,
}

impl SecuredBroker {
    /// The broker of this test process, started by its first caller.
    ///
    /// # Errors
    /// Like [`KafkaBroker::start`].
    pub async fn shared() -> Result<&'static Self> {
        static SHARED: OnceCell<SecuredBroker> = OnceCell::const_new();
        SHARED.get_or_try_init(Self::start).await
    }

    async fn start() -> Result<Self> {
        let files = tempfile::Builder::new().prefix("linkrelay-tls-").tempdir()?;
        write_files(files.path())?;
        let (sasl_port, certificate_port, misnamed_port) =
            (free_port()?, free_port()?, free_port()?);
        // `{}` is what the testkit sets itself.
        let listeners = format!(
            "{{}},SASL://127.0.0.1:{sasl_port},CERTIFICATE://127.0.0.1:{certificate_port},\
             MISNAMED://127.0.0.1:{misnamed_port}"
        );
        let path = |name: &str| files.path().join(name).display().to_string();
        let (server, misnamed, ca) = (path("server.pem"), path("misnamed.pem"), path("ca.pem"));
        let plain = format!("{LOGIN_MODULE}.plain.PlainLoginModule required {PLAIN_USERS};");
        let scram = format!("{LOGIN_MODULE}.scram.ScramLoginModule required;");
        let settings = [
            ("listeners", listeners.as_str()),
            ("advertised.listeners", &listeners),
            ("listener.security.protocol.map", "{},SASL:SASL_SSL,CERTIFICATE:SSL,MISNAMED:SSL"),
            ("ssl.keystore.type", "PEM"),
            ("ssl.keystore.location", &server),
            ("ssl.truststore.type", "PEM"),
            ("ssl.truststore.location", &ca),
            ("listener.name.certificate.ssl.client.auth", "required"),
            ("listener.name.misnamed.ssl.keystore.type", "PEM"),
            ("listener.name.misnamed.ssl.keystore.location", &misnamed),
            ("sasl.enabled.mechanisms", "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512"),
            ("listener.name.sasl.plain.sasl.jaas.config", &plain),
            ("listener.name.sasl.scram-sha-256.sasl.jaas.config", &scram),
            ("listener.name.sasl.scram-sha-512.sasl.jaas.config", &scram),
        ];
        let broker = KafkaBroker::start_with(&settings).await?;
        // Kafka takes one mechanism of a user at a time.
        for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512"] {
            add_scram_user(&broker, mechanism, files.path()).await?;
        }
        Ok(Self { broker, sasl_port, certificate_port, misnamed_port, files })
    }

    /// The broker itself, for clients without TLS.
    pub fn broker(&self) -> &KafkaBroker {
        &self.broker
    }

    /// The address that requires SASL (SASL_SSL).
    pub fn sasl_servers(&self) -> String {
        address(self.sasl_port)
    }

    /// The address that requires a client certificate (SSL).
    pub fn certificate_servers(&self) -> String {
        address(self.certificate_port)
    }

    /// The address whose certificate is for another host (SSL).
    pub fn misnamed_servers(&self) -> String {
        address(self.misnamed_port)
    }

    /// The CA's certificate.
    pub fn ca(&self) -> PathBuf {
        self.files.path().join("ca.pem")
    }

    /// The certificate of another CA, which has not signed the broker's.
    pub fn other_ca(&self) -> PathBuf {
        self.files.path().join("other-ca.pem")
    }

    /// A client's certificate and its key.
    pub fn client(&self) -> (PathBuf, PathBuf) {
        (self.files.path().join("client.pem"), self.files.path().join("client-key.pem"))
    }
}

fn address(port: u16) -> String {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port)).to_string()
}

/// Keystores as Kafka takes them are a key and its certificate in one file.
fn write_files(folder: &Path) -> Result<()> {
    let authority = Authority::new()?;
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text);
    for (name, host) in [("server.pem", "127.0.0.1"), ("misnamed.pem", "broker.example.com")] {
        let (certificate, key) = authority.sign(&params(host)?)?;
        write(name, &(key.serialize_pem() + &certificate.pem()))?;
    }
    let (certificate, key) = authority.sign(&params("client.example.com")?)?;
    write("client.pem", &certificate.pem())?;
    write("client-key.pem", &key.serialize_pem())?;
    write("ca.pem", authority.pem())?;
    write("other-ca.pem", Authority::new()?.pem())?;
    Ok(())
}

/// The contents of a certificate for a name or an address.
fn params(host: &str) -> Result<CertificateParams> {
    let mut params = CertificateParams::new([host.to_owned()])?;
    params.distinguished_name.push(DnType::CommonName, host);
    Ok(params)
}

async fn add_scram_user(broker: &KafkaBroker, mechanism: &str, log_dir: &Path) -> Result<()> {
    let credentials = format!("{mechanism}=[password={PASSWORD}]");
    // What kafka-configs.sh runs, which is not among the tools.
    let classes = broker.home().join("libs/*");
    let mut adding = ProcessBuilder::new(mechanism, "java")
        .args(["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"])
        .arg("-cp")
        .arg(classes)
        .args(["kafka.admin.ConfigCommand", "--bootstrap-server", &broker.bootstrap_servers()])
        .args(["--alter", "--entity-type", "users", "--entity-name", USER])
        .args(["--add-config", &credentials])
        .log_dir(log_dir)
        .spawn()?;
    let status = adding.wait(ANSWER_LIMIT * 6).await?;
    ensure!(status.success(), "adding a SCRAM user\n{}", adding.log_tail());
    Ok(())
}
