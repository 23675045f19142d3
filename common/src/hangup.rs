//! SIGHUP, by which a running role is asked to read files again.
//!
//! It must not know: which files there are.

use std::io;
use std::sync::LazyLock;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// A signal is for the process, so there is one channel in it.
static HANGUPS: LazyLock<watch::Sender<()>> = LazyLock::new(|| watch::Sender::new(()));

/// Handles SIGHUP as long as the process lives; without it, the signal would end the process.
///
/// Must be called once, from `main` of a role, within a runtime.
///
/// # Errors
/// If the operating system does not let the signal handler be installed.
pub fn listen() -> io::Result<()> {
    let mut hangup = signal(SignalKind::hangup())?;
    // Lives as long as the process: a signal may come at any time.
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            if HANGUPS.send(()).is_err() {
                tracing::info!("SIGHUP: this process has no file that it reads again; it goes on");
            }
        }
    });
    Ok(())
}

/// Changes with each SIGHUP after this call.
pub fn hangups() -> watch::Receiver<()> {
    HANGUPS.subscribe()
}
