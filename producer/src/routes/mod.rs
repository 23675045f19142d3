//! The routes, one file for each resource: each reads the request, calls a module that does not
//! know HTTP, and makes the answer.

mod delete;
mod dlq;
mod docs;
mod events;
mod export;
mod history;
mod lag;
mod page;
mod parameters;
mod parse;
mod problems;
mod processes;
mod replays;
mod requests;
mod retry;
mod session;
mod stats;
mod status;
mod submit;
mod thumbnail;
mod video_query;
mod videos;
mod wait;

use std::sync::Arc;

use linkrelay_common::LinkError;
use linkrelay_http::intake::{CheckedLinks, SentLink};
use linkrelay_http::keys::{Access, KeyedRoutes, Scope};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) use docs::Served;

use crate::error::ApiError;
use crate::measure;
use crate::state::AppState;

/// Returns the routes that the layers of [`linkrelay_http::layers`] limit. A route without a
/// description, or without saying who may use it, does not compile.
///
/// To read needs the scope `read`, to submit `submit`, and to act on what others may have submitted
/// `admin`.
pub(crate) fn limited(access: &Access) -> OpenApiRouter<Arc<AppState>> {
    KeyedRoutes::new(access)
        .with(Scope::Submit, routes!(submit::submit))
        .with(Scope::Submit, routes!(parse::parse))
        .with(Scope::Submit, routes!(wait::wait))
        .with(Scope::Submit, routes!(wait::wait_by_its_old_name))
        .with(Scope::Read, routes!(status::status))
        .with(Scope::Admin, routes!(delete::delete_request))
        .with(Scope::Admin, routes!(retry::retry))
        .with(Scope::Read, routes!(videos::videos))
        .with(Scope::Read, routes!(videos::video))
        .with(Scope::Read, routes!(thumbnail::thumbnail))
        .with(Scope::Read, routes!(requests::requests))
        .with(Scope::Read, routes!(processes::processes))
        .with(Scope::Read, routes!(history::history))
        .with(Scope::Read, routes!(lag::lag))
        .with(Scope::Read, routes!(dlq::letters))
        .with(Scope::Admin, routes!(replays::begin_replay))
        .with(Scope::Read, routes!(replays::replays))
        .with(Scope::Read, routes!(replays::replay))
        .with(Scope::Read, routes!(stats::stats))
        .open(routes!(session::session))
        .open(routes!(session::sign_in))
        .open(routes!(session::sign_out))
        .open(routes!(page::index))
        .open(routes!(page::file))
        .open(routes!(docs::document))
        .open(routes!(docs::to_index))
        .open(routes!(docs::index))
        .open(routes!(docs::file))
        .into_router()
}

/// Returns the routes without limits: their answers last for as long as a client listens or reads.
pub(crate) fn streams(access: &Access) -> OpenApiRouter<Arc<AppState>> {
    KeyedRoutes::new(access)
        .with(Scope::Read, routes!(events::events))
        .with(Scope::Read, routes!(export::export))
        .into_router()
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
