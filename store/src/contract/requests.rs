//! What every store keeps of requests.

use std::time::Duration;

use jiff::Timestamp;
use linkrelay_common::RequestId;

use super::sample;
use crate::requests::{RequestPath, RequestRow, RequestStore, RequestTally};
use crate::{RequestCounts, Store, StoreError};

/// Makes the row of a request that was accepted at this time.
fn row(links_count: u32, accepted_ms: i64) -> RequestRow {
    let links = ["https://youtu.be/5fR9AHlSDtc", "한국어 \"quoted\" 🎉", "left out"];
    let row = RequestRow::new(RequestId::new(links_count), RequestPath::Kafka, true, links);
    RequestRow { accepted_at: time(accepted_ms), ..row }
}

fn time(millis: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + Duration::from_millis(millis.unsigned_abs())
}

async fn ids(store: &dyn Store) -> Result<Vec<RequestId>, StoreError> {
    Ok(store.requests(None, 100).await?.into_iter().map(|row| row.id).collect())
}

/// Every field comes back; sent again, a request keeps the time at which it was first accepted.
pub async fn a_request_is_added_once(store: &dyn RequestStore) -> Result<(), StoreError> {
    let long = "x".repeat(2_048);
    let labelled = RequestRow::new(RequestId::new(3), RequestPath::Waiting, false, [&*long]);
    assert_eq!(labelled.links, [&long[..200]]);
    let accepted_at = labelled.accepted_at;
    let rows = [row(2, 1_000), labelled];
    store.add_requests(&rows).await?;
    store.add_requests(&[]).await?;
    let later = rows.clone().map(|row| RequestRow {
        accepted_at: accepted_at + Duration::from_secs(60),
        links: Vec::new(),
        ..row
    });
    // Twice in a batch, and beside a new one.
    let new = row(1, 2_000);
    let again = [&later[..], &later[..], std::slice::from_ref(&new)].concat();
    store.add_requests(&again).await?;
    let [first, second] = rows;
    assert_eq!(first.links.len(), 2);
    assert_eq!(store.requests(None, 10).await?, [second, new, first]);
    Ok(())
}

/// The pages together are all requests, also those of one millisecond, although others are added between two pages.
pub async fn requests_come_newest_first_page_by_page(
    store: &dyn RequestStore,
) -> Result<(), StoreError> {
    let mut rows: Vec<_> = (0..25).map(|number| row(1 + number, i64::from(number / 4))).collect();
    for part in rows.chunks(7) {
        store.add_requests(part).await?;
    }
    rows.sort_by_key(|row| std::cmp::Reverse((row.accepted_at, row.id.to_string())));
    for limit in [1, 4, 24, 25, 26] {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = store.requests(after, limit).await?;
            assert!(page.len() <= limit as usize);
            let Some(last) = page.last() else { break };
            after = Some(last.cursor());
            found.extend(page);
            store.add_requests(&[row(1, 1_000)]).await?;
        }
        found.retain(|row| row.accepted_at < time(1_000));
        assert_eq!(found, rows, "{limit}");
    }
    Ok(())
}

/// One query counts the links of many requests, with the videos of their lists.
pub async fn requests_are_counted_together(store: &dyn Store) -> Result<(), StoreError> {
    let requests = [RequestId::new(3), RequestId::new(2), RequestId::new(1), RequestId::new(9)];
    store
        .write_batch(&[
            sample::stored(requests[0], 0),
            sample::stored(requests[0], 1),
            sample::failed(requests[0], 2),
            sample::expanded(requests[1], 0, 3),
            sample::expanded(requests[1], 1, 4),
            // A video of the first list.
            sample::stored(requests[1], 2),
            sample::stored(requests[3], 0),
            sample::of_nulls(0),
        ])
        .await?;
    let tallies = store.tallies(&requests[..3]).await?;
    assert_eq!(store.tallies(&[]).await?.len(), 0);
    let tally = |id: RequestId| tallies.get(&id).copied().unwrap_or_default();
    let counts = RequestCounts { stored: 2, failed: 1, ..RequestCounts::default() };
    assert_eq!(tally(requests[0]), RequestTally { counts, list_videos: 0 });
    let counts = RequestCounts { stored: 1, expanded: 2, ..RequestCounts::default() };
    assert_eq!(tally(requests[1]), RequestTally { counts, list_videos: 7 });
    assert_eq!(tally(requests[1]).total_of(requests[1]), 9);
    assert_eq!(tally(requests[2]), RequestTally::default());
    assert_eq!(tallies.get(&requests[3]), None);
    Ok(())
}

/// The row of a request is deleted with the documents, and does not come back.
pub async fn a_deleted_request_is_not_listed(store: &dyn Store) -> Result<(), StoreError> {
    let rows = [row(1, 1_000), row(1, 2_000)];
    store.add_requests(&rows).await?;
    store.write_batch(&[sample::stored(rows[0].id, 0)]).await?;
    for _ in 0..2 {
        store.delete_request(rows[0].id, time(3_000)).await?;
        assert_eq!(ids(store).await?, [rows[1].id]);
        // It was accepted again by its key, or its row was written late.
        store.add_requests(&rows).await?;
        assert_eq!(ids(store).await?, [rows[1].id]);
    }
    Ok(())
}

/// Requests expire as documents do. For stores that leave the removal to their caller.
pub async fn old_requests_are_removed(store: &dyn Store) -> Result<(), StoreError> {
    let rows = [row(1, 1_000), row(1, 2_000), row(1, 3_000)];
    store.add_requests(&rows).await?;
    store.set_retention(Some(Duration::from_secs(3_600))).await?;
    // Only documents are counted, and no document is here.
    assert_eq!(store.remove_expired(time(3_000), 10).await?, 0);
    assert_eq!(ids(store).await?, [rows[2].id]);
    Ok(())
}
