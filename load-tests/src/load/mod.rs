//! Two load generators: a closed loop, which says how much a server can do, and an open loop,
//! which says how long clients wait.
//!
//! It must not know: what the requests are about, and what the answers mean.

pub(crate) mod closed_loop;
pub(crate) mod connection;
pub(crate) mod open_loop;

use anyhow::{Context as _, Result};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// Runs a load on a thread of its own, so that it takes at most one processor from the servers,
/// whichever that is. Dropping the future stops the load.
///
/// # Errors
/// Those of the load, or that it panicked.
async fn on_own_thread<T, F>(load: impl FnOnce() -> F + Send + 'static) -> Result<T>
where
    F: Future<Output = Result<T>>,
    T: Send + 'static,
{
    let stop = CancellationToken::new();
    let _stop_guard = stop.clone().drop_guard();
    let (sender, ended) = oneshot::channel();
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let running = stop.run_until_cancelled_owned(load());
        runtime.block_on(running).context("the load was stopped")?
    };
    // No task receives the result of a load that was stopped.
    std::thread::Builder::new().name("load".to_owned()).spawn(move || drop(sender.send(run())))?;
    ended.await.context("the load generator panicked")?
}
