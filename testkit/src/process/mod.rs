//! A server process under a test's control: started with its output in files, killed, stopped and
//! paused by the test, and killed when its handle drops or the test process dies.
//!
//! Not bound to a tokio runtime: a server may be shared by tests that each have their own.

mod builder;
mod guard;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, kill_process_group, prlimit};
use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::wait::{SHORT, wait_for};
pub use builder::ProcessBuilder;
use guard::Guard;

/// How much of a log an error shows.
const TAIL_LINES: usize = 30;

/// A running (or ended) process. Dropping it kills it.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    guard: Guard,
    stdout_path: PathBuf,
    stderr_path: PathBuf,
    /// Holds the log files if the test set no folder for them.
    _own_log_dir: Option<TempDir>,
}

/// Finds a binary of this workspace next to the running test: `target/debug/NAME`.
///
/// # Errors
/// If it has not been built, with the command that builds it.
pub fn workspace_binary(name: &str) -> Result<PathBuf> {
    let test = std::env::current_exe().context("finding the running test")?;
    // A test is in target/debug/deps, a binary in target/debug.
    let found = test.ancestors().skip(1).take(2).map(|folder| folder.join(name));
    found
        .into_iter()
        .find(|path| path.is_file())
        .with_context(|| format!("no binary {name}: run `cargo build --workspace --bins` first"))
}

impl Process {
    /// Its process id, also after its end.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its exit status if it has ended.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn exit_status(&mut self) -> Result<Option<ExitStatus>> {
        let status = self.child.try_wait().with_context(|| format!("asking for {}", self.name))?;
        if status.is_some() {
            self.guard.dismiss();
        }
        Ok(status)
    }

    /// Checks that it runs, for a loop that waits until a server is ready.
    ///
    /// # Errors
    /// If it has ended, with its status and the end of its log.
    pub fn ensure_running(&mut self) -> Result<()> {
        match self.exit_status()? {
            None => Ok(()),
            Some(status) => bail!("{} ended: {status}\n{}", self.name, self.log_tail()),
        }
    }

    /// Kills it and its children with SIGKILL, and waits for its end. Does nothing if it has ended.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn kill(&mut self) -> Result<ExitStatus> {
        if let Some(status) = self.exit_status()? {
            return Ok(status);
        }
        kill_process_group(Pid::from_child(&self.child), Signal::KILL)
            .with_context(|| format!("killing {}", self.name))?;
        // It ends immediately: SIGKILL can neither be caught nor delayed by a pause.
        let status = self.child.wait().with_context(|| format!("waiting for {}", self.name))?;
        self.guard.dismiss();
        Ok(status)
    }

    /// Sends SIGTERM, and waits for its end. Does nothing if it has ended.
    ///
    /// # Errors
    /// If it still runs after `limit`, with the end of its log.
    pub async fn terminate(&mut self, limit: Duration) -> Result<ExitStatus> {
        if let Some(status) = self.exit_status()? {
            return Ok(status);
        }
        self.signal(Signal::TERM)?;
        self.wait(limit).await
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// If it still runs after `limit`, with the end of its log.
    pub async fn wait(&mut self, limit: Duration) -> Result<ExitStatus> {
        let what = format!("the end of {}", self.name);
        let ended = wait_for(&what, limit, SHORT, async || match self.exit_status() {
            Ok(Some(status)) => Ok(Ok(status)),
            Ok(None) => Err("it runs".to_owned()),
            Err(error) => Ok(Err(error)),
        });
        match ended.await {
            Ok(status) => status,
            Err(error) => bail!("{error}\n{}", self.log_tail()),
        }
    }

    /// Waits until it accepts connections at `addr`.
    ///
    /// # Errors
    /// If it ends instead, or does not within `limit`; both with the end of its log.
    pub async fn until_accepts(&mut self, addr: SocketAddr, limit: Duration) -> Result<()> {
        let what = format!("{} at {addr}", self.name);
        let accepts = wait_for(&what, limit, SHORT, async || {
            if let Err(ended) = self.ensure_running() {
                return Ok(Err(ended));
            }
            match TcpStream::connect(addr).await {
                Ok(_) => Ok(Ok(())),
                Err(error) => Err(error.to_string()),
            }
        });
        match accepts.await {
            Ok(accepts) => accepts,
            Err(late) => bail!("{late}\n{}", self.log_tail()),
        }
    }

    /// Stops it with SIGSTOP: it keeps its connections and answers nothing.
    ///
    /// # Errors
    /// If it has ended.
    pub fn pause(&mut self) -> Result<()> {
        self.signal(Signal::STOP)
    }

    /// Lets it continue with SIGCONT after a pause.
    ///
    /// # Errors
    /// If it has ended.
    pub fn resume(&mut self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    /// Limits each of its files to this size, or removes the limit. A write beyond it fails if the
    /// process ignores SIGXFSZ, and ends the process otherwise.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn limit_file_sizes(&self, bytes: Option<u64>) -> Result<()> {
        let limit = Rlimit { current: bytes, maximum: None };
        prlimit(Some(Pid::from_child(&self.child)), Resource::Fsize, limit)
            .with_context(|| format!("limiting the files of {}", self.name))?;
        Ok(())
    }

    /// Sends SIGINT, like Ctrl-C.
    ///
    /// # Errors
    /// If it has ended.
    pub fn interrupt(&mut self) -> Result<()> {
        self.signal(Signal::INT)
    }

    /// The file of its standard output.
    pub fn stdout_path(&self) -> &Path {
        &self.stdout_path
    }

    /// The file of its standard error.
    pub fn stderr_path(&self) -> &Path {
        &self.stderr_path
    }

    /// Its standard output so far.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn stdout(&self) -> Result<String> {
        read_lossy(&self.stdout_path)
    }

    /// Its standard error so far.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn stderr(&self) -> Result<String> {
        read_lossy(&self.stderr_path)
    }

    /// The last lines of both outputs, for an error.
    pub fn log_tail(&self) -> String {
        let tail = |path: &Path| {
            let text = read_lossy(path).unwrap_or_else(|error| format!("{error:#}"));
            let lines: Vec<&str> = text.lines().collect();
            let tail = lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n");
            format!("--- {}\n{tail}", path.display())
        };
        format!("{}\n{}", tail(&self.stdout_path), tail(&self.stderr_path))
    }

    fn signal(&mut self, signal: Signal) -> Result<()> {
        self.ensure_running()?;
        kill_process(Pid::from_child(&self.child), signal)
            .with_context(|| format!("sending {signal:?} to {}", self.name))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The guard is dropped after the process, and kills it if this fails.
        drop(self.kill());
    }
}

fn read_lossy(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests;
