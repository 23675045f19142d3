//! How a process is asked to end: the first signal drains, the second ends it immediately.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The exit code after a second signal, as a shell counts an interrupt.
const INTERRUPTED: i32 = 130;

/// Returns a token that is cancelled by the first SIGTERM or SIGINT. A second one ends the process
/// without waiting for anything: what was in flight is delivered again after the next start.
///
/// Must be called once, from `main`, within a runtime.
///
/// # Errors
/// If the operating system does not let the signal handlers be installed.
pub fn on_signal() -> std::io::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = CancellationToken::new();
    let asked_to_stop = stop.clone();
    // Lives as long as the process: a signal may come at any time.
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if asked_to_stop.is_cancelled() {
                tracing::warn!(
                    "second signal: the process ends immediately; what is in flight will be delivered again"
                );
                std::process::exit(INTERRUPTED);
            }
            tracing::info!(
                "the process stops and finishes what is in flight (a second signal ends it immediately)"
            );
            asked_to_stop.cancel();
        }
    });
    Ok(stop)
}
