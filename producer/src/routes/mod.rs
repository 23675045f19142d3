//! The routes, one file for each resource: each reads the request, calls a module that does not
//! know HTTP, and makes the answer.

mod delete;
mod events;
mod export;
mod parameters;
mod parse;
mod retry;
mod stats;
mod status;
mod submit;
mod video_query;
mod videos;
mod wait;

use std::sync::Arc;

use axum::Router;
use linkrelay_common::LinkError;
use linkrelay_http::intake::{CheckedLinks, SentLink};

use crate::error::ApiError;
use crate::measure;
use crate::state::AppState;

/// Returns all routes of the API; those of health are added by [`linkrelay_http::layers`].
pub(crate) fn router(state: Arc<AppState>) -> Router {
    Router::new()
        .merge(submit::router())
        .merge(parse::router())
        .merge(wait::router())
        .merge(status::router())
        .merge(videos::router())
        .merge(stats::router())
        .merge(delete::router())
        .merge(retry::router())
        .with_state(state)
}

/// Returns the routes without limits: their answers last for as long as a client
/// listens or reads.
pub(crate) fn streams(state: Arc<AppState>) -> Router {
    events::router().merge(export::router()).with_state(state)
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
