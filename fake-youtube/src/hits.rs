//! Counts the requests.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Once this many videos are counted, new ones are only in the totals, so that a demo may run
/// forever.
const MAX_VIDEOS: usize = 1_000_000;

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Route {
    /// `GET /watch`
    Watch,
    /// `POST /youtubei/v1/player`
    Player,
    /// `GET /oembed`
    Oembed,
    /// `GET /youtube/v3/videos`
    DataApi,
    /// `GET /youtube/v3/playlistItems`
    PlaylistItems,
    /// `GET /youtube/v3/channels`
    Channels,
    /// `GET /vi/{id}/mqdefault.jpg`, of no video in the counts.
    Thumbnail,
    /// Anything else, which is answered 404.
    Other,
}

/// The counts at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hits {
    /// All requests but those for the canary.
    pub total: u64,
    /// Requests for [`CANARY_VIDEO`](crate::CANARY_VIDEO), which are counted neither in the total
    /// nor by route or video.
    pub canary: u64,
    /// Requests by route; a route that was not asked is absent.
    pub by_route: BTreeMap<Route, u64>,
    /// Requests for a video, by its id, on any route.
    pub by_video: BTreeMap<String, u64>,
    /// Requests that are in flight now.
    pub in_flight: u64,
    /// The most requests that were in flight at the same time.
    pub max_in_flight: u64,
}

impl Hits {
    /// Returns how often this route was asked.
    pub fn route(&self, route: Route) -> u64 {
        self.by_route.get(&route).copied().unwrap_or(0)
    }

    /// Returns how often this video was asked for.
    pub fn video(&self, video_id: &str) -> u64 {
        self.by_video.get(video_id).copied().unwrap_or(0)
    }
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Counters(Arc<Mutex<Hits>>);

/// Counts a request as in flight until dropped.
#[derive(Debug)]
pub(crate) struct InFlight(Counters);

impl Counters {
    /// Counts a request.
    pub(crate) fn enter(&self, route: Route) -> InFlight {
        self.with(|hits| {
            hits.total += 1;
            *hits.by_route.entry(route).or_insert(0) += 1;
            hits.in_flight += 1;
            hits.max_in_flight = hits.max_in_flight.max(hits.in_flight);
        });
        InFlight(self.clone())
    }

    /// Counts the request that entered on this route as one for the canary instead.
    pub(crate) fn count_canary(&self, route: Route) {
        self.with(|hits| {
            hits.canary += 1;
            // After a reset, the request was not counted.
            hits.total = hits.total.saturating_sub(1);
            if let Some(count) = hits.by_route.get_mut(&route) {
                *count = count.saturating_sub(1);
            }
            hits.by_route.retain(|_, count| *count > 0);
        });
    }

    /// Counts a request for this video.
    pub(crate) fn count_video(&self, video_id: &str) {
        self.with(|hits| {
            if let Some(count) = hits.by_video.get_mut(video_id) {
                *count += 1;
            } else if hits.by_video.len() < MAX_VIDEOS {
                hits.by_video.insert(video_id.to_owned(), 1);
            }
        });
    }

    pub(crate) fn read(&self) -> Hits {
        self.with(|hits| hits.clone())
    }

    pub(crate) fn reset(&self) {
        self.with(|hits| {
            let in_flight = hits.in_flight;
            *hits = Hits { in_flight, max_in_flight: in_flight, ..Hits::default() };
        });
    }

    fn with<T>(&self, act: impl FnOnce(&mut Hits) -> T) -> T {
        // A count that a panic elsewhere interrupted is at most one too low.
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.with(|hits| hits.in_flight = hits.in_flight.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reset_keeps_what_is_in_flight() {
        let counters = Counters::default();
        let first = counters.enter(Route::Watch);
        drop(counters.enter(Route::Player));
        assert_eq!(counters.read().max_in_flight, 2);
        counters.reset();
        let hits = counters.read();
        assert_eq!((hits.total, hits.in_flight, hits.max_in_flight), (0, 1, 1));
        drop(first);
        assert_eq!(counters.read().in_flight, 0);
    }
}
