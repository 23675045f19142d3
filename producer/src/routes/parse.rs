//! `POST /links/parse`: shows what linkrelay understands in a text, and publishes nothing.
//!
//! It reads a request as `POST /links/send-message-kafka` does, so that both agree about every
//! link.

use std::borrow::Cow;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use linkrelay_common::{LinkTarget, ListLink, VideoId};
use linkrelay_http::intake::{
    CheckedLink, CheckedLinks, LinkOutcome, LinksBody, RejectedLink, ResultError, ValidLink, echo,
    read_links,
};
use linkrelay_http::openapi::IntakeProblems;
use serde::Serialize;
use utoipa::ToSchema;

use super::parameters::NoParameters;
use crate::error::ApiError;
use crate::state::AppState;
use crate::stored_videos;

#[derive(Debug, Serialize, ToSchema)]
struct ParseAnswer<'a> {
    totals: Totals,
    links: Vec<ParsedEntry<'a>>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Totals {
    links: usize,
    accepted: usize,
    rejected: usize,
    /// Different videos.
    videos: usize,
    /// Different playlists and channels.
    lists: usize,
    /// Links that name what an earlier one names.
    doubles: usize,
    /// Different videos that the store has; null if it has not answered for all of them.
    stored: Option<usize>,
}

#[derive(Debug, Serialize, ToSchema)]
struct ParsedEntry<'a> {
    /// The position of the link among those that were found.
    index: usize,
    /// The position of its text in `links`.
    source: usize,
    /// The link, or the beginning of a long one.
    #[schema(value_type = String)]
    link: Cow<'a, str>,
    /// `accepted` or `rejected`.
    status: LinkOutcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<Kind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    video_id: Option<VideoId>,
    /// Of a video: whether there is metadata of it; null if the store has not answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<bool>)]
    stored: Option<Option<bool>>,
    /// The id, `@name` or `user/name` of a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    list_id: Option<String>,
    /// The plain address of what the link names.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    /// The index of the first link that names the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    double_of: Option<usize>,
    /// Why it is rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ResultError>,
}

impl<'a> ParsedEntry<'a> {
    /// Returns the entry of a link of which nothing else is known.
    fn new(index: usize, source: usize, link: &'a str, status: LinkOutcome) -> Self {
        Self {
            index,
            source,
            link: echo(link),
            status,
            kind: None,
            video_id: None,
            stored: None,
            list_id: None,
            url: None,
            double_of: None,
            error: None,
        }
    }
}

/// What an accepted link names.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Video,
    Playlist,
    Channel,
}

/// Shows what is understood in a text.
///
/// Nothing is published. The outcome of every link is that of `/links/send-message-kafka`, and the
/// answer is 200 even if every link is rejected.
#[utoipa::path(
    post,
    path = "/links/parse",
    tag = "Links",
    request_body = LinksBody,
    responses(
        (status = 200, description = "Every link, explained.", body = ParseAnswer),
        IntakeProblems,
        (status = 422, description = "`no_links`, `too_many_links`: there is no link, or there are \
            more than MAX_LINKS_PER_REQUEST (1,000)."),
    ),
)]
pub(super) async fn parse(
    State(app): State<Arc<AppState>>,
    _: NoParameters,
    request: Request,
) -> Result<Response, ApiError> {
    let links = read_links(request, &app.intake).await?.links;
    let checked = CheckedLinks::new(links, |link| app.target_of(link));
    let stored = stored_videos::among(app.store.as_ref(), &videos(&checked)).await;
    Ok(Json(answer(&checked, stored.as_ref())).into_response())
}

fn videos(checked: &CheckedLinks<LinkTarget>) -> Vec<VideoId> {
    let video = |link: &ValidLink<LinkTarget>| match link.names {
        LinkTarget::Video(video_id) => Some(video_id),
        LinkTarget::List(_) => None,
    };
    checked.valid.iter().filter_map(video).collect()
}

fn answer<'a>(
    checked: &'a CheckedLinks<LinkTarget>,
    stored: Option<&HashSet<VideoId>>,
) -> ParseAnswer<'a> {
    let mut first_of = HashMap::new();
    let mut links = Vec::new();
    for (index, link) in checked.in_order().enumerate() {
        links.push(match link {
            CheckedLink::Rejected(rejected) => rejection(rejected),
            CheckedLink::Valid(valid) => {
                let double_of = match first_of.entry(&valid.names) {
                    Entry::Occupied(first) => Some(*first.get()),
                    Entry::Vacant(vacant) => {
                        vacant.insert(index);
                        None
                    }
                };
                acceptance(index, valid, double_of, stored)
            }
        });
    }
    let is_video = |target: &&&LinkTarget| matches!(target, LinkTarget::Video(_));
    let videos = first_of.keys().filter(is_video).count();
    let totals = Totals {
        links: links.len(),
        accepted: checked.valid.len(),
        rejected: checked.rejected.len(),
        videos,
        lists: first_of.len() - videos,
        doubles: checked.valid.len() - first_of.len(),
        stored: stored.map(HashSet::len),
    };
    ParseAnswer { totals, links }
}

fn rejection(rejected: &RejectedLink) -> ParsedEntry<'_> {
    let RejectedLink { index, source, link, error } = rejected;
    let entry = ParsedEntry::new(*index, *source, link, LinkOutcome::Rejected);
    ParsedEntry { error: Some((*error).into()), ..entry }
}

fn acceptance<'a>(
    index: usize,
    valid: &'a ValidLink<LinkTarget>,
    double_of: Option<usize>,
    stored: Option<&HashSet<VideoId>>,
) -> ParsedEntry<'a> {
    let entry = ParsedEntry::new(index, valid.source, &valid.link, LinkOutcome::Accepted);
    match &valid.names {
        LinkTarget::Video(id) => ParsedEntry {
            kind: Some(Kind::Video),
            video_id: Some(*id),
            stored: Some(stored.map(|stored| stored.contains(id))),
            url: Some(id.watch_url()),
            double_of,
            ..entry
        },
        LinkTarget::List(list) => ParsedEntry {
            kind: Some(match list {
                ListLink::Playlist(_) => Kind::Playlist,
                ListLink::Channel(_) | ListLink::Handle(_) | ListLink::User(_) => Kind::Channel,
            }),
            list_id: Some(list.to_string()),
            url: Some(list.url()),
            double_of,
            ..entry
        },
    }
}
