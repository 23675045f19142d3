//! The routes, one file for each resource: each reads the request, calls a module that does not
//! know HTTP, and makes the answer.

mod delete;
mod dlq;
mod docs;
mod events;
mod export;
mod parameters;
mod parse;
mod problems;
mod processes;
mod replays;
mod requests;
mod retry;
mod stats;
mod status;
mod submit;
mod video_query;
mod videos;
mod wait;

use std::sync::Arc;

use linkrelay_common::LinkError;
use linkrelay_http::intake::{CheckedLinks, SentLink};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) use docs::Served;

use crate::error::ApiError;
use crate::measure;
use crate::state::AppState;

/// Returns the routes that the layers of [`linkrelay_http::layers`] limit; a route without a
/// description does not compile.
pub(crate) fn limited() -> OpenApiRouter<Arc<AppState>> {
    OpenApiRouter::new()
        .routes(routes!(submit::submit))
        .routes(routes!(parse::parse))
        .routes(routes!(wait::wait))
        .routes(routes!(wait::wait_by_its_old_name))
        .routes(routes!(status::status, delete::delete_request))
        .routes(routes!(retry::retry))
        .routes(routes!(videos::videos))
        .routes(routes!(videos::video))
        .routes(routes!(requests::requests))
        .routes(routes!(processes::processes))
        .routes(routes!(dlq::letters))
        .routes(routes!(replays::begin_replay))
        .routes(routes!(replays::replays))
        .routes(routes!(replays::replay))
        .routes(routes!(docs::document))
        .routes(routes!(docs::to_index))
        .routes(routes!(docs::index))
        .routes(routes!(docs::file))
        .routes(routes!(stats::stats))
}

/// Returns the routes without limits: their answers last for as long as a client listens or reads.
pub(crate) fn streams() -> OpenApiRouter<Arc<AppState>> {
    OpenApiRouter::new().routes(routes!(events::events)).routes(routes!(export::export))
}

/// Checks the links of a request.
///
/// # Errors
/// [`ApiError::NoValidLinks`] if `parse` accepts none of them.
fn check<T>(
    links: Vec<SentLink>,
    parse: impl Fn(&str) -> Result<T, LinkError>,
) -> Result<CheckedLinks<T>, ApiError> {
    let checked = CheckedLinks::new(links, parse);
    if checked.valid.is_empty() {
        measure::links("rejected", checked.rejected.len());
        return Err(submit::no_valid_links(&checked));
    }
    Ok(checked)
}
