//! What every store keeps of processes.

use std::time::{Duration, Instant};

use crate::StoreError;
use crate::processes::{
    ProcessFigures, ProcessIdentity, ProcessRole, ProcessRow, ProcessStore, SeenProcess,
};

fn row(role: ProcessRole, instance: &str, lag: u64) -> ProcessRow {
    let identity = ProcessIdentity::new(role, Some(instance.to_owned()));
    let figures = ProcessFigures {
        lag: Some(lag),
        partitions: Some(vec![0, 3]),
        links_per_second: Some(0.5),
        cool_down_until: Some(identity.started_at),
        ..ProcessFigures::default()
    };
    ProcessRow { identity, interval_ms: 20, figures }
}

async fn seen(store: &dyn ProcessStore) -> Result<Vec<SeenProcess>, StoreError> {
    let mut seen = store.processes().await?;
    seen.sort_by_key(|seen| (seen.row.identity.role, seen.row.identity.instance.clone()));
    Ok(seen)
}

/// A row is of one role of one process, and has its last beat.
pub async fn a_process_has_one_row_with_its_last_beat(
    store: &dyn ProcessStore,
) -> Result<(), StoreError> {
    let rows = [
        row(ProcessRole::Consumer, "a", 1),
        row(ProcessRole::Consumer, "b", 2),
        row(ProcessRole::Producer, "a", 3),
    ];
    for row in rows.iter().chain(&rows) {
        store.beat(row).await?;
    }
    let last = row(ProcessRole::Consumer, "a", 9);
    store.beat(&last).await?;
    let found = seen(store).await?.into_iter().map(|seen| seen.row);
    assert_eq!(found.collect::<Vec<_>>(), [last.clone(), rows[1].clone(), rows[2].clone()]);
    // A static member that ends after its successor has begun.
    store.remove_process(&rows[0].identity).await?;
    assert_eq!(seen(store).await?.len(), 3);
    store.remove_process(&last.identity).await?;
    store.remove_process(&last.identity).await?;
    let found = seen(store).await?.into_iter().map(|seen| seen.row);
    assert_eq!(found.collect::<Vec<_>>(), rows[1..]);
    Ok(())
}

/// A silent process is gone by the clock of the store, and its row is removed much later.
pub async fn a_silent_process_is_gone(store: &dyn ProcessStore) -> Result<(), StoreError> {
    let silent = row(ProcessRole::Consumer, "a", 1);
    store.beat(&silent).await?;
    let begin = Instant::now();
    let patience = Duration::from_secs(60);
    while !seen(store).await?.iter().all(SeenProcess::is_gone) {
        assert!(begin.elapsed() < patience, "never gone");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(begin.elapsed() >= Duration::from_millis(50), "three beats of 20 ms");
    let living = ProcessRow { interval_ms: 60_000, ..row(ProcessRole::Consumer, "b", 1) };
    store.beat(&living).await?;
    store.remove_silent(patience * 60).await?;
    let gone = seen(store).await?.iter().map(SeenProcess::is_gone).collect::<Vec<_>>();
    assert_eq!(gone, [true, false]);
    store.beat(&ProcessRow { interval_ms: 60_000, ..silent }).await?;
    assert!(!seen(store).await?.iter().any(SeenProcess::is_gone));
    while !seen(store).await?.is_empty() {
        assert!(begin.elapsed() < patience * 2, "never removed");
        store.remove_silent(Duration::from_millis(20)).await?;
    }
    Ok(())
}
