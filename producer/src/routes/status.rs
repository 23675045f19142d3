//! `GET /links/{id}`: what has become of a request's links.
//!
//! The id says how many links there are, and a list's document how many videos, so a link that the
//! store does not know is pending; nothing else remembers a request. A well-formed id that nobody
//! was given looks the same.

use std::fmt;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::routing::get;
use axum::{Json, Router};
use linkrelay_common::RequestId;
use linkrelay_store::{LinkError, LinkStatus, RequestCounts};
use serde::{Deserialize, Serialize};

use crate::error::ApiError;
use crate::state::AppState;
use crate::status::{Page, Status};

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
    /// Playlists and channels; their videos are counted in `total`.
    expanded: u32,
    pending: u32,
    links: Vec<LinkEntry>,
    /// The next page, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<NextPage>,
}

#[derive(Debug, Default, Serialize)]
struct LinkEntry {
    index: u32,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    video_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    /// How many videos a list has.
    #[serde(skip_serializing_if = "Option::is_none")]
    videos: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_video_index: Option<u32>,
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
    let PageQuery { from, limit } = page;
    let ask = Status::ask(app.store.as_ref(), id, Page { from, limit });
    let asked = tokio::time::timeout(app.store_timeout, ask);
    let status = asked.await.map_err(|_| ApiError::StoreTimeout)??;
    Ok(Json(RequestStatus::new(id, limit, status)))
}

impl RequestStatus {
    fn new(id: RequestId, limit: u32, status: Status) -> Self {
        let pending = status.pending();
        let RequestCounts { stored, failed, expanded } = status.counts;
        Self {
            id,
            total: status.total,
            stored,
            failed,
            expanded,
            pending,
            links: status.links.into_iter().map(LinkEntry::new).collect(),
            next: status.next.map(|from| NextPage { id, from, limit }),
        }
    }
}

impl LinkEntry {
    fn new((index, done): (u32, Option<LinkStatus>)) -> Self {
        let Some(link) = done else {
            return Self { index, status: "pending", ..Self::default() };
        };
        let (first_video_index, videos) =
            link.expanded.map(|range| (range.first_index, range.videos_count)).unzip();
        Self {
            index,
            status: link.state.as_str(),
            link: Some(link.link),
            video_id: link.video_id,
            title: link.title,
            videos,
            first_video_index,
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
