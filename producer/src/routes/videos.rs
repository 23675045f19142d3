//! `GET /videos`: the videos that a query selects, page by page; `GET /videos/{video_id}`: one
//! video, and the links that named it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use linkrelay_common::VideoId;
use linkrelay_common::video::Availability;
use linkrelay_http::openapi::DayOrTime;
use linkrelay_http::wire::{VideoDetail, VideoEntry, VideoLinkEntry, VideoList};
use linkrelay_store::StoreError;
use linkrelay_store::videos::{
    Between, Direction, LinkCursor, VideoCursor, VideoFilter, VideoLink, VideoOrder, VideoQuery,
    VideoRow, VideoStatus,
};
use utoipa::{IntoParams, ToSchema};

use super::parameters::{InPath, Parameters, wrong};
use crate::error::ApiError;
use crate::openapi::StoreProblems;
use crate::state::AppState;

const DEFAULT_LIMIT: u32 = 50;
/// A row has some kilobytes, so a page stays below a megabyte or two.
const MAX_LIMIT: u32 = 500;
/// No video is longer than this many seconds, which is some thirty years.
const MAX_LENGTH_SECONDS: u64 = 1_000_000_000;

/// The videos that links have named, each once.
///
/// A page examines at most 20,000 videos, so it may be short, or empty, and have a `next`.
#[utoipa::path(
    get,
    path = "/videos",
    tag = "Videos",
    params(VideosParameters),
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

/// The parameters of `GET /videos`, as the document describes them.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "`query` reads them one by one, to name the wrong one")]
struct VideosParameters {
    /// The channel, exactly.
    channel_id: Option<String>,
    /// The category, exactly.
    category: Option<String>,
    /// Whether the video can be played.
    #[param(inline)]
    availability: Option<Availability>,
    /// Whether there is metadata.
    #[param(inline)]
    status: Option<StatusName>,
    /// The first day (in UTC) or time of publication.
    #[param(inline)]
    published_from: Option<DayOrTime>,
    /// The day or time of publication before which all are.
    #[param(inline)]
    published_before: Option<DayOrTime>,
    /// The shortest length, in seconds.
    #[param(maximum = 1_000_000_000)]
    length_from: Option<u32>,
    /// The length, in seconds, below which all are.
    #[param(maximum = 1_000_000_000)]
    length_below: Option<u32>,
    /// `first_seen` if it is left out; `published` leaves out videos whose date is not known.
    #[param(inline)]
    sort: Option<SortName>,
    /// `desc` if it is left out.
    #[param(inline)]
    order: Option<OrderName>,
    /// How many videos; 50 if it is left out.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// The page that follows another; `next` has it.
    after: Option<String>,
    /// Whether to count all videos that are selected, which takes as long as reading them.
    total: Option<bool>,
}

#[derive(Debug, ToSchema)]
#[schema(rename_all = "snake_case")]
#[allow(dead_code, reason = "the document has the names, `query` their values")]
enum StatusName {
    Stored,
    Failed,
}

#[derive(Debug, ToSchema)]
#[schema(rename_all = "snake_case")]
#[allow(dead_code, reason = "the document has the names, `query` their values")]
enum SortName {
    FirstSeen,
    Published,
}

#[derive(Debug, ToSchema)]
#[schema(rename_all = "snake_case")]
#[allow(dead_code, reason = "the document has the names, `query` their values")]
enum OrderName {
    Desc,
    Asc,
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
        limit: parameters.limit(DEFAULT_LIMIT, MAX_LIMIT)?,
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
