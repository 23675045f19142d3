//! The routes of the YouTube Data API: many videos in one answer, the videos of a playlist, and
//! channels.

use std::collections::HashMap;

use hyper::StatusCode;

use crate::answer::Answer;
use crate::body::Connection;
use crate::failure::{ApiFailure, Failure};
use crate::hits::Route;
use crate::pages::lists::{self, Playlist};
use crate::pages::{self, Playability};
use crate::shared::Shared;
use crate::videos::{self, Form};

/// The most videos in one answer.
const MAX_RESULTS: usize = 50;
/// A page token is this text and the index of the page's first video.
const TOKEN_MARK: &str = "page-from-";

/// What the API reads of a request.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) route: Route,
    pub(crate) has_key: bool,
    pub(crate) parameters: HashMap<String, String>,
}

impl Call {
    fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }
}

/// Answers a call of the API.
pub(crate) async fn answer(shared: &Shared, connection: &Connection, call: &Call) -> Answer {
    let failure =
        if call.has_key { shared.faults.api_failure() } else { Some(ApiFailure::KeyInvalid) };
    if let Some(failure) = failure {
        let (status, reason) = match failure {
            ApiFailure::QuotaExceeded => (StatusCode::FORBIDDEN, "quotaExceeded"),
            ApiFailure::RateLimitExceeded => (StatusCode::FORBIDDEN, "rateLimitExceeded"),
            ApiFailure::KeyInvalid => (StatusCode::BAD_REQUEST, "keyInvalid"),
        };
        return Answer::api_error(status, reason);
    }
    let answer = match call.route {
        Route::PlaylistItems => playlist_items(call),
        Route::Channels => channels(call),
        _ => videos(shared, connection, call).await,
    };
    answer.unwrap_or_else(|| Answer::api_error(StatusCode::BAD_REQUEST, "invalidParameter"))
}

/// Answers `GET /youtube/v3/videos?id=…,…`. A failure of one video that is not about that video
/// alone is the failure of the call. `None` if a parameter is invalid.
async fn videos(shared: &Shared, connection: &Connection, call: &Call) -> Option<Answer> {
    let ids: Vec<&str> = call.parameter("id")?.split(',').collect();
    if ids.len() > MAX_RESULTS {
        return None;
    }
    let mut items = Vec::new();
    let mut failed = None;
    for id in &ids {
        let failure = videos::choose(shared, id);
        match failure.map_or(Some(Playability::Ok), Failure::playability) {
            Some(playability) => {
                items.extend(videos::api_item(shared, id, playability));
            }
            None => failed = failure.map(|failure| (id, failure)),
        }
    }
    Some(match failed {
        None => {
            let answer = Answer::json(&pages::data_api::list(&items));
            ids.iter().fold(answer, |answer, id| answer.with_replaced(shared.edits.of(id).bytes))
        }
        Some((id, failure)) => videos::fail(shared, connection, id, Form::DataApi, failure).await,
    })
}

/// Answers `GET /youtube/v3/playlistItems?playlistId=…&maxResults=…&pageToken=…`. `None` if a
/// parameter is invalid.
fn playlist_items(call: &Call) -> Option<Answer> {
    let list_id = call.parameter("playlistId").filter(|_| has_details(call))?;
    let size = call.parameter("maxResults")?.parse().ok();
    let size = size.filter(|size| (1..=MAX_RESULTS).contains(size))?;
    let start = match call.parameter("pageToken") {
        Some(token) => token.strip_prefix(TOKEN_MARK)?.parse().ok()?,
        None => 0,
    };
    Some(match lists::playlist(list_id) {
        Playlist::Missing => Answer::api_error(StatusCode::NOT_FOUND, "playlistNotFound"),
        Playlist::Private => Answer::api_error(StatusCode::FORBIDDEN, "playlistItemsNotAccessible"),
        Playlist::Listed(total) => {
            let end = usize::saturating_add(start, size).min(total);
            let ids: Vec<_> = (start..end).map(|index| lists::video_id(list_id, index)).collect();
            let next_page = (end < total).then(|| format!("{TOKEN_MARK}{end}"));
            Answer::json(&pages::data_api::playlist_items(&ids, total, next_page.as_deref()))
        }
    })
}

/// Answers `GET /youtube/v3/channels` by `id`, `forHandle` or `forUsername`. `None` if a parameter
/// is invalid.
fn channels(call: &Call) -> Option<Answer> {
    let names = ["id", "forHandle", "forUsername"].map(|name| call.parameter(name));
    let channel_id = match names {
        [Some(id), None, None] => Some(id.to_owned()),
        [None, Some(name), None] | [None, None, Some(name)] => {
            lists::channel_of(name.strip_prefix('@').unwrap_or(name))
        }
        _ => return None,
    };
    let uploads = channel_id.as_deref().and_then(lists::uploads_of);
    let channel = channel_id.as_deref().zip(uploads.as_deref());
    has_details(call).then(|| Answer::json(&pages::data_api::channels(channel)))
}

/// Whether the call asks for the only part that lists have here.
fn has_details(call: &Call) -> bool {
    let parts = call.parameter("part").unwrap_or_default();
    parts.split(',').any(|part| part == "contentDetails")
}
