//! `GET /videos`: the videos that a query selects, page by page; `GET /videos/{video_id}`: one
//! video, and the links that named it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use linkrelay_common::VideoId;
use linkrelay_http::wire::{VideoDetail, VideoLinkEntry, VideoList};
use linkrelay_store::StoreError;
use linkrelay_store::videos::{LinkCursor, VideoLink};
use utoipa::IntoParams;

use super::parameters::{InPath, Parameters};
use super::problems::StoreProblems;
use super::video_query::{self, SelectParameters};
use crate::error::ApiError;
use crate::state::AppState;
use crate::video_entry::entry;

const DEFAULT_LIMIT: u32 = 50;
/// A row has some kilobytes, so a page stays below a megabyte or two.
const MAX_LIMIT: u32 = 500;

/// The videos that links have named, each once.
///
/// A page examines at most 20,000 videos, so it may be short, or empty, and have a `next`.
#[utoipa::path(
    get,
    path = "/videos",
    tag = "Videos",
    params(SelectParameters, PageParameters),
    responses(
        (status = 200, description = "One page of the videos.", body = VideoList),
        (status = 400, description = "`bad_query`: a parameter is wrong or not known."),
        StoreProblems,
    )
)]
pub(super) async fn videos(
    State(app): State<Arc<AppState>>,
    mut parameters: Parameters,
) -> Result<Json<VideoList>, ApiError> {
    let limit = parameters.limit(DEFAULT_LIMIT, MAX_LIMIT)?;
    let query = video_query::read(&mut parameters, limit)?;
    let wants_total = parameters.one_of("total", &[("true", true), ("false", false)])?;
    parameters.end()?;
    let ask = async {
        let page = app.store.videos(&query).await?;
        let total = match wants_total {
            Some(true) => Some(app.store.count_videos(&query.filter).await?),
            _ => None,
        };
        Ok::<_, StoreError>((page, total))
    };
    let (page, total) = app.in_time(ask).await?;
    Ok(Json(VideoList {
        total,
        videos: page.videos.into_iter().map(entry).collect(),
        next: page.next.map(|after| parameters.path_with("/videos", "after", after)),
    }))
}

/// The parameters of `GET /videos` beside those that select videos.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "`videos` reads them one by one, to name the wrong one")]
struct PageParameters {
    /// How many videos; 50 if it is left out.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// Whether to count all videos that are selected, which takes as long as reading them.
    total: Option<bool>,
}

/// One video, and the links that named it, the last stored first.
#[utoipa::path(
    get,
    path = "/videos/{video_id}",
    tag = "Videos",
    params(
        ("video_id" = VideoId, Path, description = "The video."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 500, description = "How many links \
            to list; 50 if it is left out."),
        ("after" = Option<String>, Query,
            description = "The page that follows another; `next` has it."),
    ),
    responses(
        (status = 200, description = "The video, and one page of the links.", body = VideoDetail),
        (status = 400, description = "`bad_video_id`, `bad_query`: the id or a parameter is wrong."),
        (status = 404, description = "`unknown_video`: no link has named it."),
        StoreProblems,
    )
)]
pub(super) async fn video(
    State(app): State<Arc<AppState>>,
    InPath(video_id): InPath<VideoId>,
    mut parameters: Parameters,
) -> Result<Json<VideoDetail>, ApiError> {
    let after: Option<LinkCursor> = parameters.read("after")?;
    let limit = parameters.limit(DEFAULT_LIMIT, MAX_LIMIT)?;
    parameters.end()?;
    let ask = async {
        let row = app.store.video(video_id).await?;
        let links = app.store.links_of_video(video_id, after, limit).await?;
        let count = app.store.count_links_of_video(video_id).await?;
        Ok::<_, StoreError>((row, links, count))
    };
    let (row, links, links_count) = app.in_time(ask).await?;
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
