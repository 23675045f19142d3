//! The YouTube Data API: many videos in one answer, and refusals of its own.

use hyper::body::Incoming;
use hyper::{Request, StatusCode};

use crate::answer::Answer;
use crate::failure::{ApiFailure, Failure};
use crate::pages::{self, Playability};
use crate::request::parameter;
use crate::socket::Fate;
use crate::world::World;

/// The most that one call may ask for.
const MAX_IDS: usize = 50;

/// Answers `GET /youtube/v3/videos?id=…,…`. A failure of one of its videos that is not about
/// that video alone is the failure of the whole call.
pub(crate) async fn answer(world: &World, fate: &Fate, request: &Request<Incoming>) -> Answer {
    if let Some(refusal) = refusal(world, request) {
        return refusal;
    }
    let ids = parameter(request, "id").unwrap_or_default();
    let ids: Vec<&str> = ids.split(',').collect();
    if ids.len() > MAX_IDS {
        return refused(400, "invalidFilters");
    }
    let mut items = Vec::new();
    let mut failed = None;
    for id in ids {
        let failure = world.faults.choose(id);
        world.hits.count_video(id, failure);
        let playability = failure.map_or(Some(Playability::Ok), Failure::playability);
        match playability {
            Some(playability) => {
                items.extend(pages::data_api::item(&pages::expected(id), playability));
            }
            None => failed = failure.map(|failure| (id.to_owned(), failure)),
        }
    }
    match failed {
        None => Answer::json(&pages::data_api::list(&items)),
        Some((id, failure)) => fail(world, fate, &id, failure).await,
    }
}

async fn fail(world: &World, fate: &Fate, id: &str, failure: Failure) -> Answer {
    let of = |id: &str| pages::data_api::item(&pages::expected(id), Playability::Ok);
    let whole = Answer::json(&pages::data_api::list(&Vec::from_iter(of(id))));
    match failure {
        Failure::NotFound => Answer::not_found(),
        Failure::Throttled { .. } | Failure::SorryRedirect => refused(403, "rateLimitExceeded"),
        Failure::ServerError => refused(503, "backendError"),
        Failure::Hang => {
            world.stop.cancelled().await;
            refused(503, "backendError")
        }
        Failure::WrongVideo => {
            let other = of(&pages::other_id(id));
            Answer::json(&pages::data_api::list(&Vec::from_iter(other)))
        }
        // What is about the video is answered above.
        _ => whole.spoiled(failure, fate),
    }
}

/// Why a call is refused whatever it asks for: no key, or the failure of the moment.
pub(crate) fn refusal(world: &World, request: &Request<Incoming>) -> Option<Answer> {
    let has_key = request.headers().get("x-goog-api-key").is_some_and(|key| !key.is_empty());
    let failure = if has_key { world.faults.api_failure() } else { Some(ApiFailure::KeyInvalid) };
    failure.map(refuse)
}

fn refuse(failure: ApiFailure) -> Answer {
    match failure {
        ApiFailure::QuotaExceeded => refused(403, "quotaExceeded"),
        ApiFailure::RateLimitExceeded => refused(403, "rateLimitExceeded"),
        ApiFailure::KeyInvalid => refused(400, "keyInvalid"),
    }
}

/// An error of the API, with its word for programs.
pub(crate) fn refused(code: u16, reason: &str) -> Answer {
    let status = StatusCode::from_u16(code).unwrap_or(StatusCode::FORBIDDEN);
    Answer::json(&pages::data_api::error(code, reason)).with_status(status)
}
