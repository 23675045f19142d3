//! The progress of a request, and a page of its links; it must not know HTTP.
//!
//! A request's links have the indexes from 0 to the count in its id. The videos of its lists
//! follow, each list's in its own range, so there may be gaps between the ranges.

use std::ops::Range;

use linkrelay_common::RequestId;
use linkrelay_store::{ExpandedRange, LinkStatus, LinkStore, RequestCounts, StoreError};

/// The links to list: up to `limit` of those with an index of `from` or more.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LinksPage {
    pub(crate) from: u32,
    pub(crate) limit: u32,
}

/// The progress of a request.
#[derive(Debug)]
pub(crate) struct RequestProgress {
    /// How many links there are, with the videos of the lists that are expanded.
    pub(crate) total: u32,
    pub(crate) counts: RequestCounts,
    /// One page, by index; a link that the store does not know is pending.
    pub(crate) links: Vec<(u32, Option<LinkStatus>)>,
    /// The index at which the next page begins, if there is one.
    pub(crate) next: Option<u32>,
}

impl RequestProgress {
    /// Asks the store for the progress of a request, and for a page of its links.
    ///
    /// # Errors
    /// The errors of the store.
    pub(crate) async fn ask(
        store: &dyn LinkStore,
        id: RequestId,
        page: LinksPage,
    ) -> Result<Self, StoreError> {
        let own = 0..id.links_count();
        if page.from == 0 && page.limit >= id.links_count() {
            // The page is the complete request, so the counts follow from it.
            let done = store.request_links(id, 0, id.links_count()).await?;
            let counts = counts_of(&done);
            if counts.expanded == 0 {
                return Ok(Self::new(&[own], page, counts, done));
            }
        }
        // The counts come first: a list that is expanded later only adds pending links.
        let counts = store.request_counts(id).await?;
        let ranges = ranges(store, id, counts).await?;
        let done = read(store, id, &ranges, page).await?;
        Ok(Self::new(&ranges, page, counts, done))
    }

    /// `done` and `ranges` are sorted by index; no range overlaps another.
    fn new(
        ranges: &[Range<u32>],
        page: LinksPage,
        counts: RequestCounts,
        done: Vec<LinkStatus>,
    ) -> Self {
        let total =
            ranges.iter().fold(0_u32, |total, range| total.saturating_add(range.end - range.start));
        let indexes: Vec<u32> = parts(ranges, page).into_iter().flatten().collect();
        let next = next_page(ranges, page);
        let mut done = done.into_iter().peekable();
        let links = indexes.into_iter().map(|index| {
            // A document that another program has written into a gap is not a link of the request.
            while done.next_if(|link| link.index < index).is_some() {}
            (index, done.next_if(|link| link.index == index))
        });
        Self { total, counts, links: links.collect(), next }
    }

    /// Returns how many links have no document yet.
    pub(crate) fn pending(&self) -> u32 {
        self.counts.pending_of(self.total)
    }
}

/// Returns the ranges of the indexes of a request's links and of the videos of its lists, sorted.
///
/// # Errors
/// The errors of the store.
pub(crate) async fn ranges(
    store: &dyn LinkStore,
    id: RequestId,
    counts: RequestCounts,
) -> Result<Vec<Range<u32>>, StoreError> {
    let mut ranges = vec![0..id.links_count()];
    if counts.expanded > 0 {
        let expansions = store.request_expansions(id).await?;
        ranges.extend(expansions.into_iter().filter_map(range_of));
        ranges.sort_unstable_by_key(|range| range.start);
    }
    Ok(ranges)
}

/// Returns the links of a page that have a document.
///
/// # Errors
/// The errors of the store.
pub(crate) async fn read(
    store: &dyn LinkStore,
    id: RequestId,
    ranges: &[Range<u32>],
    page: LinksPage,
) -> Result<Vec<LinkStatus>, StoreError> {
    let parts = parts(ranges, page);
    match (parts.first(), parts.last()) {
        // One query, which includes the gaps: they have no documents.
        (Some(first), Some(last)) => {
            store.request_links(id, first.start, last.end - first.start).await
        }
        _ => Ok(Vec::new()),
    }
}

/// Returns the index at which the page after this one begins, if there is one.
pub(crate) fn next_page(ranges: &[Range<u32>], page: LinksPage) -> Option<u32> {
    index_from(ranges, parts(ranges, page).last()?.end)
}

/// Returns the parts of these ranges that are on a page.
fn parts(ranges: &[Range<u32>], page: LinksPage) -> Vec<Range<u32>> {
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

/// Returns the first index of `from` or more that is in a range.
fn index_from(ranges: &[Range<u32>], from: u32) -> Option<u32> {
    ranges.iter().find(|range| range.end > from).map(|range| range.start.max(from))
}

/// Returns the range of a list's videos; `None` if it is empty, or larger than linkrelay writes.
pub(crate) fn range_of(expanded: ExpandedRange) -> Option<Range<u32>> {
    let ExpandedRange { first_index, videos_count } = expanded;
    let end = first_index.checked_add(videos_count)?;
    (first_index < end).then_some(first_index..end)
}

fn counts_of(done: &[LinkStatus]) -> RequestCounts {
    let mut counts = RequestCounts::default();
    for link in done {
        counts.add(link.state, 1);
    }
    counts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn status(ranges: &[Range<u32>], from: u32, limit: u32) -> (Vec<u32>, Option<u32>) {
        let page = LinksPage { from, limit };
        let status = RequestProgress::new(ranges, page, RequestCounts::default(), Vec::new());
        (status.links.into_iter().map(|(index, _)| index).collect(), status.next)
    }

    #[test]
    fn a_page_skips_gaps() {
        let ranges = [0..2, 2..4, 10_002..10_003];
        assert_eq!(status(&ranges, 0, 3), (vec![0, 1, 2], Some(3)));
        assert_eq!(status(&ranges, 3, 1), (vec![3], Some(10_002)));
        assert_eq!(status(&ranges, 3, 5), (vec![3, 10_002], None));
        assert_eq!(status(&ranges, 500, 5), (vec![10_002], None));
        assert_eq!(status(&ranges, 10_003, 5), (vec![], None));
    }

    proptest! {
        #[test]
        fn all_pages_together_are_all_links(
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
