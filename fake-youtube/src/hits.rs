//! What was asked, counted.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::failure::Failure;

/// Beyond so many different videos, new ones are counted only in the totals, so that a demo may
/// run without end.
const MAX_VIDEOS: usize = 1_000_000;

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Route {
    /// `GET /watch`
    Watch,
    /// The player's JavaScript.
    BaseJs,
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
    /// Anything at consent.youtube.com.
    Consent,
    /// `GET /sorry/…` at www.google.com.
    Sorry,
    /// Anything else, which is answered 404.
    Other,
}

/// The counters at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hits {
    /// All requests.
    pub total: u64,
    /// By what they were for; a route that was not asked is absent.
    pub by_route: BTreeMap<Route, u64>,
    /// Requests that named a video, by its id.
    pub by_video: BTreeMap<String, u64>,
    /// Failures that were served, by [`Failure::kind`].
    pub by_failure: BTreeMap<String, u64>,
    /// Requests that are being answered now.
    pub in_flight: u64,
    /// The most that were being answered at once.
    pub max_in_flight: u64,
}

impl Hits {
    /// How often this route was asked.
    pub fn route(&self, route: Route) -> u64 {
        self.by_route.get(&route).copied().unwrap_or(0)
    }

    /// How often this video was asked for, on any route.
    pub fn video(&self, video_id: &str) -> u64 {
        self.by_video.get(video_id).copied().unwrap_or(0)
    }

    /// How often this failure was served.
    pub fn failure(&self, failure: Failure) -> u64 {
        self.by_failure.get(failure.kind()).copied().unwrap_or(0)
    }
}

/// The counters while they count.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counters(Arc<Mutex<Hits>>);

/// Counts a request as in flight until dropped.
#[derive(Debug)]
pub(crate) struct InFlight(Counters);

impl Counters {
    /// A request has come.
    pub(crate) fn enter(&self, route: Route) -> InFlight {
        self.with(|hits| {
            hits.total += 1;
            *hits.by_route.entry(route).or_insert(0) += 1;
            hits.in_flight += 1;
            hits.max_in_flight = hits.max_in_flight.max(hits.in_flight);
        });
        InFlight(self.clone())
    }

    /// It is about a video, and will fail or not.
    pub(crate) fn count_video(&self, video_id: &str, failure: Option<Failure>) {
        self.with(|hits| {
            let videos_count = hits.by_video.len();
            match hits.by_video.get_mut(video_id) {
                Some(count) => *count += 1,
                None if videos_count < MAX_VIDEOS => {
                    hits.by_video.insert(video_id.to_owned(), 1);
                }
                None => {}
            }
            if let Some(failure) = failure {
                *hits.by_failure.entry(failure.kind().to_owned()).or_insert(0) += 1;
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
        // A count that a panic elsewhere interrupted is at worst one short.
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
