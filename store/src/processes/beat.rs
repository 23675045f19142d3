//! Writes the row of a role until it stops. A store that fails drops a beat, and disturbs nothing.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use super::{ProcessFigures, ProcessIdentity, ProcessRow, ProcessStore};
use crate::StoreError;

/// How long a call of the store may take.
const CALL_LIMIT: Duration = Duration::from_secs(5);
/// How long a beat in flight, and then the removal of the row, may each delay a stop.
const LAST_CALL_LIMIT: Duration = Duration::from_secs(1);
/// Rows of processes that were killed are kept for a day.
const KEEP_SILENT_FOR: Duration = Duration::from_secs(24 * 3_600);
/// After how many beats old rows are removed.
const BEATS_PER_REMOVAL: u64 = 360;

/// The beat of one role.
#[derive(Debug)]
pub struct Heartbeat {
    /// Where the row is.
    pub store: Arc<dyn ProcessStore>,
    /// Which role it is.
    pub identity: ProcessIdentity,
    /// How often it beats.
    pub interval: Duration,
}

impl Heartbeat {
    /// Beats until `stop`, and then removes the row. `figures` is given the time since the beat
    /// before.
    pub async fn run(
        self,
        mut figures: impl FnMut(Duration) -> ProcessFigures + Send,
        stop: CancellationToken,
    ) {
        let mut beating = pin!(self.beat(&mut figures, &stop));
        // A call that is dropped in flight could write the row after it was removed.
        let is_stopped = async {
            stop.cancelled().await;
            tokio::time::sleep(LAST_CALL_LIMIT).await;
        };
        tokio::select! {
            () = &mut beating => {}
            () = is_stopped => {}
        }
        let removing = self.store.remove_process(&self.identity);
        if !matches!(timeout(LAST_CALL_LIMIT, removing).await, Ok(Ok(()))) {
            tracing::debug!("the row of this process is not removed, and will be shown as gone");
        }
    }

    /// Beats until `stop`, but ends no call that is in flight.
    async fn beat(
        &self,
        figures: &mut (impl FnMut(Duration) -> ProcessFigures + Send),
        stop: &CancellationToken,
    ) {
        let mut ticks = interval(self.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut beats_count, mut last) = (0_u64, Instant::now());
        let mut is_failing = false;
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            let row = ProcessRow {
                identity: self.identity.clone(),
                interval_ms: u64::try_from(self.interval.as_millis()).unwrap_or(u64::MAX),
                figures: figures(last.elapsed()),
            };
            last = Instant::now();
            let beat = called(self.store.beat(&row)).await;
            report(beat, &mut is_failing);
            if beats_count.is_multiple_of(BEATS_PER_REMOVAL) {
                let removed = called(self.store.remove_silent(KEEP_SILENT_FOR)).await;
                report(removed, &mut is_failing);
            }
            beats_count += 1;
        }
    }
}

async fn called(call: impl Future<Output = Result<(), StoreError>>) -> Result<(), StoreError> {
    let late = |_| StoreError::Unreachable(format!("no answer within {CALL_LIMIT:?}"));
    timeout(CALL_LIMIT, call).await.map_err(late).and_then(|done| done)
}

/// The first failure is a warning: the store may refuse these rows alone, which its watch does not
/// notice.
fn report(called: Result<(), StoreError>, is_failing: &mut bool) {
    match called {
        Ok(()) => *is_failing = false,
        Err(error) if *is_failing => tracing::debug!(%error, "no heartbeat was written"),
        Err(error) => {
            *is_failing = true;
            tracing::warn!(%error, "no heartbeat was written, so GET /processes may show this \
                process as gone: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;

    use super::super::{ProcessRole, SeenProcess};
    use super::*;
    use crate::testing::{FaultyStore, Method};

    const INTERVAL: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn a_failing_beat_is_dropped_and_a_stop_removes_the_row() {
        let store = Arc::new(FaultyStore::default());
        store.fail(Method::Beat, 0..2);
        let identity = ProcessIdentity::new(ProcessRole::Consumer, None);
        let beat = Heartbeat { store: Arc::clone(&store) as _, identity, interval: INTERVAL };
        let stop = CancellationToken::new();
        let mut elapsed = Vec::new();
        let figures = move |since: Duration| {
            elapsed.push(since);
            let links_per_second = Some(since.as_secs_f64());
            ProcessFigures { links_per_second, ..ProcessFigures::default() }
        };
        let task = tokio::spawn(beat.run(figures, stop.clone()));
        while store.counts(Method::Beat).calls < 4 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let seen = store.processes().await.unwrap();
        assert_eq!(seen[0].row.figures.links_per_second, Some(10.0));
        assert_eq!(store.counts(Method::RemoveSilent).calls, 1);
        stop.cancel();
        task.await.unwrap();
        assert_eq!(store.processes().await.unwrap(), []);
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_hangs_does_not_delay_a_stop_long() {
        let store = Arc::new(FaultyStore::default());
        store.hang(Method::Beat);
        store.hang(Method::RemoveProcess);
        let identity = ProcessIdentity::new(ProcessRole::Producer, None);
        let beat = Heartbeat { store: Arc::clone(&store) as _, identity, interval: INTERVAL };
        let (stop, begin) = (CancellationToken::new(), Instant::now());
        stop.cancel();
        beat.run(|_| ProcessFigures::default(), stop).await;
        assert!(begin.elapsed() <= LAST_CALL_LIMIT);
    }

    /// A server that writes a row some time after it was asked to, also if the caller has gone.
    #[derive(Debug)]
    struct SlowServer(Arc<FaultyStore>);

    #[async_trait]
    impl ProcessStore for SlowServer {
        async fn beat(&self, row: &ProcessRow) -> Result<(), StoreError> {
            let (store, row) = (Arc::clone(&self.0), row.clone());
            let writing = tokio::spawn(async move {
                tokio::time::sleep(LAST_CALL_LIMIT / 2).await;
                store.beat(&row).await
            });
            writing.await.unwrap()
        }

        async fn processes(&self) -> Result<Vec<SeenProcess>, StoreError> {
            self.0.processes().await
        }

        async fn remove_process(&self, identity: &ProcessIdentity) -> Result<(), StoreError> {
            self.0.remove_process(identity).await
        }

        async fn remove_silent(&self, silent_for: Duration) -> Result<(), StoreError> {
            self.0.remove_silent(silent_for).await
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_beat_in_flight_does_not_bring_the_removed_row_back() {
        let store = Arc::new(FaultyStore::default());
        let server = Arc::new(SlowServer(Arc::clone(&store)));
        let identity = ProcessIdentity::new(ProcessRole::Consumer, None);
        let beat = Heartbeat { store: server, identity, interval: INTERVAL };
        let stop = CancellationToken::new();
        let task = tokio::spawn(beat.run(|_| ProcessFigures::default(), stop.clone()));
        // The first beat is in flight.
        tokio::time::sleep(LAST_CALL_LIMIT / 4).await;
        stop.cancel();
        task.await.unwrap();
        tokio::time::sleep(INTERVAL).await;
        assert_eq!(store.counts(Method::Beat).calls, 1);
        assert_eq!(store.processes().await.unwrap(), []);
    }
}
