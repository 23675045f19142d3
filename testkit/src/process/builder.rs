//! How to start a process.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};

use super::Process;
use super::guard::Guard;

/// A process that is to be started.
#[derive(Debug)]
pub struct ProcessBuilder {
    name: String,
    command: Command,
    log_dir: Option<PathBuf>,
    orphaned_folders: Vec<PathBuf>,
}

impl ProcessBuilder {
    /// `name` appears in errors and in the names of the log files.
    pub fn new(name: &str, program: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new(program);
        // In its own process group: Ctrl-C does not reach it, and a kill reaches its children.
        command.process_group(0).stdin(Stdio::null());
        Self { name: name.to_owned(), command, log_dir: None, orphaned_folders: Vec::new() }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(arguments);
        self
    }

    /// Sets a variable of its environment.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Removes a variable of the test's own environment.
    #[must_use]
    pub fn env_remove(mut self, name: impl AsRef<OsStr>) -> Self {
        self.command.env_remove(name);
        self
    }

    /// Sets its working directory.
    #[must_use]
    pub fn current_dir(mut self, folder: impl AsRef<Path>) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Appends its output to files in `folder`, for a server that is started again. Without it, the
    /// files are in a temporary folder that is removed with the handle.
    #[must_use]
    pub fn log_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.log_dir = Some(folder.into());
        self
    }

    /// Removes `folder` if the test process dies before its handle drops.
    #[must_use]
    pub fn remove_if_orphaned(mut self, folder: impl Into<PathBuf>) -> Self {
        self.orphaned_folders.push(folder.into());
        self
    }

    /// Starts it.
    ///
    /// # Errors
    /// If the program cannot be run.
    pub fn spawn(mut self) -> Result<Process> {
        let (log_dir, own_log_dir) = match self.log_dir.take() {
            Some(folder) => (folder, None),
            None => {
                let own = tempfile::tempdir()?;
                self.orphaned_folders.push(own.path().to_owned());
                (own.path().to_owned(), Some(own))
            }
        };
        let stdout_path = log_dir.join(format!("{}.stdout", self.name));
        let stderr_path = log_dir.join(format!("{}.stderr", self.name));
        let mut guard = Guard::start(&self.orphaned_folders)?;
        // Not the whole command: its environment may hold a password.
        let program = self.command.get_program().to_owned();
        let child = self
            .command
            .stdout(log_file(&stdout_path)?)
            .stderr(log_file(&stderr_path)?)
            .spawn()
            .with_context(|| format!("starting {} ({})", self.name, program.display()))?;
        guard.watch(child.id())?;
        Ok(Process {
            name: self.name,
            child,
            guard,
            stdout_path,
            stderr_path,
            _own_log_dir: own_log_dir,
        })
    }
}

fn log_file(path: &Path) -> Result<File> {
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.with_context(|| format!("opening {}", path.display()))
}
