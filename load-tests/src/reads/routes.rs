//! Which addresses are asked: each is drawn from what is stored.

use anyhow::Result;
use linkrelay_common::RequestId;
use serde_json::json;

use crate::sample;
use crate::search::queries;

const CHANNELS: usize = 5_000;
const LINKS: usize = 100;
/// A prime number: every request of a route asks for something else.
const STEP: usize = 7_919;

/// What the store has.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) seed: u64,
    pub(super) videos: usize,
    pub(super) requests: Vec<RequestId>,
}

/// A route, and how its addresses are made.
pub(super) struct Route<'a> {
    pub(super) name: &'static str,
    path: Box<dyn Fn(usize) -> String + 'a>,
    /// For a POST.
    pub(super) body: Option<String>,
    /// Whether each request asks for the page that follows.
    pub(super) follows_pages: bool,
    pub(super) is_search: bool,
}

impl Route<'_> {
    /// Returns the address of the request with this number.
    pub(super) fn path(&self, number: usize) -> String {
        (self.path)(number)
    }
}

/// Returns all routes whose answers end.
pub(super) fn routes(stored: &Stored) -> Result<Vec<Route<'_>>> {
    let queries: Vec<String> = queries::draw(stored.seed, stored.videos, 400)?
        .iter()
        .map(|query| format!("/videos?q={}", encoded(&query.to_string())))
        .collect();
    let search = drawn("/videos?q=…", move |number| queries[number % queries.len()].clone());
    let links: Vec<String> = (0..LINKS).map(sample::link).collect();
    let body = Some(json!({ "links": links }).to_string());
    Ok(vec![
        drawn("/links/{id}, 100 links", |number| {
            format!("/links/{}", stored.requests[number * STEP % stored.requests.len()])
        }),
        drawn("/videos/{video_id}", |number| {
            let id = sample::video_id(number * STEP % stored.videos);
            format!("/videos/{}", id.map(|id| id.to_string()).unwrap_or_default())
        }),
        fixed("/videos"),
        pages("/videos?limit=500"),
        fixed("/videos?sort=published&order=asc"),
        drawn("/videos?channel_id=…", |number| {
            format!("/videos?channel_id=UC{:022}", number * STEP % CHANNELS)
        }),
        fixed("/videos?status=failed"),
        fixed("/videos?availability=members_only&category=Music"),
        fixed("/videos?length_from=3600&published_from=2020-01-01"),
        Route { is_search: true, ..search },
        pages("/requests?limit=50"),
        fixed("/stats"),
        fixed("/processes"),
        fixed("/dlq"),
        Route { body, ..fixed("/links/parse") },
    ])
}

/// A route whose addresses follow from the number of the request.
fn drawn<'a>(name: &'static str, path: impl Fn(usize) -> String + 'a) -> Route<'a> {
    let path = Box::new(path);
    Route { name, path, body: None, follows_pages: false, is_search: false }
}

/// A route that is always asked the same.
fn fixed(path: &'static str) -> Route<'static> {
    drawn(path, move |_| path.to_owned())
}

/// A route of which page after page is asked.
fn pages(path: &'static str) -> Route<'static> {
    Route { follows_pages: true, ..fixed(path) }
}

/// Percent-encodes a text for a query.
fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
