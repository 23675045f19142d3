//! `DELETE /links/{id}`: deletes the documents of a request, and what else is kept of it.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::routing::delete;
use axum::{Json, Router};
use jiff::Timestamp;
use linkrelay_common::RequestId;
use serde::Serialize;

use super::status::request_id;
use crate::error::ApiError;
use crate::measure;
use crate::state::AppState;
use crate::status::{LinksPage, RequestProgress};

pub(crate) fn router() -> Router<Arc<AppState>> {
    Router::new().route("/links/{id}", delete(delete_request))
}

/// The answer when nothing of the request is left.
#[derive(Debug, Serialize)]
struct DeleteAnswer {
    id: RequestId,
    /// How many documents there were; 0 if the request was deleted before.
    deleted: u64,
}

async fn delete_request(
    State(app): State<Arc<AppState>>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<DeleteAnswer>, ApiError> {
    let id = request_id(id)?;
    let deleting = delete_if_complete(&app, id);
    let deleted = tokio::time::timeout(app.store_timeout, deleting);
    let deleted = deleted.await.map_err(|_| ApiError::StoreTimeout)??;
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
