//! `GET /videos`: the videos that a query selects, page by page; `GET /videos/{video_id}`: one
//! video, and the links that named it.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use linkrelay_common::VideoId;
use linkrelay_common::video::Availability;
use linkrelay_http::wire::{VideoDetail, VideoEntry, VideoLinkEntry, VideoList};
use linkrelay_store::StoreError;
use linkrelay_store::videos::{
    Between, Direction, LinkCursor, VideoCursor, VideoFilter, VideoLink, VideoOrder, VideoQuery,
    VideoRow, VideoStatus,
};

use super::parameters::{Parameters, wrong};
use crate::error::ApiError;
use crate::state::AppState;

const DEFAULT_LIMIT: u64 = 50;
/// A row has some kilobytes, so a page stays below a megabyte or two.
const MAX_LIMIT: u64 = 500;
/// No video is longer than this many seconds, which is some thirty years.
const MAX_LENGTH_SECONDS: u64 = 1_000_000_000;

pub(crate) fn router() -> Router<Arc<AppState>> {
    Router::new().route("/videos", get(videos)).route("/videos/{video_id}", get(video))
}

async fn videos(
    State(app): State<Arc<AppState>>,
    mut parameters: Parameters,
) -> Result<Json<VideoList>, ApiError> {
    let query = query(&mut parameters)?;
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

/// Reads the parameters that select videos, and where the page begins.
fn query(parameters: &mut Parameters) -> Result<VideoQuery, ApiError> {
    let orders = [("first_seen", VideoOrder::FirstSeen), ("published", VideoOrder::Published)];
    let order = parameters.one_of("sort", &orders)?.unwrap_or_default();
    let directions = [("desc", Direction::Descending), ("asc", Direction::Ascending)];
    let direction = parameters.one_of("order", &directions)?.unwrap_or_default();
    let after: Option<VideoCursor> = parameters.read("after")?;
    if after.is_some_and(|after| !after.is_of(order)) {
        return Err(wrong("after", linkrelay_store::videos::CursorError));
    }
    Ok(VideoQuery {
        filter: filter(parameters)?,
        order,
        direction,
        after,
        limit: limit(parameters)?,
    })
}

fn filter(parameters: &mut Parameters) -> Result<VideoFilter, ApiError> {
    let availabilities =
        Availability::ALL.map(|availability| (availability.as_str(), availability));
    let statuses =
        [VideoStatus::Stored, VideoStatus::Failed].map(|status| (status.as_str(), status));
    Ok(VideoFilter {
        channel_id: parameters.text("channel_id"),
        category: parameters.text("category"),
        availability: parameters.one_of("availability", &availabilities)?,
        status: parameters.one_of("status", &statuses)?,
        published: Between {
            from: parameters.time("published_from")?,
            below: parameters.time("published_before")?,
        },
        length_seconds: Between {
            from: parameters.number("length_from", 0..=MAX_LENGTH_SECONDS)?,
            below: parameters.number("length_below", 0..=MAX_LENGTH_SECONDS)?,
        },
        text: parameters.read("q")?,
    })
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

fn entry(row: VideoRow) -> VideoEntry {
    let status = if row.metadata.is_some() { VideoStatus::Stored } else { VideoStatus::Failed };
    let (extracted_at, source, video) = match row.metadata {
        Some(metadata) => (metadata.extracted_at, metadata.source, Some(metadata.video)),
        None => (None, None, None),
    };
    let (failed_at, error) =
        row.last_failure.map(|failure| (failure.failed_at, failure.error)).unzip();
    VideoEntry {
        video_id: row.video_id,
        status: status.as_str().into(),
        first_seen_at: row.seen.first_at,
        last_seen_at: row.seen.last_at,
        extracted_at,
        source,
        video,
        failed_at,
        error,
    }
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
