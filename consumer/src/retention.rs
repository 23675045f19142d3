//! Removes documents that are older than KEEP_DOCUMENTS_FOR, in small batches, so that no write
//! waits long.
//!
//! It must not know: which store removes them by itself.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use linkrelay_common::metrics as names;
use linkrelay_common::until::until_it_works;
use linkrelay_store::{LinkStore, StoreError};
use metrics::counter;
use tokio_util::sync::CancellationToken;

use crate::retry::Pauses;

/// How often the store is searched for old documents.
const INTERVAL: Duration = Duration::from_secs(60);
/// How many documents one call removes.
const BATCH_DOCUMENTS: u32 = 200;
/// The pause between two batches, in which others write.
const BATCH_PAUSE: Duration = Duration::from_millis(50);

/// Tells the store how long to keep documents (`None`: forever), then removes old ones until
/// `stop` is cancelled. An unreachable store is reported by the watch of the store.
pub(crate) async fn run(
    store: Arc<dyn LinkStore>,
    keep_for: Option<Duration>,
    stop: CancellationToken,
) {
    // `None` means that it was stopped.
    let _stopped = stop.run_until_cancelled(retain(store.as_ref(), keep_for)).await;
}

async fn retain(store: &dyn LinkStore, keep_for: Option<Duration>) {
    let failed =
        |error| tracing::debug!(%error, "the store was not told how long to keep documents");
    let set = || store.set_retention(keep_for);
    until_it_works(Pauses::OF_STORE.forever(), set, failed).await;
    let Some(keep_for) = keep_for else { return };
    loop {
        if let Err(error) = remove_all(store, keep_for).await {
            tracing::debug!(%error, "old documents are removed later");
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

async fn remove_all(store: &dyn LinkStore, keep_for: Duration) -> Result<(), StoreError> {
    // The setting is validated to reach back less far than a timestamp does.
    let before = Timestamp::now().checked_sub(keep_for).unwrap_or(Timestamp::MIN);
    loop {
        let removed = store.remove_expired(before, BATCH_DOCUMENTS).await?;
        counter!(names::DOCUMENTS_REMOVED, "reason" => "retention").increment(u64::from(removed));
        if removed < BATCH_DOCUMENTS {
            return Ok(());
        }
        tokio::time::sleep(BATCH_PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use linkrelay_common::RequestId;
    use linkrelay_store::LinkDocument;
    use linkrelay_store::contract::sample;
    use linkrelay_store::testing::{FaultyStore, Method};

    use super::*;

    const LINKS: u32 = 450;

    async fn store(age: Duration) -> Arc<FaultyStore> {
        let store = Arc::new(FaultyStore::default());
        let request_id = RequestId::new(LINKS);
        let stored_at = Timestamp::now() - age;
        let old =
            (1..LINKS).map(|index| LinkDocument { stored_at, ..sample::stored(request_id, index) });
        let new = LinkDocument { stored_at: Timestamp::now(), ..sample::stored(request_id, 0) };
        store.write_batch(&old.chain([new]).collect::<Vec<_>>()).await.unwrap();
        store
    }

    #[tokio::test(start_paused = true)]
    async fn old_documents_are_removed_in_batches_also_by_a_store_that_fails_at_first() {
        let store = store(Duration::from_secs(3_700)).await;
        store.fail(Method::SetRetention, 0..3);
        store.fail(Method::RemoveExpired, 1..2);
        let stop = CancellationToken::new();
        let keep_for = Some(Duration::from_secs(3_600));
        let task = tokio::spawn(run(Arc::clone(&store) as _, keep_for, stop.clone()));
        while store.documents_count() > 1 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(store.counts(Method::SetRetention).calls, 4);
        // The batches of 200, 200 and 49, and the one that failed.
        assert_eq!(store.counts(Method::RemoveExpired).calls, 4);
        stop.cancel();
        task.await.unwrap();
        assert_eq!(store.documents()[0].index, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn without_the_setting_the_store_is_told_so_and_nothing_is_removed() {
        let store = store(Duration::from_secs(1_000_000_000)).await;
        run(Arc::clone(&store) as _, None, CancellationToken::new()).await;
        assert_eq!(store.counts(Method::SetRetention).calls, 1);
        assert_eq!(store.counts(Method::RemoveExpired).calls, 0);
    }
}
