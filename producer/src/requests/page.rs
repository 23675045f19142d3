//! Reads a page of requests, and how far each is: one query for the rows, and one for all counts.

use linkrelay_common::RequestId;
use linkrelay_store::requests::{RequestCursor, RequestRow, RequestTally};
use linkrelay_store::{RequestStore, StoreError};

/// How many requests one query counts. A request may have a thousand documents.
const ROWS_PER_QUERY: u32 = 200;
/// How many rows a page may examine, so that a rare one costs many small queries and not one that
/// blocks the store.
const MAX_ROWS_EXAMINED: u32 = 2_000;

/// Which requests to return.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestsQuery {
    /// Only those with links that have no document.
    pub(crate) only_pending: bool,
    /// The end of the page before.
    pub(crate) after: Option<RequestCursor>,
    /// How many at most.
    pub(crate) limit: u32,
}

/// Some of the requests, those that were accepted last first.
#[derive(Debug)]
pub(crate) struct RequestsPage {
    pub(crate) requests: Vec<ListedRequest>,
    /// The end of this page, if there may be more.
    pub(crate) next: Option<RequestCursor>,
}

/// A request, and how far it is.
#[derive(Debug)]
pub(crate) struct ListedRequest {
    pub(crate) row: RequestRow,
    pub(crate) tally: RequestTally,
}

impl ListedRequest {
    /// Returns how many links it has, with the videos of its lists.
    pub(crate) fn total(&self) -> u32 {
        self.tally.total_of(self.row.id)
    }

    /// Returns how many of its links have no document.
    pub(crate) fn pending(&self) -> u32 {
        self.tally.counts.pending_of(self.total())
    }

    /// A deleted request can be accepted again, by its key; its links stay deleted.
    fn is_selected(&self, query: &RequestsQuery) -> bool {
        self.tally.counts.deleted == 0 && (!query.only_pending || self.pending() > 0)
    }
}

/// Returns a page of requests. It may have fewer than asked for, or none, although there are more:
/// only a page without `next` is the last.
///
/// # Errors
/// The errors of the store.
pub(crate) async fn read(
    store: &dyn RequestStore,
    query: RequestsQuery,
) -> Result<RequestsPage, StoreError> {
    let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
    let (mut requests, mut after) = (Vec::new(), query.after);
    let mut left = MAX_ROWS_EXAMINED;
    while left > 0 {
        // With a filter, most rows may be left out.
        let wanted = if query.only_pending { ROWS_PER_QUERY } else { query.limit };
        // One more shows whether there is a next page.
        let asked = wanted.min(ROWS_PER_QUERY).min(left) + 1;
        let mut rows = store.requests(after, asked).await?;
        let has_more = rows.len() == asked as usize;
        if has_more {
            rows.pop();
        }
        left = left.saturating_sub(asked - 1);
        let ids: Vec<RequestId> = rows.iter().map(|row| row.id).collect();
        let tallies = if ids.is_empty() { Default::default() } else { store.tallies(&ids).await? };
        for (index, row) in rows.iter().enumerate() {
            after = Some(row.cursor());
            let tally = tallies.get(&row.id).copied().unwrap_or_default();
            let listed = ListedRequest { row: row.clone(), tally };
            if listed.is_selected(&query) {
                requests.push(listed);
            }
            if requests.len() == limit {
                let is_last = index + 1 == rows.len() && !has_more;
                return Ok(RequestsPage { requests, next: after.filter(|_| !is_last) });
            }
        }
        if !has_more {
            return Ok(RequestsPage { requests, next: None });
        }
    }
    Ok(RequestsPage { requests, next: after })
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use linkrelay_store::LinkStore;
    use linkrelay_store::contract::sample;
    use linkrelay_store::requests::RequestPath;
    use linkrelay_store::testing::{FaultyStore, Method};

    use super::*;

    /// Adds requests of one link; returns their ids, the newest first.
    async fn add(store: &FaultyStore, count: i64) -> Vec<RequestId> {
        let row = |number| {
            let row = RequestRow::new(RequestId::new(1), RequestPath::Kafka, false, ["a"]);
            let accepted_at = Timestamp::from_millisecond(number).unwrap();
            RequestRow { accepted_at, ..row }
        };
        let rows: Vec<_> = (0..count).map(row).collect();
        store.add_requests(&rows).await.unwrap();
        rows.iter().rev().map(|row| row.id).collect()
    }

    async fn pages(store: &FaultyStore, only_pending: bool, limit: u32) -> Vec<Vec<RequestId>> {
        let (mut pages, mut after) = (Vec::new(), None);
        loop {
            let page = read(store, RequestsQuery { only_pending, after, limit }).await.unwrap();
            pages.push(page.requests.iter().map(|listed| listed.row.id).collect());
            after = page.next;
            if after.is_none() {
                return pages;
            }
        }
    }

    #[tokio::test]
    async fn a_page_costs_one_query_for_its_rows_and_one_for_all_counts() {
        let store = FaultyStore::default();
        let ids = add(&store, 120).await;
        let page = RequestsQuery { only_pending: false, after: None, limit: 50 };
        assert_eq!(read(&store, page).await.unwrap().requests.len(), 50);
        assert_eq!(store.counts(Method::Requests).calls, 1);
        assert_eq!(store.counts(Method::Tallies).calls, 1);
        for limit in [1, 7, 40, 119, 120, 121, 500] {
            assert_eq!(pages(&store, false, limit).await.concat(), ids, "{limit}");
        }
        assert_eq!(pages(&store, false, 60).await.len(), 2);
    }

    #[tokio::test]
    async fn pending_requests_are_found_behind_others_and_a_page_examines_a_bounded_number() {
        let store = FaultyStore::default();
        let ids = add(&store, 5_000).await;
        let is_pending = |index: &usize| index % 1_500 == 1_499;
        let done = ids.iter().enumerate().filter(|(index, _)| !is_pending(index));
        let done: Vec<_> = done.map(|(_, id)| sample::stored(*id, 0)).collect();
        store.write_batch(&done).await.unwrap();
        let expected: Vec<_> = (0..5_000).filter(is_pending).map(|index| ids[index]).collect();
        let pages = pages(&store, true, 10).await;
        assert_eq!(pages.concat(), expected);
        assert_eq!(pages.len(), 3, "2,000 rows each");
    }

    #[tokio::test]
    async fn a_deleted_request_that_was_accepted_again_is_left_out() {
        let store = FaultyStore::default();
        let ids = add(&store, 3).await;
        store.write_batch(&[sample::stored(ids[1], 0)]).await.unwrap();
        store.delete_request(ids[1], Timestamp::UNIX_EPOCH).await.unwrap();
        let row = RequestRow::new(ids[1], RequestPath::Kafka, true, ["a"]);
        store.add_requests(&[row]).await.unwrap();
        assert_eq!(pages(&store, false, 2).await.concat(), [ids[0], ids[2]]);
    }
}
