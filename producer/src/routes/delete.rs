//! `DELETE /links/{id}`: deletes the documents of a request, and what else is kept of it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use linkrelay_common::RequestId;
use serde::Serialize;
use utoipa::ToSchema;

use super::parameters::{InPath, NoParameters};
use super::problems::StoreProblems;
use crate::error::ApiError;
use crate::measure;
use crate::state::AppState;
use crate::status::{LinksPage, RequestProgress};

/// The answer when nothing of the request is left.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DeleteAnswer {
    id: RequestId,
    /// How many documents there were; 0 if the request was deleted before.
    deleted: u64,
}

/// Deletes the documents of a request.
///
/// Those of its lists' videos as well, and in the embedded mode its dead letters. Repeated, it
/// answers 0. After a 503 the request may be deleted in part: repeat it.
#[utoipa::path(
    delete,
    path = "/links/{id}",
    tag = "Requests",
    params(("id" = RequestId, Path, description = "The request.")),
    responses(
        (status = 200, description = "Nothing of the request is left.", body = DeleteAnswer),
        (status = 400, description = "`bad_request_id`, `bad_query`: the id or a parameter is wrong."),
        (status = 409, description = "`request_pending`: a link has no document, which would be \
            written afterwards. Nothing was deleted."),
        StoreProblems,
    )
)]
pub(super) async fn delete_request(
    State(app): State<Arc<AppState>>,
    InPath(id): InPath<RequestId>,
    _: NoParameters,
) -> Result<Json<DeleteAnswer>, ApiError> {
    let deleted = app.in_time(delete_if_complete(&app, id)).await?;
    measure::documents_removed(deleted);
    Ok(Json(DeleteAnswer { id, deleted }))
}

/// Deletes a request unless some of its links are pending: their documents would be written
/// afterwards. A link that has a document stays complete, so nothing can change in between.
async fn delete_if_complete(app: &AppState, id: RequestId) -> Result<u64, ApiError> {
    let page = LinksPage { from: 0, limit: 1 };
    let progress = RequestProgress::ask(app.store.as_ref(), id, page).await?;
    // If an earlier attempt has deleted some of its documents, nothing was pending then.
    if progress.pending() > 0 && progress.counts.deleted == 0 {
        return Err(ApiError::Pending(progress.pending()));
    }
    Ok(app.store.delete_request(id, Timestamp::now()).await?)
}
