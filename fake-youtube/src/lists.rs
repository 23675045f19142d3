//! The routes of the YouTube Data API that list the videos of a playlist and find channels.

use hyper::Request;
use hyper::body::Incoming;

use crate::answer::Answer;
use crate::data_api::{self, refused};
use crate::pages::list_answers;
use crate::pages::lists::{self, Playlist};
use crate::request::parameter;
use crate::world::World;

/// The most items of one page.
const MAX_RESULTS: usize = 50;
/// How many there are where a call says no number.
const USUAL_RESULTS: usize = 5;
/// What a page token has before the place at which its page begins.
const TOKEN_MARK: &str = "page-from-";

/// Answers `GET /youtube/v3/playlistItems?playlistId=…&maxResults=…&pageToken=…`.
pub(crate) fn playlist_items(world: &World, request: &Request<Incoming>) -> Answer {
    if let Some(refusal) = refusal(world, request) {
        return refusal;
    }
    let Some(list_id) = parameter(request, "playlistId") else {
        return refused(400, "playlistIdRequired");
    };
    let Some(size) = page_size(request) else {
        return refused(400, "invalidValue");
    };
    let Some(start) = start(request) else {
        return refused(400, "invalidPageToken");
    };
    match lists::playlist(&list_id) {
        Playlist::Gone => refused(404, "playlistNotFound"),
        Playlist::Private => refused(403, "playlistItemsNotAccessible"),
        Playlist::Listed(total) => {
            let end = start.saturating_add(size).min(total);
            let ids: Vec<String> =
                (start..end).map(|place| lists::video_id(&list_id, place)).collect();
            let next_page = (end < total).then(|| format!("{TOKEN_MARK}{end}"));
            Answer::json(&list_answers::playlist_items(&ids, total, next_page.as_deref()))
        }
    }
}

/// Answers `GET /youtube/v3/channels` by `id`, `forHandle` or `forUsername`.
pub(crate) fn channels(world: &World, request: &Request<Incoming>) -> Answer {
    if let Some(refusal) = refusal(world, request) {
        return refusal;
    }
    let by_name = |name: String| lists::channel_of(name.strip_prefix('@').unwrap_or(&name));
    let [id, handle, user] =
        ["id", "forHandle", "forUsername"].map(|name| parameter(request, name));
    let channel_id = match (id, handle, user) {
        (Some(id), None, None) => Some(id),
        (None, Some(name), None) | (None, None, Some(name)) => by_name(name),
        _ => return refused(400, "incompatibleParameters"),
    };
    let uploads = channel_id.as_deref().and_then(lists::uploads_of);
    let channel = channel_id.as_deref().zip(uploads.as_deref());
    Answer::json(&list_answers::channels(channel))
}

/// What is refused whichever list is asked for.
fn refusal(world: &World, request: &Request<Incoming>) -> Option<Answer> {
    let asks_for_details = || {
        let parts = parameter(request, "part").unwrap_or_default();
        parts.split(',').any(|part| part == "contentDetails")
    };
    data_api::refusal(world, request)
        .or_else(|| (!asks_for_details()).then(|| refused(400, "missingRequiredParameter")))
}

/// `None` if it is no number, none at all, or more than the API gives.
fn page_size(request: &Request<Incoming>) -> Option<usize> {
    let Some(text) = parameter(request, "maxResults") else {
        return Some(USUAL_RESULTS);
    };
    text.parse().ok().filter(|size| (1..=MAX_RESULTS).contains(size))
}

/// The place at which a page begins; `None` for a token that was never given.
fn start(request: &Request<Incoming>) -> Option<usize> {
    let Some(token) = parameter(request, "pageToken") else {
        return Some(0);
    };
    token.strip_prefix(TOKEN_MARK)?.parse().ok()
}
