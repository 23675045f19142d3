//! Writes the row of a role until it stops. A store that fails drops a beat, and disturbs nothing.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use super::{ProcessFigures, ProcessIdentity, ProcessRow, ProcessStore};

/// How long a call of the store may take.
const CALL_LIMIT: Duration = Duration::from_secs(5);
/// How long the removal of the row may delay a stop.
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
        // `None` means that it was stopped.
        let _stopped = stop.run_until_cancelled(self.beat(&mut figures)).await;
        let removing = self.store.remove_process(&self.identity);
        if !matches!(timeout(LAST_CALL_LIMIT, removing).await, Ok(Ok(()))) {
            tracing::debug!("the row of this process is not removed, and will be shown as gone");
        }
    }

    async fn beat(&self, figures: &mut (impl FnMut(Duration) -> ProcessFigures + Send)) {
        let mut ticks = interval(self.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut beats_count, mut last) = (0_u64, Instant::now());
        loop {
            ticks.tick().await;
            let row = ProcessRow {
                identity: self.identity.clone(),
                interval_ms: u64::try_from(self.interval.as_millis()).unwrap_or(u64::MAX),
                figures: figures(last.elapsed()),
            };
            last = Instant::now();
            report(timeout(CALL_LIMIT, self.store.beat(&row)).await);
            if beats_count.is_multiple_of(BEATS_PER_REMOVAL) {
                report(timeout(CALL_LIMIT, self.store.remove_silent(KEEP_SILENT_FOR)).await);
            }
            beats_count += 1;
        }
    }
}

fn report(called: Result<Result<(), crate::StoreError>, tokio::time::error::Elapsed>) {
    match called {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a heartbeat was not written"),
        Err(_) => tracing::debug!("a heartbeat was not written in time"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::ProcessRole;
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
}
