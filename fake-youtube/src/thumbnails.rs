//! `GET /vi/{id}/mqdefault.jpg`, which i.ytimg.com answers for YouTube.
//!
//! A request for a thumbnail does not count as a request for its video, and uses up no failure.

use hyper::StatusCode;

use crate::answer::Answer;
use crate::failure::Failure;
use crate::pages::{self, thumbnail};
use crate::shared::Shared;

/// Returns the id in the path of a thumbnail.
pub(crate) fn id_of(path: &str) -> Option<&str> {
    path.strip_prefix("/vi/")?.strip_suffix("/mqdefault.jpg")
}

/// Answers a request for the thumbnail of a video; one that does not exist has none.
pub(crate) async fn answer(shared: &Shared, path: &str) -> Answer {
    let id = id_of(path).filter(|id| pages::is_video_id(id)).map(str::to_owned);
    let Some(id) = id else { return Answer::status(StatusCode::NOT_FOUND) };
    match shared.faults.lasting(&id) {
        Some(Failure::Deleted | Failure::Private | Failure::NotFound) => {
            return Answer::status(StatusCode::NOT_FOUND);
        }
        Some(Failure::ServerError) => return Answer::status(StatusCode::SERVICE_UNAVAILABLE),
        Some(Failure::Throttled { .. }) => return Answer::status(StatusCode::TOO_MANY_REQUESTS),
        _ => {}
    }
    // It takes some milliseconds of one processor.
    let drawn = tokio::task::spawn_blocking(move || thumbnail::png(&id)).await;
    match drawn.ok().flatten() {
        Some(png) => Answer::ok("image/png", vec![png.into()]),
        None => Answer::status(StatusCode::INTERNAL_SERVER_ERROR),
    }
}
