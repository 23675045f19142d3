//! `GET /links/{id}`: what has become of a request's links.
//!
//! The id says how many links there are, so a link that the store does not know is pending;
//! nothing else remembers a request. A well-formed id that nobody was given looks the same.

use std::fmt;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::routing::get;
use axum::{Json, Router};
use linkrelay_common::RequestId;
use linkrelay_store::{LinkError, LinkState, LinkStatus, LinkStore, RequestCounts, StoreError};
use serde::{Deserialize, Serialize};

use crate::error::ApiError;
use crate::state::AppState;

const DEFAULT_LIMIT: u32 = 100;
const MAX_LIMIT: u32 = 1_000;

pub(crate) fn router() -> Router<AppState> {
    Router::new().route("/links/{id}", get(status))
}

/// Which links of the request to list.
#[derive(Debug, Clone, Copy, Deserialize)]
struct PageQuery {
    #[serde(default)]
    from: u32,
    #[serde(default = "default_limit")]
    limit: u32,
}

fn default_limit() -> u32 {
    DEFAULT_LIMIT
}

#[derive(Debug, Serialize)]
struct RequestStatus {
    id: RequestId,
    total: u32,
    stored: u32,
    failed: u32,
    pending: u32,
    links: Vec<LinkEntry>,
    /// The next page, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<NextPage>,
}

#[derive(Debug, Serialize)]
struct LinkEntry {
    index: u32,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    video_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<LinkError>,
}

#[derive(Debug, Clone, Copy)]
struct NextPage {
    id: RequestId,
    from: u32,
    limit: u32,
}

async fn status(
    State(app): State<AppState>,
    Path(id): Path<String>,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Result<Json<RequestStatus>, ApiError> {
    let id: RequestId = id.parse()?;
    let Query(page) = query.map_err(|rejection| ApiError::BadQuery(rejection.body_text()))?;
    if !(1..=MAX_LIMIT).contains(&page.limit) {
        return Err(ApiError::BadQuery(format!("limit must be between 1 and {MAX_LIMIT}")));
    }
    let asked = tokio::time::timeout(app.store_timeout, ask(app.store.as_ref(), id, page));
    let (counts, done) = asked.await.map_err(|_| ApiError::StoreTimeout)??;
    Ok(Json(RequestStatus::new(id, page, counts, done)))
}

/// Asks for the page; and for the counts, unless the page is the whole request and tells them
/// itself.
async fn ask(
    store: &dyn LinkStore,
    id: RequestId,
    page: PageQuery,
) -> Result<(RequestCounts, Vec<LinkStatus>), StoreError> {
    if page.from == 0 && page.limit >= id.links_count() {
        let done = store.request_links(id, 0, page.limit).await?;
        return Ok((counts_of(&done), done));
    }
    // Never more than there can be: a store may then add the two without a thought.
    let limit = page.limit.min(id.links_count().saturating_sub(page.from));
    if limit == 0 {
        return Ok((store.request_counts(id).await?, Vec::new()));
    }
    let links = store.request_links(id, page.from, limit);
    let (counts, done) = tokio::join!(store.request_counts(id), links);
    Ok((counts?, done?))
}

fn counts_of(done: &[LinkStatus]) -> RequestCounts {
    let mut counts = RequestCounts::default();
    for link in done {
        match link.state {
            LinkState::Stored => counts.stored += 1,
            LinkState::Failed => counts.failed += 1,
        }
    }
    counts
}

impl RequestStatus {
    fn new(id: RequestId, page: PageQuery, counts: RequestCounts, done: Vec<LinkStatus>) -> Self {
        let total = id.links_count();
        let RequestCounts { stored, failed } = counts;
        let end = page.from.saturating_add(page.limit).min(total);
        let mut done = done.into_iter().peekable();
        let links = (page.from..end).map(|index| {
            done.next_if(|link| link.index == index)
                .map_or_else(|| LinkEntry::pending(index), LinkEntry::done)
        });
        Self {
            id,
            total,
            stored,
            failed,
            pending: total.saturating_sub(stored).saturating_sub(failed),
            links: links.collect(),
            next: (end < total).then_some(NextPage { id, from: end, limit: page.limit }),
        }
    }
}

impl LinkEntry {
    fn pending(index: u32) -> Self {
        Self { index, status: "pending", link: None, video_id: None, title: None, error: None }
    }

    fn done(link: LinkStatus) -> Self {
        Self {
            index: link.index,
            status: link.state.as_str(),
            link: Some(link.link),
            video_id: link.video_id,
            title: link.title,
            error: link.error,
        }
    }
}

impl fmt::Display for NextPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/links/{}?from={}&limit={}", self.id, self.from, self.limit)
    }
}

impl Serialize for NextPage {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
