//! What a test wants of the calls of a store: which fail, which hang, and how many there were.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

/// A method of one of the traits of [`Store`](crate::Store).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are those of the methods")]
pub enum Method {
    EnsureSchema,
    WriteBatch,
    Find,
    Known,
    Done,
    RequestCounts,
    RequestLinks,
    RequestExpansions,
    DeleteRequest,
    SetRetention,
    RemoveExpired,
    Ping,
    Video,
    StoredAmong,
    LinksOfVideo,
    CountLinksOfVideo,
    Videos,
    Registers,
    CountVideos,
    EstimateDocuments,
    RebuildVideos,
    AddRequests,
    Requests,
    Tallies,
    Beat,
    Processes,
    RemoveProcess,
    RemoveSilent,
    BeginJob,
    UpdateJob,
    Job,
    Jobs,
    RemoveJobs,
    Stats,
    IndexVideos,
}

/// How often a method was called.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MethodCounts {
    /// All calls.
    pub calls: usize,
    /// The calls that failed because the test said so.
    pub failed: usize,
    /// The documents and ids of all calls together.
    pub items: usize,
}

#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) is_down: bool,
    pub(super) failing: HashMap<Method, Range<usize>>,
    pub(super) hanging: HashSet<Method>,
    /// `None`: videos are indexed as they are written.
    pub(super) unindexed_batches: Option<u64>,
    pub(super) refused_links: HashSet<String>,
    pub(super) counts: HashMap<Method, MethodCounts>,
}

impl Plan {
    /// Counts a call. Returns whether it fails, and whether it hangs.
    pub(super) fn enter(&mut self, method: Method, items: usize) -> (bool, bool) {
        let counts = self.counts.entry(method).or_default();
        let is_listed =
            self.failing.get(&method).is_some_and(|calls| calls.contains(&counts.calls));
        let is_failing = self.is_down || is_listed;
        counts.calls += 1;
        counts.items += items;
        counts.failed += usize::from(is_failing);
        (is_failing, self.hanging.contains(&method))
    }
}
