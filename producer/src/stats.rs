//! The statistics of the store, computed once for all clients and at most once a minute.
//!
//! While a newer answer is computed, every client gets the one before; only the first clients of
//! all wait, and the computation goes on although they may give up.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use linkrelay_store::stats::StoreStats;
use linkrelay_store::videos::{VideoFilter, VideoQuery};
use linkrelay_store::{Store, StoreError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long an answer is served before another is computed.
const KEPT_FOR: Duration = Duration::from_secs(60);
/// How long a failed computation is not repeated.
const FAILED_FOR: Duration = Duration::from_secs(5);
/// How many times as long as a computation the next one waits at least.
const RESTS_PER_COMPUTATION: u32 = 20;

/// Why there are no statistics.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StatsError {
    /// The store could not count.
    #[error("{0}")]
    Store(StoreError),
    /// The first computation takes longer than this client may wait.
    #[error("the statistics are not computed yet")]
    Pending,
}

/// The statistics of one computation.
#[derive(Debug)]
pub(crate) struct Stats {
    /// When the computation began.
    pub(crate) as_of: Timestamp,
    pub(crate) store: StoreStats,
    /// The names of the top channels, where they are known.
    pub(crate) channel_names: Vec<Option<String>>,
}

/// What the last computations gave.
#[derive(Debug)]
struct Latest {
    stats: Option<Arc<Stats>>,
    error: Option<StoreError>,
    /// When the next computation may begin.
    due_at: Instant,
}

/// The statistics that there are, and the computation of newer ones.
#[derive(Debug)]
pub(crate) struct StatsCache {
    store: Arc<dyn Store>,
    latest: watch::Sender<Latest>,
    /// The permit of the only computation.
    computing: Arc<Semaphore>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl StatsCache {
    /// Computes nothing until it is asked; a computation ends when `stop` is cancelled.
    pub(crate) fn new(store: Arc<dyn Store>, stop: CancellationToken) -> Self {
        let latest = Latest { stats: None, error: None, due_at: Instant::now() };
        Self {
            store,
            latest: watch::Sender::new(latest),
            computing: Arc::new(Semaphore::new(1)),
            tasks: TaskTracker::new(),
            stop,
        }
    }

    /// Returns the latest statistics, and begins to compute newer ones if these are old. Waits only
    /// if there are none at all.
    ///
    /// # Errors
    /// [`StatsError`] if there are none, and none come within `wait`.
    pub(crate) async fn get(&self, wait: Duration) -> Result<Arc<Stats>, StatsError> {
        let mut latest = self.latest.subscribe();
        let (answer, is_due) = {
            let latest = latest.borrow_and_update();
            (latest.answer(), latest.due_at <= Instant::now())
        };
        if is_due {
            self.begin();
        }
        if let Some(Ok(stats)) = answer {
            return Ok(stats);
        }
        if let (Some(Err(error)), false) = (answer, is_due) {
            return Err(error);
        }
        let changed = self.stop.run_until_cancelled(timeout(wait, latest.changed())).await;
        if !matches!(changed, Some(Ok(Ok(())))) {
            return Err(StatsError::Pending);
        }
        let latest = latest.borrow();
        latest.answer().unwrap_or(Err(StatsError::Pending))
    }

    /// Returns a task that ends when the cache is stopped and its computation has ended.
    pub(crate) fn ended(&self) -> impl Future<Output = ()> + Send + 'static {
        let (stop, tasks) = (self.stop.clone(), self.tasks.clone());
        async move {
            stop.cancelled().await;
            tasks.close();
            tasks.wait().await;
        }
    }

    /// Begins a computation, unless there is one, or has been one since it was due.
    fn begin(&self) {
        let Ok(permit) = Arc::clone(&self.computing).try_acquire_owned() else { return };
        if self.latest.borrow().due_at > Instant::now() {
            return;
        }
        let (store, latest) = (Arc::clone(&self.store), self.latest.clone());
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            stop.run_until_cancelled(renew(store, latest, permit)).await;
        });
    }
}

impl Latest {
    fn answer(&self) -> Option<Result<Arc<Stats>, StatsError>> {
        let error = || self.error.clone().map(|error| Err(StatsError::Store(error)));
        self.stats.clone().map(Ok).or_else(error)
    }
}

/// Computes, and publishes the result before the permit is free.
async fn renew(
    store: Arc<dyn Store>,
    latest: watch::Sender<Latest>,
    _permit: OwnedSemaphorePermit,
) {
    let begin = Instant::now();
    let computed = compute(store.as_ref()).await;
    // So the store spends a twentieth of its time at most on this.
    let rest = begin.elapsed() * RESTS_PER_COMPUTATION;
    latest.send_modify(|latest| match computed {
        Ok(stats) => {
            latest.stats = Some(Arc::new(stats));
            latest.error = None;
            latest.due_at = Instant::now() + KEPT_FOR.max(rest);
        }
        Err(error) => {
            tracing::warn!("the statistics cannot be computed: {error}");
            latest.error = Some(error);
            latest.due_at = Instant::now() + FAILED_FOR.max(rest.min(KEPT_FOR));
        }
    });
}

