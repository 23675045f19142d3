//! `GET /links/{id}`: the status of a request and its links.
//!
//! The id tells how many links there are, and a list's document how many videos, so a link that the
//! store does not know is pending; requests are not recorded elsewhere. A well-formed id that no
//! client has got looks the same.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use linkrelay_common::RequestId;
use linkrelay_http::wire::{LinkEntry, RequestStatus};
use linkrelay_store::{LinkStatus, RequestCounts};

use super::parameters::{InPath, Parameters};
use super::problems::StoreProblems;
use crate::error::ApiError;
use crate::state::AppState;
use crate::status::{LinksPage, RequestProgress};

const DEFAULT_LIMIT: u32 = 100;
const MAX_LIMIT: u32 = 1_000;

/// The status of a request and its links.
///
/// A well-formed id that no client was given looks like a request whose links are all pending.
#[utoipa::path(
    get,
    path = "/links/{id}",
    tag = "Requests",
    params(
        ("id" = RequestId, Path, description = "The request."),
        ("from" = Option<u32>, Query, maximum = 4_294_967_295_u32, description = "The index of the first link to list; 0 if it \
            is left out."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "How many links \
            to list; 100 if it is left out."),
    ),
    responses(
        (status = 200, description = "The status, and one page of the links.", body = RequestStatus),
        (status = 400, description = "`bad_request_id`, `bad_query`: the id or a parameter is wrong."),
        (status = 410, description = "`request_deleted`: the request was deleted."),
        StoreProblems,
    )
)]
pub(super) async fn status(
    State(app): State<Arc<AppState>>,
    InPath(id): InPath<RequestId>,
    mut parameters: Parameters,
) -> Result<Json<RequestStatus>, ApiError> {
    let from = parameters.index("from")?.unwrap_or_default();
    let limit = parameters.limit(DEFAULT_LIMIT, MAX_LIMIT)?;
    parameters.end()?;
    let ask = RequestProgress::ask(app.store.as_ref(), id, LinksPage { from, limit });
    let status = app.in_time(ask).await?;
    if status.counts.deleted > 0 {
        return Err(ApiError::Deleted);
    }
    Ok(Json(body(id, limit, status)))
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
