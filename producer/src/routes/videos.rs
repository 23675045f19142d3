//! `GET /videos`: the videos that a query selects, page by page; `GET /videos/{video_id}`: one
//! video, and the links that named it.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use linkrelay_common::VideoId;
use linkrelay_http::wire::{VideoDetail, VideoLinkEntry, VideoList};
use linkrelay_store::StoreError;
use linkrelay_store::videos::{LinkCursor, VideoLink};

use super::parameters::Parameters;
use super::video_query;
use crate::error::ApiError;
use crate::state::AppState;
use crate::video_entry::entry;

const DEFAULT_LIMIT: u64 = 50;
/// A row has some kilobytes, so a page stays below a megabyte or two.
const MAX_LIMIT: u64 = 500;

pub(crate) fn router() -> Router<Arc<AppState>> {
    Router::new().route("/videos", get(videos)).route("/videos/{video_id}", get(video))
}

async fn videos(
    State(app): State<Arc<AppState>>,
    mut parameters: Parameters,
) -> Result<Json<VideoList>, ApiError> {
    let limit = limit(&mut parameters)?;
    let query = video_query::read(&mut parameters, limit)?;
    let wants_total = parameters.one_of("total", &[("true", true), ("false", false)])?;
    parameters.end()?;
    let ask = async {
        let page = app.store.videos(&query).await?;
        let total = match wants_total {
            Some(true) => Some(app.store.count_videos(&query.filter).await?),
            _ => None,
        };
        Ok((page, total))
    };
    let (page, total) = within(&app, ask).await?;
    Ok(Json(VideoList {
        total,
        videos: page.videos.into_iter().map(entry).collect(),
        next: page.next.map(|after| parameters.path_with("/videos", "after", after)),
    }))
}

fn limit(parameters: &mut Parameters) -> Result<u32, ApiError> {
    let limit = parameters.number("limit", 1..=MAX_LIMIT)?.unwrap_or(DEFAULT_LIMIT);
    Ok(u32::try_from(limit).unwrap_or(u32::MAX))
}

async fn video(
    State(app): State<Arc<AppState>>,
    video_id: Result<Path<String>, PathRejection>,
    mut parameters: Parameters,
) -> Result<Json<VideoDetail>, ApiError> {
    let video_id = video_id.map(|Path(video_id)| video_id).unwrap_or_default();
    let video_id = VideoId::parse(&video_id).map_err(|_| ApiError::BadVideoId)?;
    let after: Option<LinkCursor> = parameters.read("after")?;
    let limit = limit(&mut parameters)?;
    parameters.end()?;
    let ask = async {
        let row = app.store.video(video_id).await?;
        let links = app.store.links_of_video(video_id, after, limit).await?;
        Ok((row, links, app.store.count_links_of_video(video_id).await?))
    };
    let (row, links, links_count) = within(&app, ask).await?;
    let row = row.ok_or(ApiError::UnknownVideo)?;
    let is_full = links.len() == limit as usize;
    let next = links.last().filter(|_| is_full).map(VideoLink::cursor);
    Ok(Json(VideoDetail {
        video: entry(row),
        links_count,
        links: links.into_iter().map(link_entry).collect(),
        next: next
            .map(|after| parameters.path_with(&format!("/videos/{video_id}"), "after", after)),
    }))
}

/// Waits for the store, but not longer than a request may.
async fn within<T>(
    app: &AppState,
    ask: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, ApiError> {
    let asked = tokio::time::timeout(app.store_timeout, ask).await;
    Ok(asked.map_err(|_| ApiError::StoreTimeout)??)
}

fn link_entry(link: VideoLink) -> VideoLinkEntry {
    VideoLinkEntry {
        id: link.document_id,
        request_id: link.request_id,
        index: link.index,
        link: link.link,
        status: link.state.as_str().into(),
        submitted_at: link.submitted_at,
        extracted_at: link.extracted_at,
        stored_at: link.stored_at,
        view_count: link.view_count,
        like_count: link.like_count,
        error: link.error_code,
    }
}
