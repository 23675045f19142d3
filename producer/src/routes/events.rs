//! `GET /links/{id}/events`: Server-Sent Events with each link as it becomes done.
//!
//! The route is outside the layers that limit and time out requests; the hub limits the streams.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream;
use linkrelay_common::RequestId;
use linkrelay_http::client::Pass;
use linkrelay_store::RequestCounts;
use serde::Serialize;

use super::parameters::{InPath, NoParameters};
use super::status::entry;
use crate::error::ApiError;
use crate::events::{Counters, IndexRanges, IndexRangesError, News};
use crate::state::AppState;

/// How often a stream without events gets a comment, so that nothing between takes it for idle.
const COMMENT_INTERVAL: Duration = Duration::from_secs(15);

/// The data of the events that are not a link.
#[derive(Debug, Serialize)]
struct CountersData {
    id: RequestId,
    total: u32,
    stored: u32,
    failed: u32,
    expanded: u32,
    pending: u32,
}

/// Each link as it becomes done, as Server-Sent Events.
///
/// The data of an event is one JSON object: of `link` an item of `links` in `GET /links/{id}`; of
/// `counters`, `done` and `idle` the counters; of `store_unavailable` a `code` and a `detail`.
#[utoipa::path(
    get,
    path = "/links/{id}/events",
    tag = "Requests",
    params(
        ("id" = RequestId, Path, description = "The request."),
        ("Last-Event-ID" = Option<String>, Header, example = "0-4,7",
            pattern = "^([0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*)?$",
            description = "The id of the last event that the client has; it gets the other links."),
    ),
    responses(
        (status = 200, description = "Events, until nothing is pending.", body = String,
            content_type = "text/event-stream"),
        (status = 400, description = "`bad_request_id`, `bad_last_event_id`, `bad_query`: the id, \
            the header or a parameter is wrong."),
        (status = 429, description = "`client_streams`: this client has too many event streams."),
        (status = 503, description = "`too_many_streams`: MAX_EVENT_STREAMS (1,000) are open."),
    )
)]
pub(super) async fn events(
    State(app): State<Arc<AppState>>,
    InPath(id): InPath<RequestId>,
    _: NoParameters,
    client: Pass,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let slot = client.slot(&app.client_slots.streams)?;
    let watcher = app.events.watch(id, seen(&headers)?)?;
    let events = stream::unfold((watcher, slot), move |(mut watcher, slot)| async move {
        let news = watcher.next().await?;
        Some((Ok::<_, Infallible>(event(id, news)), (watcher, slot)))
    });
    let keep_alive = KeepAlive::new().interval(COMMENT_INTERVAL);
    let mut response = Sse::new(events).keep_alive(keep_alive).into_response();
    // nginx collects an answer before it passes it on, unless this says otherwise.
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// Returns the links that the client has, by the id of the last event that it got.
fn seen(headers: &HeaderMap) -> Result<IndexRanges, IndexRangesError> {
    let Some(id) = headers.get("last-event-id") else { return Ok(IndexRanges::default()) };
    id.to_str().map_err(|_| IndexRangesError::Malformed)?.parse()
}

fn event(id: RequestId, news: News) -> Event {
    match news {
        News::Link(link, seen) => {
            let entry = entry((link.index, Some(link)));
            with_data(Event::default().event("link").id(seen), &entry)
        }
        News::Counters(counters) => {
            with_data(Event::default().event("counters"), &data(id, counters))
        }
        News::Done(counters) => with_data(Event::default().event("done"), &data(id, counters)),
        News::Idle(counters) => with_data(Event::default().event("idle"), &data(id, counters)),
        News::StoreUnavailable => {
            let data = serde_json::json!({
                "code": "store_unavailable",
                "detail": "the store cannot be reached; the stream continues when it can",
            });
            with_data(Event::default().event("store_unavailable"), &data)
        }
    }
}

fn with_data(event: Event, data: &impl Serialize) -> Event {
    // Numbers and texts can always be serialized; JSON has no line break outside of an escape.
    event.data(serde_json::to_string(data).unwrap_or_default())
}

fn data(id: RequestId, counters: Counters) -> CountersData {
    let RequestCounts { stored, failed, expanded, .. } = counters.counts;
    let Counters { total, .. } = counters;
    CountersData { id, total, stored, failed, expanded, pending: counters.pending() }
}
