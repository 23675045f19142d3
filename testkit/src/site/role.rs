//! A process of linkrelay that serves HTTP: how it is started, ended and started again on the same
//! port, and what it answers.

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::process::{Process, ProcessBuilder};
use crate::tools::free_port;
use crate::wait::{LONG, SHORT, wait_for};

/// Shorter than HEADER_READ_TIMEOUT, after which a role closes an idle connection: otherwise a
/// request could be sent into the closing.
const IDLE_LIMIT: Duration = Duration::from_secs(5);

/// How to start a role, and its process while it should run. Dropping it kills the process.
#[derive(Debug)]
pub struct Role {
    name: String,
    program: PathBuf,
    arguments: Vec<OsString>,
    env: Vec<(String, String)>,
    log_dir: Option<PathBuf>,
    addr: SocketAddr,
    process: Option<Process>,
    http: reqwest::Client,
}

impl Role {
    /// A role that is not started yet, on a free port. `name` is for errors and log files.
    ///
    /// # Errors
    /// If there is no free port.
    pub fn new(name: &str, program: impl Into<PathBuf>) -> Result<Self> {
        Ok(Self {
            name: name.to_owned(),
            program: program.into(),
            arguments: Vec::new(),
            env: Vec::new(),
            log_dir: None,
            addr: SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?)),
            process: None,
            http: reqwest::Client::builder().no_proxy().pool_idle_timeout(IDLE_LIMIT).build()?,
        })
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Adds settings; the last one of a name wins.
    #[must_use]
    pub fn envs(
        mut self,
        env: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>,
    ) -> Self {
        self.env.extend(env.into_iter().map(|(name, value)| (name.into(), value.into())));
        self
    }

    /// Keeps the logs of all its processes in the same files of `folder`; without it, each
    /// process has its own temporary folder.
    #[must_use]
    pub fn log_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.log_dir = Some(folder.into());
        self
    }

    /// Takes its program from another folder, and more settings, from the next start on.
    ///
    /// # Errors
    /// If its program has no name.
    pub fn replace(&mut self, folder: &Path, env: Vec<(&'static str, String)>) -> Result<()> {
        let name = self.program.file_name().context("a program without a name")?;
        self.program = folder.join(name);
        self.env.extend(env.into_iter().map(|(name, value)| (name.to_owned(), value)));
        Ok(())
    }

    /// Starts its process; kills the one that runs.
    ///
    /// # Errors
    /// If the program cannot be run.
    pub fn start(&mut self) -> Result<()> {
        self.kill()?;
        let builder = ProcessBuilder::new(&self.name, &self.program)
            .args(&self.arguments)
            // Its log goes to a file, which a developer may have to search.
            .env("NO_COLOR", "1")
            .env("HTTP_ADDR", self.addr.to_string());
        let builder =
            self.env.iter().fold(builder, |builder, (name, value)| builder.env(name, value));
        let builder = match &self.log_dir {
            Some(folder) => builder.log_dir(folder),
            None => builder,
        };
        self.process = Some(builder.spawn()?);
        Ok(())
    }

    /// Kills its process with SIGKILL, if it runs.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn kill(&mut self) -> Result<()> {
        self.process.take().map_or(Ok(()), |mut process| process.kill().map(drop))
    }

    /// Stops its process with SIGTERM, if it runs.
    ///
    /// # Errors
    /// If it does not exit with 0 within a minute, with the end of its log; then it is killed.
    pub async fn stop(&mut self) -> Result<()> {
        let Some(mut process) = self.process.take() else { return Ok(()) };
        let status = process.terminate(LONG).await?;
        let (name, log) = (&self.name, process.log_tail());
        ensure!(status.success(), "{name} ended with {status} after SIGTERM\n{log}");
        Ok(())
    }

    /// Starts it again, like a supervisor, if it should run and has exited unexpectedly; returns
    /// its status and the end of its log.
    ///
    /// # Errors
    /// If it cannot be started again.
    pub fn revive(&mut self) -> Result<Option<String>> {
        let Some(process) = &mut self.process else { return Ok(None) };
        let Some(status) = process.exit_status()? else { return Ok(None) };
        let (name, log) = (&self.name, process.log_tail());
        let report = format!("{name} ended unexpectedly: {status}\n{log}");
        self.start()?;
        Ok(Some(report))
    }

    /// Its process.
    ///
    /// # Errors
    /// If it does not run.
    pub fn process(&self) -> Result<&Process> {
        self.process.as_ref().with_context(|| format!("{} does not run", self.name))
    }

    /// Its process, to be paused or signalled.
    ///
    /// # Errors
    /// If it does not run.
    pub fn process_mut(&mut self) -> Result<&mut Process> {
        self.process.as_mut().with_context(|| format!("{} does not run", self.name))
    }

    /// The end of its log, for an error.
    pub fn log_tail(&self) -> String {
        self.process().map_or_else(|error| error.to_string(), Process::log_tail)
    }

    /// Its name, in errors and log files.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The address that it listens on.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Its URL, without a path.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Sends a GET request; returns the status and the body.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn get(&self, path: &str) -> Result<(u16, String)> {
        let response = self.http.get(self.url() + path).send().await?;
        Ok((response.status().as_u16(), response.text().await?))
    }

    /// Sends a POST request with a JSON body; returns the status and the JSON of the answer.
    ///
    /// # Errors
    /// If there is no answer, or it is not JSON.
    pub async fn post_json(&self, path: &str, body: &Value) -> Result<(u16, Value)> {
        let response = self.http.post(self.url() + path).json(body).send().await?;
        Ok((response.status().as_u16(), response.json().await?))
    }

    /// Asks whether it is ready; returns its answer if it is.
    ///
    /// # Errors
    /// If it is not ready, with its answer; or if there is no answer.
    pub async fn readiness(&self) -> Result<Value, String> {
        let (status, answer) =
            self.get("/health/ready").await.map_err(|error| format!("{error:#}"))?;
        let json = serde_json::from_str(&answer).map_err(|error| error.to_string())?;
        if status == 200 { Ok(json) } else { Err(answer) }
    }

    /// Waits until it is ready.
    ///
    /// # Errors
    /// If it is not ready within a minute, with the end of its log.
    pub async fn until_ready(&self) -> Result<()> {
        let what = format!("{} to be ready", self.name);
        let ready = wait_for(&what, LONG, SHORT, async || self.readiness().await).await;
        ready.with_context(|| self.log_tail()).map(drop)
    }
}
