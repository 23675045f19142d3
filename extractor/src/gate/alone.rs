//! Which videos may be throttled alone, while YouTube answers for all others.
//!
//! Throttling is about the client's address, except where one video is answered with it each time.
//! Such a video is suspected from its second throttling on, if YouTube found another video between
//! two of its throttlings. A suspicion proves nothing: requests that begin together when a cool-down
//! ends are answered in any order. It must not know: what follows from a suspicion.

use std::time::Duration;

use linkrelay_common::VideoId;
use moka::sync::Cache;

use super::evidence::{Evidence, Moment, Moments};

/// More videos than one process waits with.
const MAX_VIDEOS: u64 = 10_000;
/// Longer than any cool-down between two throttlings of a video.
const KEPT_FOR: Duration = Duration::from_secs(3_600);

/// The videos that were throttled and not found since.
#[derive(Debug)]
pub(super) struct ThrottledVideos {
    moments: Moments,
    by_id: Cache<VideoId, Throttling>,
}

/// The throttlings of one video so far.
#[derive(Debug, Clone, Copy)]
struct Throttling {
    last: Moment,
    is_suspected: bool,
}

impl ThrottledVideos {
    pub(super) fn new(moments: Moments) -> Self {
        let by_id = Cache::builder().max_capacity(MAX_VIDEOS).time_to_live(KEPT_FOR).build();
        Self { moments, by_id }
    }

    /// Notes that a request for this video was throttled at the exit of this evidence. Returns
    /// whether the video was suspected before. A video has one request in flight at a time.
    pub(super) fn note(&self, video_id: VideoId, evidence: &Evidence) -> bool {
        let before = self.by_id.get(&video_id);
        let was_suspected = before.is_some_and(|before| before.is_suspected);
        let others_found = before.is_some_and(|before| evidence.has_found_since(before.last));
        let is_suspected = was_suspected || others_found;
        self.by_id.insert(video_id, Throttling { last: self.moments.next(), is_suspected });
        was_suspected
    }

    /// Notes that YouTube answered for this video.
    pub(super) fn forget(&self, video_id: VideoId) {
        self.by_id.invalidate(&video_id);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone, Copy)]
    enum Event {
        Throttled,
        OtherFound,
    }

    proptest! {
        #[test]
        fn a_video_is_suspected_after_two_throttlings_between_which_another_was_found(
            events in proptest::collection::vec(
                prop_oneof![Just(Event::Throttled), Just(Event::OtherFound)], 0..12,
            ),
        ) {
            let video_id = VideoId::parse("5fR9AHlSDtc").unwrap();
            let moments = Moments::default();
            let (evidence, videos) =
                (Evidence::new(moments.clone()), ThrottledVideos::new(moments));
            let (mut has_thrice, mut is_between) = (false, None);
            for event in events {
                match event {
                    Event::OtherFound => {
                        evidence.begin().found();
                        is_between = is_between.map(|_| true);
                    }
                    Event::Throttled => {
                        prop_assert_eq!(videos.note(video_id, &evidence), has_thrice);
                        has_thrice |= is_between == Some(true);
                        is_between = Some(false);
                    }
                }
            }
        }
    }
}
