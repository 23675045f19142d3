//! `GET /links/{id}`: the status of a request and its links.
//!
//! The id tells how many links there are, and a list's document how many videos, so a link that the
//! store does not know is pending; requests are not recorded elsewhere. A well-formed id that no
//! client has got looks the same.

use std::sync::Arc;

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::routing::get;
use axum::{Json, Router};
use linkrelay_common::RequestId;
use linkrelay_http::wire::{LinkEntry, RequestStatus};
use linkrelay_store::{LinkStatus, RequestCounts};
use serde::Deserialize;

use crate::error::ApiError;
use crate::state::AppState;
use crate::status::{LinksPage, RequestProgress};

const DEFAULT_LIMIT: u32 = 100;
const MAX_LIMIT: u32 = 1_000;

pub(crate) fn router() -> Router<Arc<AppState>> {
    Router::new().route("/links/{id}", get(status))
}

/// The links to list.
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

async fn status(
    State(app): State<Arc<AppState>>,
    id: Result<Path<String>, PathRejection>,
    query: Result<Query<PageQuery>, QueryRejection>,
) -> Result<Json<RequestStatus>, ApiError> {
    let id = request_id(id)?;
    let Query(page) = query.map_err(|rejection| ApiError::BadQuery(rejection.body_text()))?;
    if !(1..=MAX_LIMIT).contains(&page.limit) {
        return Err(ApiError::BadQuery(format!("limit must be between 1 and {MAX_LIMIT}")));
    }
    let PageQuery { from, limit } = page;
    let ask = RequestProgress::ask(app.store.as_ref(), id, LinksPage { from, limit });
    let asked = tokio::time::timeout(app.store_timeout, ask);
    let status = asked.await.map_err(|_| ApiError::StoreTimeout)??;
    if status.counts.deleted > 0 {
        return Err(ApiError::Deleted);
    }
    Ok(Json(body(id, limit, status)))
}

/// Returns the id in the path; what is not UTF-8 is not an id.
pub(super) fn request_id(id: Result<Path<String>, PathRejection>) -> Result<RequestId, ApiError> {
    Ok(id.map(|Path(id)| id).unwrap_or_default().parse()?)
}

fn body(id: RequestId, limit: u32, status: RequestProgress) -> RequestStatus {
    let pending = status.pending();
    let RequestCounts { stored, failed, expanded, .. } = status.counts;
    RequestStatus {
        id,
        total: status.total,
        stored,
        failed,
        expanded,
        pending,
        links: status.links.into_iter().map(entry).collect(),
        next: status.next.map(|from| format!("/links/{id}?from={from}&limit={limit}")),
    }
}

/// Makes the entry of a link, as pages and events have it.
pub(super) fn entry((index, done): (u32, Option<LinkStatus>)) -> LinkEntry {
    let Some(link) = done else {
        return LinkEntry { index, status: "pending".into(), ..LinkEntry::default() };
    };
    let (first_video_index, videos) =
        link.expanded.map(|range| (range.first_index, range.videos_count)).unzip();
    LinkEntry {
        index,
        status: link.state.as_str().into(),
        link: Some(link.link),
        video_id: link.video_id,
        title: link.title,
        videos,
        first_video_index,
        error: link.error,
    }
}
