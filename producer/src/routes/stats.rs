//! `GET /stats`: how many documents and videos there are, and of what kind.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use linkrelay_http::wire::{ChannelVideos, Statistics, VideoTotals};
use linkrelay_store::LinkState;

use super::parameters::NoParameters;
use crate::error::ApiError;
use crate::state::AppState;
use crate::stats::Stats;

/// How many documents and videos there are, and of what kind.
///
/// They are counted at most once a minute for all clients.
#[utoipa::path(
    get,
    path = "/stats",
    tag = "Videos",
    responses(
        (status = 200, description = "The numbers, as of `as_of`.", body = Statistics),
        (status = 400, description = "`bad_query`: a parameter is not known."),
        (status = 500, description = "`store_unreadable`: a stored document cannot be read."),
        (status = 503, description = "`store_unavailable`: the store cannot be reached; \
            `stats_pending`: the first count is not done yet."),
    )
)]
pub(super) async fn stats(
    State(app): State<Arc<AppState>>,
    _: NoParameters,
) -> Result<Json<Statistics>, ApiError> {
    let stats = app.stats.get(app.store_timeout).await?;
    Ok(Json(totals(&stats)))
}

fn totals(stats: &Stats) -> Statistics {
    let Stats { as_of, store, channel_names } = stats;
    let videos = store.videos.clone();
    let (first_seen_at, last_seen_at) = videos.seen.unzip();
    // Every status is there, also one that no document has.
    let of_state = |state: LinkState| store.documents.get(&state).copied().unwrap_or_default();
    let documents = LinkState::ALL.map(|state| (state.as_str().to_owned(), of_state(state)));
    let channels = store.top_channels.iter().zip(channel_names);
    Statistics {
        as_of: *as_of,
        documents_total: store.documents.values().sum(),
        documents: documents.into(),
        videos: VideoTotals {
            total: videos.stored + videos.failed,
            stored: videos.stored,
            failed: videos.failed,
            by_availability: videos.by_availability,
            by_source: videos.by_source,
            by_error_class: videos.by_error_class,
            first_seen_at,
            last_seen_at,
        },
        top_channels: channels
            .map(|(channel, name)| ChannelVideos {
                channel_id: channel.channel_id.clone(),
                name: name.clone(),
                videos: channel.videos,
            })
            .collect(),
    }
}
