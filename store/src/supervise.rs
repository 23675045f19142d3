//! Watches a store: makes its schema as soon as it can be reached, then pings it, and reports both
//! to `/health/ready`.

use std::sync::Arc;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use linkrelay_common::health::Part;
use tokio_util::sync::CancellationToken;

use crate::LinkStore;

/// The first wait after a failed attempt; it doubles up to [`MAX_WAIT`], with jitter.
const MIN_WAIT: Duration = Duration::from_millis(200);
/// The longest wait: a store that can be reached again is noticed within this.
const MAX_WAIT: Duration = Duration::from_secs(5);
/// How often a store is pinged.
const PING_INTERVAL: Duration = Duration::from_secs(3);
/// How long a ping may take.
const PING_TIMEOUT: Duration = Duration::from_secs(5);

/// Makes the schema, retrying until that succeeds, and then pings the store; reports to `part`.
/// Ends when `stop` is cancelled. A role spawns it once, next to the tasks that use the store.
pub async fn supervise(store: Arc<dyn LinkStore>, part: Part, stop: CancellationToken) {
    // `None` means that it was stopped, which is the only way it ends.
    let _stopped = stop.run_until_cancelled(watch(store, part, stop.clone())).await;
}

async fn watch(store: Arc<dyn LinkStore>, part: Part, stop: CancellationToken) {
    let backoff = ExponentialBuilder::default()
        .with_min_delay(MIN_WAIT)
        .with_max_delay(MAX_WAIT)
        .with_jitter()
        .without_max_times();
    let made = (|| store.ensure_schema())
        .retry(backoff)
        .notify(|error, _| part.fails(error.to_string()))
        .await;
    part.report(made);
    part.watch(PING_INTERVAL, PING_TIMEOUT, stop, || store.ping()).await;
}

#[cfg(test)]
mod tests {
    use linkrelay_common::health::Health;

    use super::*;
    use crate::testing::{FaultyStore, Method};

    async fn wait_until(health: &Health, is_ready: bool) {
        while health.readiness().ready != is_ready {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_comes_and_goes_is_reported_each_time() {
        let health = Health::default();
        let stop = CancellationToken::new();
        // Cannot be reached at first; then is pinged well twice, and is gone again.
        let store = Arc::new(FaultyStore::default());
        store.fail(Method::EnsureSchema, 0..3);
        store.fail(Method::Ping, 2..usize::MAX);
        let watched: Arc<dyn LinkStore> = Arc::clone(&store) as _;
        let task = tokio::spawn(supervise(watched, health.part("store"), stop.clone()));
        wait_until(&health, true).await;
        assert_eq!(store.counts(Method::EnsureSchema).calls, 4);
        wait_until(&health, false).await;
        let problem = "the store cannot be reached: no route to secret-host:27017";
        assert_eq!(health.readiness().parts["store"], problem);
        stop.cancel();
        task.await.unwrap();
    }
}
