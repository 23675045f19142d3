use std::fmt::Debug;
use std::ops::Range;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::Duration;

use linkrelay_testkit::process::workspace_binary;
use linkrelay_testkit::tools::free_port;
use linkrelay_testkit::wait::{LONG, SHORT, ok_if, wait_for};

/// Longer than [`LONG`]: a whole load is processed.
pub(crate) const VERY_LONG: Duration = Duration::from_secs(180);

/// The output of a command that has ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Said {
    /// Both outputs.
    pub(crate) fn all(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    /// Both outputs of a command that must have exited with 0.
    #[track_caller]
    pub(crate) fn done(self) -> String {
        assert_eq!(self.code, Some(0), "{}", self.all());
        self.all()
    }
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Said {
    said(&tokio::task::block_in_place(|| command.output().unwrap()))
}

pub(crate) fn said(output: &Output) -> Said {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Said { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
}

pub(crate) fn binary(name: &str) -> PathBuf {
    workspace_binary(name).unwrap()
}

/// Waits until a check succeeds; fails with its last error after a minute.
pub(crate) async fn until<T>(what: &str, check: impl AsyncFnMut() -> Result<T, String>) -> T {
    wait_for(what, LONG, SHORT, check).await.unwrap()
}

/// Waits until a value is as expected; fails with the last one after a minute.
pub(crate) async fn until_is<T: PartialEq + Debug>(
    what: &str,
    expected: T,
    mut value: impl AsyncFnMut() -> T,
) {
    until(what, async || {
        let value = value().await;
        ok_if(value == expected, format!("{value:?}"))
    })
    .await;
}

/// An address that no server listens on.
pub(crate) fn nowhere() -> String {
    format!("127.0.0.1:{}", free_port().unwrap())
}

/// A link to a video of its own for each number.
pub(crate) fn link(number: usize) -> String {
    format!("https://www.youtube.com/watch?v={}", video_id(number))
}

pub(crate) fn links(numbers: Range<usize>) -> Vec<String> {
    numbers.map(link).collect()
}

pub(crate) fn video_id(number: usize) -> String {
    format!("t{number:010}")
}
