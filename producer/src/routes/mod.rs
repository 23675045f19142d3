//! The routes, a file per resource; each parses, calls one function that knows no HTTP, and
//! maps what comes back.

mod status;
mod submit;
mod wait;

use axum::Router;
use linkrelay_common::LinkError;
use linkrelay_http::intake::{CheckedLinks, SentLink};

use crate::error::ApiError;
use crate::measure;
use crate::state::AppState;

/// All routes of the API; health comes beside them, see [`linkrelay_http::layers`].
pub(crate) fn router(state: AppState) -> Router {
    Router::new()
        .merge(submit::router())
        .merge(wait::router())
        .merge(status::router())
        .with_state(state)
}

/// Looks at the links of a request.
///
/// # Errors
/// If none of them names what it should.
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
