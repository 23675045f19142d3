//! What is known of a request whose events are watched: filled by one poll, read by all watchers.
//!
//! The links are those of `GET /links/{id}`: the indexes below the count in the id, and those of
//! the videos of each list that is expanded. A link that is done once stays done here.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use linkrelay_common::RequestId;
use linkrelay_store::{LinkStatus, LinkStore, RequestCounts, StoreError};

use super::ranges::IndexRanges;
use crate::status::range_of;

/// The indexes of one query.
const PAGE: u32 = 1_000;
/// The queries of one poll; the next poll continues.
const PAGES_PER_POLL: usize = 20;

/// How many links there are, and how many are done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counters {
    pub(crate) total: u32,
    pub(crate) counts: RequestCounts,
}

impl Counters {
    pub(crate) fn pending(self) -> u32 {
        self.counts.pending_of(self.total)
    }
}

/// What watchers see of a request.
#[derive(Debug, Clone)]
pub(crate) struct Progress {
    pub(crate) counters: Counters,
    /// The links in the order in which they became done; each poll that finds some adds a part.
    pub(crate) parts: Vec<Arc<[LinkStatus]>>,
    /// The last index of each gap between the lists, by its first; empty while a list may still
    /// be expanded.
    pub(crate) gaps: Arc<BTreeMap<u32, u32>>,
    /// Whether the store has answered at least once.
    pub(crate) is_known: bool,
    /// Whether the last poll failed.
    pub(crate) is_store_down: bool,
}

/// What the poll of a request needs to know.
#[derive(Debug)]
pub(crate) struct Reader {
    id: RequestId,
    /// The indexes of the request's links, sorted.
    ranges: Vec<Range<u32>>,
    done: IndexRanges,
    counts: RequestCounts,
    /// What the store counted when all pages were read.
    read_counts: RequestCounts,
    /// Where the next query begins, if the last poll did not reach the end.
    from: u32,
    new: Vec<LinkStatus>,
}

impl Reader {
    pub(crate) fn new(id: RequestId) -> Self {
        Self {
            id,
            ranges: vec![0..id.links_count()],
            done: IndexRanges::default(),
            counts: RequestCounts::default(),
            read_counts: RequestCounts::default(),
            from: 0,
            new: Vec::new(),
        }
    }

    /// Reads the links that have become done. What was read before an error is kept.
    ///
    /// # Errors
    /// The errors of the store.
    ///
    /// # Cancel safety
    /// Nothing that was read is lost.
    pub(crate) async fn poll(&mut self, store: &dyn LinkStore) -> Result<(), StoreError> {
        let is_one_page = self.ranges.len() == 1 && self.id.links_count() <= PAGE;
        let counts = if is_one_page { None } else { Some(store.request_counts(self.id).await?) };
        if counts == Some(self.read_counts) && self.from == 0 {
            return Ok(());
        }
        for _ in 0..PAGES_PER_POLL {
            let Some(start) = self.next_pending(self.from) else { break };
            let links = store.request_links(self.id, start, PAGE).await?;
            links.into_iter().for_each(|link| self.add(link));
            self.from = start.saturating_add(PAGE);
        }
        if self.next_pending(self.from).is_none() {
            self.from = 0;
            // A document that came later than the count is read again with the next change.
            self.read_counts = counts.unwrap_or(self.read_counts);
        }
        Ok(())
    }

    /// Whether no link is pending.
    pub(crate) fn is_complete(&self) -> bool {
        self.next_pending(0).is_none()
    }

    /// Moves what was read to what watchers see; returns whether there was anything.
    pub(crate) fn publish(&mut self, progress: &mut Progress) -> bool {
        progress.counters = self.counters();
        if self.new.is_empty() {
            return false;
        }
        progress.parts.push(std::mem::take(&mut self.new).into());
        if self.done.first_missing(0).is_none_or(|missing| missing >= self.id.links_count()) {
            let gaps = self.ranges.windows(2).filter_map(|pair| match pair {
                [left, right] if left.end < right.start => Some((left.end, right.start - 1)),
                _ => None,
            });
            progress.gaps = Arc::new(gaps.collect());
        }
        true
    }

    /// What watchers see before the first poll.
    pub(crate) fn unknown(&self) -> Progress {
        Progress {
            counters: self.counters(),
            parts: Vec::new(),
            gaps: Arc::default(),
            is_known: false,
            is_store_down: false,
        }
    }

    fn counters(&self) -> Counters {
        let total = self.ranges.iter().fold(0_u32, |total, range| {
            total.saturating_add(range.end.saturating_sub(range.start))
        });
        Counters { total, counts: self.counts }
    }

    /// Returns the first pending link with an index of `from` or more.
    fn next_pending(&self, from: u32) -> Option<u32> {
        self.ranges.iter().find_map(|range| {
            let index = self.done.first_missing(range.start.max(from))?;
            (index < range.end).then_some(index)
        })
    }

    /// Takes a link up, unless it is known, or not a link of the request.
    fn add(&mut self, link: LinkStatus) {
        let is_link = self.ranges.iter().any(|range| range.contains(&link.index));
        if !is_link || self.done.contains(link.index) {
            return;
        }
        self.done.insert(link.index, link.index);
        self.counts.add(link.state, 1);
        if let Some(range) = link.expanded.and_then(range_of) {
            let at = self.ranges.partition_point(|other| other.start < range.start);
            self.ranges.insert(at, range);
        }
        self.new.push(link);
    }
}
