//! Which videos have metadata in the store already, if the store says so in time; it must not know
//! HTTP.

use std::collections::HashSet;
use std::time::Duration;

use linkrelay_common::VideoId;
use linkrelay_store::VideoStore;
use tokio::time::timeout;

/// How long the lookup for one request may take.
const LOOKUP_LIMIT: Duration = Duration::from_secs(2);

/// Returns those of these videos that have metadata; `None` if the store does not answer. Only a
/// preview needs this, so no failure of the store is an error here.
pub(crate) async fn among(
    store: &dyn VideoStore,
    video_ids: &[VideoId],
) -> Option<HashSet<VideoId>> {
    let problem = match timeout(LOOKUP_LIMIT, store.stored_among(video_ids)).await {
        Ok(Ok(stored)) => return Some(stored),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "no answer in time".to_owned(),
    };
    tracing::debug!(problem, "the store did not say which videos it has");
    None
}
