//! Finds the failed links of a request, and makes their records again: each with the identity of
//! its link, so that the outcome replaces the failed document. It must not know HTTP.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use linkrelay_common::{DocumentId, LinkIdentity, LinkTarget, RequestId, parse_target};
use linkrelay_kafka::LinkRecord;
use linkrelay_store::{LinkDocument, LinkState, LinkStore, StoreError};
use linkrelay_telemetry::TraceContext;

use crate::status::{self, LinksPage};

/// How many links one query is about.
const LINKS_PER_QUERY: u32 = 1_000;

/// Which links of a request to retry.
#[derive(Debug)]
pub(crate) enum Choice {
    /// Up to `limit` failed links, of those with an index of `from` or more.
    Failed { from: u32, limit: usize },
    /// These, each of which must have failed.
    Indexes(BTreeSet<u32>),
}

/// The links to retry.
#[derive(Debug)]
pub(crate) struct FailedLinks {
    /// By index.
    pub(crate) records: Vec<LinkRecord>,
    /// The index of the next failed link, if the limit left one out.
    pub(crate) next: Option<u32>,
}

/// Why no link is retried.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RetryError {
    /// Chosen links that have not failed, or whose text names no video, so that they would only
    /// fail again.
    #[error("{} of the chosen links cannot be retried", .0.len())]
    NotFailed(Vec<u32>),
    /// The store fails.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Returns the records of the failed links of a request.
///
/// # Errors
/// [`RetryError`] if the store fails, or if a chosen link has not failed; then none is retried.
pub(crate) async fn failed_links(
    store: &dyn LinkStore,
    id: RequestId,
    choice: Choice,
    trace_parent: Option<TraceContext>,
) -> Result<FailedLinks, RetryError> {
    let (indexes, next, must_have_failed) = match choice {
        Choice::Indexes(indexes) => (indexes, None, true),
        Choice::Failed { from, limit } => {
            let (indexes, next) = failed_indexes(store, id, from, limit).await?;
            (indexes, next, false)
        }
    };
    let ids: Vec<_> = indexes.iter().map(|index| DocumentId::of_request(id, *index)).collect();
    let found = if ids.is_empty() { Vec::new() } else { store.find(&ids).await? };
    let records: BTreeMap<u32, LinkRecord> = found
        .into_iter()
        .filter_map(|document| {
            let identity = LinkIdentity::OfRequest { request_id: id, index: document.index };
            Some((document.index, record_of(document, identity, trace_parent)?))
        })
        .collect();
    let not_failed = indexes.iter().copied().filter(|index| !records.contains_key(index));
    let not_failed: Vec<u32> = not_failed.collect();
    if must_have_failed && !not_failed.is_empty() {
        return Err(RetryError::NotFailed(not_failed));
    }
    Ok(FailedLinks { records: records.into_values().collect(), next })
}

/// Returns the indexes of up to `limit` failed links, and the index of the next one.
async fn failed_indexes(
    store: &dyn LinkStore,
    id: RequestId,
    from: u32,
    limit: usize,
) -> Result<(BTreeSet<u32>, Option<u32>), StoreError> {
    let counts = store.request_counts(id).await?;
    let failed_count = usize::try_from(counts.failed).unwrap_or(usize::MAX);
    let mut failed = BTreeSet::new();
    if failed_count == 0 {
        return Ok((failed, None));
    }
    let ranges = status::ranges(store, id, counts).await?;
    let mut next = Some(from);
    // The others of a request with many links need not be read once all failed ones are found.
    while let Some(from) = next.filter(|_| failed.len() < failed_count) {
        let page = LinksPage { from, limit: LINKS_PER_QUERY };
        let links = status::read(store, id, &ranges, page).await?;
        for link in links.into_iter().filter(|link| link.state == LinkState::Failed) {
            if failed.len() == limit {
                return Ok((failed, Some(link.index)));
            }
            failed.insert(link.index);
        }
        next = status::next_page(&ranges, page);
    }
    Ok((failed, None))
}

/// Returns the record of a failed link; `None` if it has not failed, or names no video. A retry is
/// forced, because the refusal may still be cached.
fn record_of(
    document: LinkDocument,
    identity: LinkIdentity,
    trace_parent: Option<TraceContext>,
) -> Option<LinkRecord> {
    let LinkDocument {
        status: LinkState::Failed, link, submitted_at, trace_parent: failed_in, ..
    } = document
    else {
        return None;
    };
    let target: LinkTarget = parse_target(&link).ok()?;
    Some(LinkRecord {
        target,
        link,
        force: true,
        identity,
        submitted_at: submitted_at.unwrap_or_else(Timestamp::now),
        trace_parent,
        failed_in: failed_in.and_then(|text| text.parse().ok()),
    })
}
