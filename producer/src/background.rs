//! Tasks that run as long as the role; each has a name and is joined.

use std::collections::HashMap;

use tokio::task::{Id, JoinSet};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

/// The tasks and the token that ends them. Dropping it aborts them.
#[derive(Debug, Default)]
pub struct Background {
    tasks: JoinSet<()>,
    names: HashMap<Id, &'static str>,
    stop: CancellationToken,
}

impl Background {
    /// Returns the token on whose cancellation a task has to end.
    pub fn stop_token(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Runs `task` until the background is stopped. If it ends earlier, the role ends with an error
    /// that contains `name`.
    pub fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let id = self.tasks.spawn(task).id();
        self.names.insert(id, name);
    }

    /// Waits until a task ends, also by a panic, and returns its name. Waits forever if there is no
    /// task.
    ///
    /// # Cancel safety
    /// Nothing is lost if the call is dropped.
    pub(crate) async fn next_ended(&mut self) -> &'static str {
        let Some(ended) = self.tasks.join_next_with_id().await else {
            return std::future::pending().await;
        };
        let id = ended.map_or_else(|error| error.id(), |(id, ())| id);
        self.names.get(&id).copied().unwrap_or("background task")
    }

    /// Stops all tasks and waits for them; aborts those that have not ended by `deadline`.
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
        background.spawn("working", async move { stop.cancelled().await });
        background.spawn("broken", async { panic!("this panic is part of the test") });
        assert_eq!(background.next_ended().await, "broken");
        background.stop(Instant::now() + Duration::from_secs(60)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_ignores_the_stop_is_aborted() {
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
