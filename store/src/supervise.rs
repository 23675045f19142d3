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
        .notify(|error, _| part.trouble(error.to_string()))
        .await;
    part.report(made);
    part.watch(PING_INTERVAL, PING_TIMEOUT, stop, || store.ping()).await;
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use async_trait::async_trait;
    use linkrelay_common::health::Health;
    use linkrelay_common::{DocumentId, RequestId};

    use super::*;
    use crate::{LinkDocument, LinkStatus, RequestCounts, StoreError, WriteOutcome};

    /// Cannot be reached at first; then two pings succeed, and it is unreachable again.
    #[derive(Debug, Default)]
    struct Flaky {
        schemas: AtomicU32,
        pings: AtomicU32,
    }

    fn unreachable<T>() -> Result<T, StoreError> {
        Err(StoreError::Unreachable("refused".to_owned()))
    }

    #[async_trait]
    impl LinkStore for Flaky {
        async fn ensure_schema(&self) -> Result<(), StoreError> {
            if self.schemas.fetch_add(1, Ordering::Relaxed) < 3 { unreachable() } else { Ok(()) }
        }
        async fn write_batch(&self, _: &[LinkDocument]) -> Result<Vec<WriteOutcome>, StoreError> {
            unreachable()
        }
        async fn find(&self, _: &[DocumentId]) -> Result<Vec<LinkDocument>, StoreError> {
            unreachable()
        }
        async fn request_counts(&self, _: RequestId) -> Result<RequestCounts, StoreError> {
            unreachable()
        }
        async fn request_links(
            &self,
            _: RequestId,
            _: u32,
            _: u32,
        ) -> Result<Vec<LinkStatus>, StoreError> {
            unreachable()
        }
        async fn ping(&self) -> Result<(), StoreError> {
            if self.pings.fetch_add(1, Ordering::Relaxed) < 2 { Ok(()) } else { unreachable() }
        }
    }

    async fn wait_until(health: &Health, is_ready: bool) {
        while health.readiness().ready != is_ready {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_comes_and_goes_is_reported_each_time() {
        let health = Health::default();
        let stop = CancellationToken::new();
        let store = Arc::new(Flaky::default());
        let watched: Arc<dyn LinkStore> = Arc::clone(&store) as _;
        let task = tokio::spawn(supervise(watched, health.part("store"), stop.clone()));
        wait_until(&health, true).await;
        assert_eq!(store.schemas.load(Ordering::Relaxed), 4);
        wait_until(&health, false).await;
        assert_eq!(health.readiness().parts["store"], "the store cannot be reached: refused");
        stop.cancel();
        task.await.unwrap();
    }
}
