//! Indexes titles for searches after they were written, and shows how far it is behind.
//!
//! It must not know: how a store indexes them. A store that does it at each write ends the task.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use linkrelay_common::metrics as names;
use linkrelay_store::{Indexed, SearchIndexStore};
use metrics::{counter, gauge};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::retry::Pauses;

/// The pause after a step that has left nothing. It doubles up to [`MAX_PAUSE`] while nothing comes.
const MIN_PAUSE: Duration = Duration::from_millis(500);
/// The longest pause while nothing comes.
const MAX_PAUSE: Duration = Duration::from_secs(5);
/// How many times as long as a step the pause after it is at least, so that a store that is slow,
/// or busy with writes, spends a tenth of its time at most on this. Nothing waits for it.
const PAUSES_PER_STEP: u32 = 9;

/// Indexes titles until `stop` is cancelled. An unreachable store is reported by the watch of the
/// store.
pub(crate) async fn run(store: Arc<dyn SearchIndexStore>, stop: CancellationToken) {
    // `None` means that it was stopped. A later step repeats one that did not end.
    let _stopped = stop.run_until_cancelled(index_all(store.as_ref())).await;
}

async fn index_all(store: &dyn SearchIndexStore) {
    let mut pause = MIN_PAUSE;
    let mut after_failure = Pauses::OF_STORE.forever();
    loop {
        let begin = Instant::now();
        match store.index_videos().await {
            Ok(None) => return,
            Ok(Some(indexed)) => {
                after_failure = Pauses::OF_STORE.forever();
                report(&indexed);
                let is_idle = indexed.titles_count == 0;
                pause = if is_idle { (pause * 2).min(MAX_PAUSE) } else { MIN_PAUSE };
                let rest = begin.elapsed() * PAUSES_PER_STEP;
                let wait = if indexed.has_more { rest } else { pause.max(rest) };
                tokio::time::sleep(wait).await;
            }
            Err(error) => {
                tracing::debug!(%error, "titles are indexed for searches later");
                tokio::time::sleep(after_failure.next().unwrap_or(MAX_PAUSE)).await;
            }
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "a gauge is a float")]
fn report(indexed: &Indexed) {
    // The clock of the process that has written may be ahead.
    let lag = indexed.oldest_at.map(|at| Timestamp::now().duration_since(at).as_secs_f64());
    gauge!(names::SEARCH_LAG).set(lag.unwrap_or_default().max(0.0));
    gauge!(names::SEARCH_WAITING).set(indexed.waiting_batches as f64);
    counter!(names::SEARCH_INDEXED).increment(indexed.titles_count);
}

#[cfg(test)]
mod tests {
    use linkrelay_store::testing::{FaultyStore, Method};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn all_that_waits_is_indexed_also_by_a_store_that_fails_at_first() {
        let store = Arc::new(FaultyStore::default());
        store.set_unindexed(5);
        store.fail(Method::IndexVideos, 0..3);
        let stop = CancellationToken::new();
        let task = tokio::spawn(run(Arc::clone(&store) as _, stop.clone()));
        // Three failures, five batches, and then one look after the other that finds nothing.
        while store.counts(Method::IndexVideos).calls < 10 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let begin = tokio::time::Instant::now();
        while store.counts(Method::IndexVideos).calls < 20 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let elapsed = begin.elapsed();
        assert!(elapsed >= MAX_PAUSE * 8, "idle, it asks too often: {elapsed:?}");
        stop.cancel();
        task.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_indexes_at_each_write_ends_the_task() {
        let store = Arc::new(FaultyStore::default());
        run(Arc::clone(&store) as _, CancellationToken::new()).await;
        assert_eq!(store.counts(Method::IndexVideos).calls, 1);
    }
}