async fn compute(store: &dyn Store) -> Result<Stats, StoreError> {
    let as_of = Timestamp::now();
    let stats = store.stats().await?;
    let mut channel_names = Vec::new();
    for channel in &stats.top_channels {
        channel_names.push(channel_name(store, &channel.channel_id).await?);
    }
    Ok(Stats { as_of, store: stats, channel_names })
}

/// Returns the name of a channel in the metadata of its newest video.
async fn channel_name(store: &dyn Store, channel_id: &str) -> Result<Option<String>, StoreError> {
    let of_channel = VideoQuery {
        filter: VideoFilter { channel_id: Some(channel_id.to_owned()), ..VideoFilter::default() },
        limit: 1,
        ..VideoQuery::default()
    };
    let metadata = store.videos(&of_channel).await?.videos.pop().and_then(|row| row.metadata);
    Ok(metadata.and_then(|metadata| metadata.video.author.name))
}

#[cfg(test)]
mod tests {
    use linkrelay_common::RequestId;
    use linkrelay_store::LinkStore;
    use linkrelay_store::contract::sample;
    use linkrelay_store::testing::{FaultyStore, Method};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn cache() -> (Arc<FaultyStore>, StatsCache) {
        let store = Arc::new(FaultyStore::default());
        (Arc::clone(&store), StatsCache::new(store, CancellationToken::new()))
    }

    fn computed_count(store: &FaultyStore) -> usize {
        store.counts(Method::Stats).calls
    }

    #[tokio::test(start_paused = true)]
    async fn many_clients_are_served_by_one_computation_a_minute() {
        let (store, cache) = cache();
        let id = RequestId::new(1);
        store.write_batch(&[sample::stored(id, 0)]).await.unwrap();
        let all = futures::future::join_all((0..20).map(|_| cache.get(SECOND))).await;
        for stats in all {
            let stats = stats.unwrap();
            assert_eq!(stats.store.videos.stored, 1);
            assert_eq!(stats.channel_names, [Some("An author".to_owned())]);
        }
        assert_eq!(computed_count(&store), 1);
        tokio::time::sleep(59 * SECOND).await;
        cache.get(SECOND).await.unwrap();
        assert_eq!(computed_count(&store), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn the_old_answer_is_served_while_the_next_one_is_computed_or_fails() {
        let (store, cache) = cache();
        let first = cache.get(SECOND).await.unwrap();
        store.fail(Method::Stats, 1..2);
        tokio::time::sleep(61 * SECOND).await;
        // It fails in the background, and is not repeated at once.
        for _ in 0..3 {
            assert_eq!(cache.get(SECOND).await.unwrap().as_of, first.as_of);
            tokio::time::sleep(SECOND).await;
        }
        assert_eq!(computed_count(&store), 2);
        tokio::time::sleep(5 * SECOND).await;
        store.hang(Method::Stats);
        for _ in 0..3 {
            assert_eq!(cache.get(SECOND).await.unwrap().as_of, first.as_of);
            tokio::time::sleep(61 * SECOND).await;
        }
        assert_eq!(computed_count(&store), 3, "the one that hangs is the only one");
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_client_waits_and_then_gives_up_while_the_computation_goes_on() {
        let (store, cache) = cache();
        store.hang(Method::Stats);
        let begin = Instant::now();
        assert_eq!(cache.get(SECOND).await.unwrap_err(), StatsError::Pending);
        assert_eq!(begin.elapsed(), SECOND);
        assert_eq!(cache.get(SECOND).await.unwrap_err(), StatsError::Pending);
        assert_eq!(computed_count(&store), 1);
        // A stop ends the wait, and the computation.
        cache.stop.cancel();
        assert_eq!(cache.get(600 * SECOND).await.unwrap_err(), StatsError::Pending);
        cache.ended().await;
        assert_eq!(begin.elapsed(), 2 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_cannot_count_is_an_error_until_it_can() {
        let (store, cache) = cache();
        store.set_down(true);
        for _ in 0..2 {
            assert!(matches!(cache.get(SECOND).await, Err(StatsError::Store(_))));
        }
        assert_eq!(computed_count(&store), 1);
        store.set_down(false);
        tokio::time::sleep(5 * SECOND).await;
        cache.get(SECOND).await.unwrap();
    }
}
