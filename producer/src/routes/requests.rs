//! `GET /requests`: what this API has accepted, the newest first.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use linkrelay_http::wire::{RequestEntry, RequestList};
use linkrelay_store::requests::RequestCursor;
use utoipa::IntoParams;

use super::parameters::Parameters;
use super::problems::StoreProblems;
use crate::error::ApiError;
use crate::requests::{self, ListedRequest, RequestsQuery};
use crate::state::AppState;

const DEFAULT_LIMIT: u64 = 50;
const MAX_LIMIT: u64 = 200;

/// The parameters of `GET /requests`, as the document describes them.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "`requests` reads them one by one, to name the wrong one")]
struct RequestsParameters {
    /// How many requests; 50 if it is left out.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// The page that follows another; `next` has it.
    after: Option<String>,
    /// `true`: only those with links that have no document yet.
    pending: Option<bool>,
}

/// The requests that this API has accepted, the newest first.
///
/// A page may be short, or empty, and have a `next`. Records that were typed into Kafka have no
/// request.
#[utoipa::path(
    get,
    path = "/requests",
    tag = "Requests",
    params(RequestsParameters),
    responses(
        (status = 200, description = "One page of the requests.", body = RequestList),
        (status = 400, description = "`bad_query`: a parameter is wrong or not known."),
        StoreProblems,
    )
)]
pub(super) async fn requests(
    State(app): State<Arc<AppState>>,
    mut parameters: Parameters,
) -> Result<Json<RequestList>, ApiError> {
    let limit = parameters.number("limit", 1..=MAX_LIMIT)?.unwrap_or(DEFAULT_LIMIT);
    let after: Option<RequestCursor> = parameters.read("after")?;
    let only_pending = parameters.one_of("pending", &[("true", true), ("false", false)])?;
    parameters.end()?;
    let query = RequestsQuery {
        only_pending: only_pending.unwrap_or(false),
        after,
        limit: u32::try_from(limit).unwrap_or(u32::MAX),
    };
    let page = app.in_time(requests::read(app.store.as_ref(), query)).await?;
    Ok(Json(RequestList {
        requests: page.requests.into_iter().map(entry).collect(),
        next: page.next.map(|after| parameters.path_with("/requests", "after", after)),
    }))
}

fn entry(listed: ListedRequest) -> RequestEntry {
    let (total, pending) = (listed.total(), listed.pending());
    let ListedRequest { row, tally } = listed;
    RequestEntry {
        id: row.id,
        accepted_at: row.accepted_at,
        path: row.path.as_str().into(),
        has_key: row.has_key,
        total,
        stored: tally.counts.stored,
        failed: tally.counts.failed,
        expanded: tally.counts.expanded,
        pending,
        status_url: format!("/links/{}", row.id),
        links: row.links,
    }
}
