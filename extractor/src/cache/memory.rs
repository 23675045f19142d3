//! The cache: answers of the last minutes, bounded in number and size.

use std::time::{Duration, Instant};

use linkrelay_common::VideoId;
use linkrelay_common::video::Video;
use moka::Expiry;
use moka::sync::Cache;

use super::{CacheSettings, Extracted};

/// An answer that is larger than this counts as several entries, so ten thousand entries need at
/// most some 40 MB.
const ENTRY_BYTES: usize = 4_096;

/// The cached answers. Cheap to clone; all clones share them. `None` caches nothing.
#[derive(Debug, Clone)]
pub(super) struct Memory(Option<Cache<VideoId, Extracted>>);

/// How long each kind of answer is kept.
#[derive(Debug, Clone, Copy)]
struct Ttl {
    found: Duration,
    refused: Duration,
}

impl Memory {
    pub(super) fn new(settings: CacheSettings) -> Self {
        let CacheSettings { entries, ttl, negative_ttl } = settings;
        let cache = || {
            Cache::builder()
                .max_capacity(entries)
                .weigher(|_, answer: &Extracted| weight(answer))
                .expire_after(Ttl { found: ttl, refused: negative_ttl })
                .build()
        };
        Self((entries > 0).then(cache))
    }

    pub(super) fn get(&self, video_id: VideoId) -> Option<Extracted> {
        self.0.as_ref()?.get(&video_id)
    }

    /// Caches metadata and refusals, which will be as true in a minute. A temporary error is only
    /// for the callers that wait for it.
    pub(super) fn keep(&self, video_id: VideoId, answer: &Extracted) {
        let is_lasting = matches!(answer, Ok(_) | Err(crate::ExtractError::Refused(_)));
        if let Some(cache) = self.0.as_ref().filter(|_| is_lasting) {
            cache.insert(video_id, answer.clone());
        }
    }
}

impl Expiry<VideoId, Extracted> for Ttl {
    fn expire_after_create(&self, _: &VideoId, answer: &Extracted, _: Instant) -> Option<Duration> {
        Some(if answer.is_ok() { self.found } else { self.refused })
    }

    /// An answer to a forced request is kept for its own full time.
    fn expire_after_update(
        &self,
        video_id: &VideoId,
        answer: &Extracted,
        now: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        self.expire_after_create(video_id, answer, now)
    }
}

fn weight(answer: &Extracted) -> u32 {
    let bytes = answer.as_ref().map_or(0, |found| text_bytes(&found.video));
    u32::try_from(1 + bytes / ENTRY_BYTES).unwrap_or(u32::MAX)
}

/// Returns the size of the texts of varying length; all other fields are small.
fn text_bytes(video: &Video) -> usize {
    let keywords = video.keywords.iter().flatten().map(String::len);
    let chapters = video.chapters.iter().flatten().map(|chapter| chapter.title.len());
    let description = video.description.as_ref().map_or(0, String::len);
    video.title.len() + description + keywords.chain(chapters).sum::<usize>()
}
