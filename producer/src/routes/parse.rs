//! `POST /links/parse`: shows what linkrelay understands in a text, and publishes nothing.
//!
//! It reads a request as `POST /links/send-message-kafka` does, so that both agree about every
//! link.

use std::borrow::Cow;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use linkrelay_common::{LinkTarget, ListLink, VideoId};
use linkrelay_http::intake::{
    CheckedLink, CheckedLinks, LinkOutcome, RejectedLink, ResultError, ValidLink, echo, read_links,
};
use serde::Serialize;

use crate::error::ApiError;
use crate::state::AppState;
use crate::stored_videos;

pub(crate) fn router() -> Router<Arc<AppState>> {
    Router::new().route("/links/parse", post(parse))
}

#[derive(Debug, Serialize)]
struct ParseAnswer<'a> {
    totals: Totals,
    links: Vec<ParsedEntry<'a>>,
}

#[derive(Debug, Serialize)]
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
    /// Different videos that the store has; `None` if it has not answered for all of them.
    stored: Option<usize>,
}

#[derive(Debug, Serialize)]
struct ParsedEntry<'a> {
    index: usize,
    source: usize,
    link: Cow<'a, str>,
    status: LinkOutcome,
    #[serde(flatten)]
    named: Option<Named>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ResultError>,
}

/// What an accepted link names.
#[derive(Debug, Serialize)]
struct Named {
    #[serde(flatten)]
    target: NamedTarget,
    url: String,
    /// The index of the first link that names the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    double_of: Option<usize>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum NamedTarget {
    Video {
        video_id: String,
        /// `None` if the store has not answered.
        stored: Option<bool>,
    },
    Playlist {
        list_id: String,
    },
    Channel {
        list_id: String,
    },
}

async fn parse(State(app): State<Arc<AppState>>, request: Request) -> Result<Response, ApiError> {
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
    ParsedEntry {
        index: rejected.index,
        source: rejected.source,
        link: echo(&rejected.link),
        status: LinkOutcome::Rejected,
        named: None,
        error: Some(rejected.error.into()),
    }
}

fn acceptance<'a>(
    index: usize,
    valid: &'a ValidLink<LinkTarget>,
    double_of: Option<usize>,
    stored: Option<&HashSet<VideoId>>,
) -> ParsedEntry<'a> {
    let (target, url) = match &valid.names {
        LinkTarget::Video(id) => {
            let stored = stored.map(|stored| stored.contains(id));
            (NamedTarget::Video { video_id: id.to_string(), stored }, id.watch_url())
        }
        LinkTarget::List(list) => {
            let list_id = list.to_string();
            let target = match list {
                ListLink::Playlist(_) => NamedTarget::Playlist { list_id },
                ListLink::Channel(_) | ListLink::Handle(_) | ListLink::User(_) => {
                    NamedTarget::Channel { list_id }
                }
            };
            (target, list.url())
        }
    };
    ParsedEntry {
        index,
        source: valid.source,
        link: echo(&valid.link),
        status: LinkOutcome::Accepted,
        named: Some(Named { target, url, double_of }),
        error: None,
    }
}
