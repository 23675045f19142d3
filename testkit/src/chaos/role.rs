//! A process of linkrelay's that is started, ended and started again.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::process::{Process, ProcessBuilder, workspace_binary};
use crate::tools::free_port;

/// A role has a few seconds for its drain; the rest is for a busy machine.
const STOP_LIMIT: Duration = Duration::from_secs(60);

/// How to start it, and the process if it runs.
#[derive(Debug)]
pub(super) struct Role {
    name: String,
    binary: PathBuf,
    env: Vec<(&'static str, String)>,
    log_dir: PathBuf,
    addr: SocketAddr,
    process: Option<Process>,
}

impl Role {
    /// A role that does not run yet. All its lives log into the same files of `log_dir`.
    pub(super) fn new(
        name: &str,
        binary: &str,
        env: Vec<(&'static str, String)>,
        log_dir: &Path,
    ) -> Result<Self> {
        Ok(Self {
            name: name.to_owned(),
            binary: workspace_binary(binary)?,
            env,
            log_dir: log_dir.to_owned(),
            addr: SocketAddr::from(([127, 0, 0, 1], free_port()?)),
            process: None,
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    pub(super) fn start(&mut self) -> Result<()> {
        let builder = ProcessBuilder::new(&self.name, &self.binary)
            .env("HTTP_ADDR", self.addr.to_string())
            .log_dir(&self.log_dir);
        let env = self.env.iter();
        let process =
            env.fold(builder, |builder, (name, value)| builder.env(name, value)).spawn()?;
        self.process = Some(process);
        Ok(())
    }

    /// Does nothing if it does not run.
    pub(super) fn kill(&mut self) -> Result<()> {
        // Its drop would kill it, too, but would not say if that failed.
        self.process.take().map_or(Ok(()), |mut process| process.kill().map(drop))
    }

    /// SIGTERM. Gives a complaint if it does not end well; then it is killed.
    pub(super) async fn terminate(&mut self) -> Option<String> {
        let mut process = self.process.take()?;
        match process.terminate(STOP_LIMIT).await {
            Ok(status) if status.success() => None,
            Ok(status) => Some(format!("{} ended with {status} after SIGTERM", self.name)),
            Err(error) => Some(format!("{error:#}")),
        }
    }

    pub(super) fn freeze(&mut self) -> Result<()> {
        self.running()?.pause()
    }

    pub(super) fn thaw(&mut self) -> Result<()> {
        self.running()?.resume()
    }

    /// If it should run and has ended by itself: starts it again, as a supervisor would, and
    /// gives the complaint.
    pub(super) fn revive(&mut self) -> Result<Option<String>> {
        let Some(process) = &mut self.process else { return Ok(None) };
        let Some(status) = process.exit_status()? else { return Ok(None) };
        let complaint = format!("{} ended by itself: {status}\n{}", self.name, process.log_tail());
        self.start()?;
        Ok(Some(complaint))
    }

    fn running(&mut self) -> Result<&mut Process> {
        self.process.as_mut().with_context(|| format!("{} does not run", self.name))
    }
}
