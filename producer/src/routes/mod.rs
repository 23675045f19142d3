//! The routes, a file per resource; each parses, calls one function that knows no HTTP, and
//! maps what comes back.

mod body;
mod headers;
mod results;
mod status;
mod submit;

use axum::Router;

use crate::state::AppState;

/// All routes of the API; health comes beside them, see [`crate::layers`].
pub(crate) fn router(state: AppState) -> Router {
    Router::new().merge(submit::router()).merge(status::router()).with_state(state)
}
