//! How far a request is, and a page of its links; knows no HTTP.
//!
//! A request's links have the indexes from 0 to the count in its id. The videos of its lists
//! follow, each list's in a range of its own, so between two ranges there may be a gap.

use std::ops::Range;

use linkrelay_common::RequestId;
use linkrelay_store::{ExpandedRange, LinkState, LinkStatus, LinkStore, RequestCounts, StoreError};

/// Which links to list: up to `limit` of those with an index of `from` or more.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Page {
    pub(crate) from: u32,
    pub(crate) limit: u32,
}

/// What is known of a request.
#[derive(Debug)]
pub(crate) struct Status {
    /// Its links and the videos of its lists, as far as they are expanded.
    pub(crate) total: u32,
    pub(crate) counts: RequestCounts,
    /// One page; what the store does not know is pending.
    pub(crate) links: Vec<(u32, Option<LinkStatus>)>,
    /// Where the next page begins, if there is one.
    pub(crate) next: Option<u32>,
}

impl Status {
    /// Asks the store.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn ask(
        store: &dyn LinkStore,
        id: RequestId,
        page: Page,
    ) -> Result<Self, StoreError> {
        let own = 0..id.links_count();
        if page.from == 0 && page.limit >= id.links_count() {
            // The page is the whole request, and tells the counts itself.
            let done = store.request_links(id, 0, id.links_count()).await?;
            let counts = counts_of(&done);
            if counts.expanded == 0 {
                return Ok(Self::new(&[own], page, counts, done));
            }
        }
        // The counts first: what is expanded after them only adds to what is pending.
        let counts = store.request_counts(id).await?;
        let mut ranges = vec![own];
        if counts.expanded > 0 {
            let expansions = store.request_expansions(id).await?;
            ranges.extend(expansions.into_iter().filter_map(range_of));
            ranges.sort_unstable_by_key(|range| range.start);
        }
        let parts = parts(&ranges, page);
        let done = match (parts.first(), parts.last()) {
            // One question over the gaps, which have no documents.
            (Some(first), Some(last)) => {
                store.request_links(id, first.start, last.end - first.start).await?
            }
            _ => Vec::new(),
        };
        Ok(Self::new(&ranges, page, counts, done))
    }

    /// `done` by index; `ranges` too, and none overlaps another.
    fn new(
        ranges: &[Range<u32>],
        page: Page,
        counts: RequestCounts,
        done: Vec<LinkStatus>,
    ) -> Self {
        let total =
            ranges.iter().fold(0_u32, |total, range| total.saturating_add(range.end - range.start));
        let indexes: Vec<u32> = parts(ranges, page).into_iter().flatten().collect();
        let next = match indexes.last() {
            Some(last) => index_from(ranges, last + 1),
            None => None,
        };
        let mut done = done.into_iter().peekable();
        let links = indexes.into_iter().map(|index| {
            // What no program of ours wrote into a gap is no link of the request.
            while done.next_if(|link| link.index < index).is_some() {}
            (index, done.next_if(|link| link.index == index))
        });
        Self { total, counts, links: links.collect(), next }
    }

    /// Links without a document.
    pub(crate) fn pending(&self) -> u32 {
        let RequestCounts { stored, failed, expanded } = self.counts;
        self.total.saturating_sub(stored).saturating_sub(failed).saturating_sub(expanded)
    }
}

/// The parts of these ranges that are on a page.
fn parts(ranges: &[Range<u32>], page: Page) -> Vec<Range<u32>> {
    let mut room = page.limit;
    let mut parts = Vec::new();
    for range in ranges {
        let start = range.start.max(page.from);
        let end = range.end.min(start.saturating_add(room));
        if start < end {
            room -= end - start;
            parts.push(start..end);
        }
    }
    parts
}

/// The first index of `from` or more that is in a range.
fn index_from(ranges: &[Range<u32>], from: u32) -> Option<u32> {
    ranges.iter().find(|range| range.end > from).map(|range| range.start.max(from))
}

/// Nothing for an empty list, or for a range that no consumer of ours writes.
fn range_of(expanded: ExpandedRange) -> Option<Range<u32>> {
    let ExpandedRange { first_index, videos_count } = expanded;
    let end = first_index.checked_add(videos_count)?;
    (first_index < end).then_some(first_index..end)
}

fn counts_of(done: &[LinkStatus]) -> RequestCounts {
    let mut counts = RequestCounts::default();
    for link in done {
        match link.state {
            LinkState::Stored => counts.stored += 1,
            LinkState::Failed => counts.failed += 1,
            LinkState::Expanded => counts.expanded += 1,
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn status(ranges: &[Range<u32>], from: u32, limit: u32) -> (Vec<u32>, Option<u32>) {
        let page = Page { from, limit };
        let status = Status::new(ranges, page, RequestCounts::default(), Vec::new());
        (status.links.into_iter().map(|(index, _)| index).collect(), status.next)
    }

    #[test]
    fn a_page_goes_over_gaps() {
        let ranges = [0..2, 2..4, 10_002..10_003];
        assert_eq!(status(&ranges, 0, 3), (vec![0, 1, 2], Some(3)));
        assert_eq!(status(&ranges, 3, 1), (vec![3], Some(10_002)));
        assert_eq!(status(&ranges, 3, 5), (vec![3, 10_002], None));
        assert_eq!(status(&ranges, 500, 5), (vec![10_002], None));
        assert_eq!(status(&ranges, 10_003, 5), (vec![], None));
    }

    proptest! {
        #[test]
        fn pages_together_are_the_whole(
            gaps in proptest::collection::vec((0_u32..3, 1_u32..6), 1..5), limit in 1_u32..8,
        ) {
            let mut ranges = Vec::new();
            let mut end = 0;
            for (gap, length) in gaps {
                ranges.push(end + gap..end + gap + length);
                end += gap + length;
            }
            let (mut seen, mut from) = (Vec::new(), Some(0));
            while let Some(start) = from {
                let (indexes, next) = status(&ranges, start, limit);
                prop_assert!(next.is_none() || indexes.len() == limit as usize);
                seen.extend(indexes);
                from = next;
            }
            prop_assert_eq!(seen, ranges.into_iter().flatten().collect::<Vec<_>>());
        }
    }
}
