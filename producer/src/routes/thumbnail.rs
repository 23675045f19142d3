//! `GET /videos/{video_id}/thumbnail`: the thumbnail of a video.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use linkrelay_common::VideoId;
use linkrelay_http::etag;
use tokio::time::timeout;

use super::parameters::{InPath, NoParameters};
use crate::error::ApiError;
use crate::state::AppState;
use crate::thumbnails::ThumbnailError;

/// If a browser shows the thumbnail as a page, nothing runs in it; and other sites cannot show it.
const HEADERS: [(HeaderName, HeaderValue); 3] = [
    (header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=86400")),
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; sandbox"),
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
];

/// The thumbnail of a video, which this server fetches from YouTube once and keeps.
#[utoipa::path(
    get,
    path = "/videos/{video_id}/thumbnail",
    tag = "Videos",
    params(
        ("video_id" = VideoId, Path, description = "The video."),
        ("If-None-Match" = Option<String>, Header, description = "The ETag of an answer."),
    ),
    responses(
        (status = 200, description = "The thumbnail.",
            content((Vec<u8> = "image/jpeg"), (Vec<u8> = "image/png"), (Vec<u8> = "image/webp")),
            headers(("ETag" = String, description = "Names the content."))),
        (status = 304, description = "The content is the one that the client has."),
        (status = 400, description = "`bad_video_id`, `bad_query`: the id or a parameter is wrong."),
        (status = 404, description = "`no_thumbnail`: YouTube has no thumbnail of this video, or this \
            server fetches none."),
        (status = 503, description = "`thumbnail_unavailable`: the thumbnail cannot be fetched now."),
    )
)]
pub(super) async fn thumbnail(
    State(app): State<Arc<AppState>>,
    InPath(video_id): InPath<VideoId>,
    _: NoParameters,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let found = timeout(app.store_timeout, app.thumbnails.get(video_id)).await;
    let thumbnail = found.unwrap_or(Err(ThumbnailError::Unavailable))?;
    let etag = format!("\"{}\"", thumbnail.hash.simple());
    if etag::is_known(&headers, &etag) {
        return Ok((StatusCode::NOT_MODIFIED, HEADERS, [(header::ETAG, etag)]).into_response());
    }
    let thumbnail_type = [(header::CONTENT_TYPE, thumbnail.thumbnail_type.mime())];
    Ok((HEADERS, thumbnail_type, [(header::ETAG, etag)], thumbnail.bytes).into_response())
}
