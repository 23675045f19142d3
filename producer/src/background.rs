//! Tasks that run as long as the role does, each under its name and each joined.

use std::collections::HashMap;

use tokio::task::{Id, JoinSet};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

/// The tasks and the token that ends them. Dropped, it aborts them.
#[derive(Debug, Default)]
pub struct Background {
    tasks: JoinSet<()>,
    names: HashMap<Id, &'static str>,
    stop: CancellationToken,
}

impl Background {
    /// What a task has to listen to.
    pub fn stop_token(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Runs `task` until the background is stopped. One that ends earlier ends the role, which
    /// says `name`.
    pub fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let id = self.tasks.spawn(task).id();
        self.names.insert(id, name);
    }

    /// Waits until a task ends, by a panic or by itself, and gives its name. Never ready if
    /// there is none.
    ///
    /// # Cancel safety
    /// Nothing is lost if this is dropped before it is ready.
    pub(crate) async fn next_ended(&mut self) -> &'static str {
        let Some(ended) = self.tasks.join_next_with_id().await else {
            return std::future::pending().await;
        };
        let id = ended.map_or_else(|error| error.id(), |(id, ())| id);
        self.names.get(&id).copied().unwrap_or("background task")
    }

    /// Tells all tasks to end and waits for them; those that have not ended by `deadline` are
    /// aborted.
    pub(crate) async fn stop(mut self, deadline: Instant) {
        self.stop.cancel();
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if timeout_at(deadline, all).await.is_err() {
            tracing::warn!("a background task did not end in time");
            self.tasks.shutdown().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_task_that_panics_is_named() {
        let mut background = Background::default();
        let stop = background.stop_token();
        background.spawn("well", async move { stop.cancelled().await });
        background.spawn("broken", async { panic!("as the test wants") });
        assert_eq!(background.next_ended().await, "broken");
        background.stop(Instant::now() + Duration::from_secs(60)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_does_not_listen_is_aborted() {
        let mut background = Background::default();
        let (alive, ended) = tokio::sync::oneshot::channel::<()>();
        background.spawn("deaf", async move {
            std::future::pending::<()>().await;
            drop(alive);
        });
        background.stop(Instant::now() + Duration::from_secs(5)).await;
        assert!(ended.await.is_err());
    }
}
