//! `GET /processes`: every producer and consumer, as of its last heartbeat.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use linkrelay_http::wire::{ProcessEntry, ProcessList};
use linkrelay_store::processes::{ProcessFigures, ProcessIdentity, SeenProcess};

use super::parameters::NoParameters;
use super::problems::StoreProblems;
use crate::error::ApiError;
use crate::state::AppState;

/// Every producer and consumer, as of its last heartbeat.
///
/// One that has been silent for more than three beats is `gone`.
#[utoipa::path(
    get,
    path = "/processes",
    tag = "Health",
    responses(
        (status = 200, description = "All that run, or have run within a day.", body = ProcessList),
        (status = 400, description = "`bad_query`: a parameter is not known."),
        StoreProblems,
    )
)]
pub(super) async fn processes(
    State(app): State<Arc<AppState>>,
    _: NoParameters,
) -> Result<Json<ProcessList>, ApiError> {
    let mut seen = app.in_time(app.store.processes()).await?;
    seen.sort_by(|a, b| {
        let key = |seen: &SeenProcess| (seen.row.identity.role, seen.row.identity.instance.clone());
        key(a).cmp(&key(b))
    });
    Ok(Json(ProcessList { processes: seen.into_iter().map(entry).collect() }))
}

fn entry(seen: SeenProcess) -> ProcessEntry {
    let is_gone = seen.is_gone();
    let SeenProcess { row, beat_at, silent_for } = seen;
    let ProcessIdentity { role, instance, version, host, pid, started_at } = row.identity;
    let figures: ProcessFigures = row.figures;
    ProcessEntry {
        role: role.as_str().into(),
        instance,
        status: if is_gone { "gone" } else { "running" }.into(),
        version,
        host,
        pid,
        started_at,
        beat_at,
        silent_seconds: silent_for.as_secs_f64(),
        http_addr: figures.http_addr,
        partitions: figures.partitions,
        in_flight: figures.in_flight,
        lag: figures.lag,
        breaker: figures.breaker,
        cool_down_until: figures.cool_down_until,
        links_per_second: figures.links_per_second,
        accepted_per_second: figures.accepted_per_second,
        unavailable_per_second: figures.unavailable_per_second,
    }
}
