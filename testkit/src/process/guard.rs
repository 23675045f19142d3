//! Kills a server whose test process has died.
//!
//! Nothing in the test process can do that: a static is never dropped, and SIGKILL cannot be
//! handled. So a small shell waits on a pipe whose only other end is in the test process. The kernel
//! closes that end when the process dies for any reason, and the shell then kills the server.

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};

use anyhow::{Context as _, Result};

/// Signals to the foreground of a terminal (Ctrl-C) are not meant for the guard. It reads the
/// server's process group, then a second line that dismisses it, or the end of the pipe.
const SCRIPT: &str = r#"
trap '' INT TERM HUP
read -r group || exit 0
if read -r _; then exit 0; fi
kill -s KILL -- "-$group"
[ "$#" -eq 0 ] || rm -rf -- "$@" || { sleep 1; rm -rf -- "$@"; }
"#;

#[derive(Debug)]
pub(super) struct Guard {
    shell: Child,
    pipe: Option<ChildStdin>,
}

impl Guard {
    /// Starts a guard for a server that is about to start. It removes `folders` if it has to act.
    pub(super) fn start(folders: &[PathBuf]) -> Result<Self> {
        let mut shell = Command::new("sh")
            .args(["-c", SCRIPT, "guard"])
            .args(folders)
            .stdin(Stdio::piped())
            // Otherwise a program that reads the test's output would wait for the guard.
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .context("starting sh as a guard")?;
        let pipe = shell.stdin.take();
        Ok(Self { shell, pipe })
    }

    /// Sets the process group that is to be killed.
    pub(super) fn watch(&mut self, group: u32) -> Result<()> {
        let pipe = self.pipe.as_mut().context("the guard was dismissed")?;
        writeln!(pipe, "{group}").context("writing to the guard")
    }

    /// Ends the guard after the server, whose process id may soon belong to another process.
    pub(super) fn dismiss(&mut self) {
        if let Some(mut pipe) = self.pipe.take() {
            // A guard that cannot be written to has already ended.
            drop(writeln!(pipe, "\ndismissed"));
            drop(pipe);
            drop(self.shell.wait());
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.dismiss();
    }
}
