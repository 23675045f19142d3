//! A server that speaks MongoDB's wire protocol, for tests: SecantusDB on a free port with its
//! data in a temporary folder, or a real MongoDB where `MONGODB_URI` names one.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::process::{Process, ProcessBuilder};
use crate::tools::{free_port, secantusdb_home};

/// A start takes a second on an idle machine; the limit is for a busy one.
const START_LIMIT: Duration = Duration::from_secs(60);

/// A server. Dropping one that the testkit started kills it and removes its data.
#[derive(Debug)]
pub struct MongoServer {
    uri: String,
    /// `None` for the server that `MONGODB_URI` names.
    own: Option<OwnServer>,
}

#[derive(Debug)]
struct OwnServer {
    process: Process,
    addr: SocketAddr,
    folder: TempDir,
    /// Whether a write is on disk before its acknowledgement, instead of a short time after it.
    is_durable: bool,
}

impl MongoServer {
    /// Starts a server that a test may kill. SIGKILL may lose the last writes, acknowledged or not,
    /// unless they asked for the journal (`j: true`); a majority, which implies the journal with
    /// MongoDB, does not here.
    ///
    /// # Errors
    /// If SecantusDB is missing (`make tools`), or does not start; then with the end of its log.
    pub async fn start() -> Result<Self> {
        Self::start_own(false).await
    }

    /// Like [`MongoServer::start`], but the server flushes its log on every commit, so that SIGKILL
    /// loses nothing that was acknowledged. It is slower.
    ///
    /// # Errors
    /// Like [`MongoServer::start`].
    pub async fn start_durable() -> Result<Self> {
        Self::start_own(true).await
    }

    async fn start_own(is_durable: bool) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("linkrelay-mongo-").tempdir()?;
        let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        let process = spawn(folder.path(), addr, is_durable).await?;
        let own = OwnServer { process, addr, folder, is_durable };
        Ok(Self { uri: format!("mongodb://{addr}/?directConnection=true"), own: Some(own) })
    }

    /// The server of this test process, started by its first caller; or the server that
    /// `MONGODB_URI` names. Each test needs its own database there
    /// ([`fresh_name`](crate::tools::fresh_name)).
    ///
    /// # Errors
    /// Like [`MongoServer::start`].
    pub async fn shared() -> Result<&'static Self> {
        static SHARED: OnceCell<MongoServer> = OnceCell::const_new();
        let named = std::env::var("MONGODB_URI").ok().filter(|uri| !uri.is_empty());
        SHARED
            .get_or_try_init(async || match named {
                Some(uri) => Ok(Self { uri, own: None }),
                None => Self::start().await,
            })
            .await
    }

    /// The connection string for clients.
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// Its address, for a proxy.
    ///
    /// # Errors
    /// If the testkit did not start it.
    pub fn addr(&self) -> Result<SocketAddr> {
        Ok(self.own.as_ref().context(NOT_OWN)?.addr)
    }

    /// The folder with its data.
    ///
    /// # Errors
    /// If the testkit did not start it.
    pub fn folder(&self) -> Result<&Path> {
        Ok(self.own.as_ref().context(NOT_OWN)?.folder.path())
    }

    /// Kills it with SIGKILL. What is still there after a [restart](Self::restart) depends on how it
    /// was started.
    ///
    /// # Errors
    /// If the testkit did not start it.
    pub fn kill(&mut self) -> Result<ExitStatus> {
        self.own()?.process.kill()
    }

    /// Starts it again on the same port and data; kills it first if it runs.
    ///
    /// # Errors
    /// If the testkit did not start it, or does not start.
    pub async fn restart(&mut self) -> Result<()> {
        let own = self.own()?;
        own.process.kill()?;
        own.process = spawn(own.folder.path(), own.addr, own.is_durable).await?;
        Ok(())
    }

    /// Stops it with SIGSTOP: connections stay, and nothing is answered.
    ///
    /// # Errors
    /// If the testkit did not start it, or does not run.
    pub fn pause(&mut self) -> Result<()> {
        self.own()?.process.pause()
    }

    /// Lets it continue with SIGCONT.
    ///
    /// # Errors
    /// If the testkit did not start it, or does not run.
    pub fn resume(&mut self) -> Result<()> {
        self.own()?.process.resume()
    }

    /// The process, for its pid and logs.
    ///
    /// # Errors
    /// If the testkit did not start it.
    pub fn process(&self) -> Result<&Process> {
        Ok(&self.own.as_ref().context(NOT_OWN)?.process)
    }

    fn own(&mut self) -> Result<&mut OwnServer> {
        self.own.as_mut().context(NOT_OWN)
    }
}

const NOT_OWN: &str = "the server that MONGODB_URI names is not for tests to stop";

/// Starts the server, and waits until it accepts connections: it opens its port after its storage.
async fn spawn(folder: &Path, addr: SocketAddr, is_durable: bool) -> Result<Process> {
    let mut process = ProcessBuilder::new("secantusd", secantusdb_home()?.join("bin/secantusd"))
        .args(["--host", "127.0.0.1", "--port", &addr.port().to_string()])
        .arg("--storage-path")
        .arg(folder.join("data"))
        .args(is_durable.then_some("--sync-on-commit"))
        // The server reads a settings file from its working directory.
        .current_dir(folder)
        .log_dir(folder)
        .remove_if_orphaned(folder)
        .spawn()?;
    process.until_accepts(addr, START_LIMIT).await?;
    Ok(process)
}
