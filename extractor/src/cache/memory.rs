//! Answers of the last minutes, bounded in number and in size.

use std::time::{Duration, Instant};

use linkrelay_common::VideoId;
use linkrelay_common::video::Video;
use moka::Expiry;
use moka::sync::Cache;

use super::{Answer, CacheSettings};

/// An entry that is larger than this counts as several: ten thousand are at most some 40 MB.
const ENTRY_BYTES: usize = 4_096;

/// Cheap to clone; all clones are the same memory. `None` remembers nothing.
#[derive(Debug, Clone)]
pub(super) struct Memory(Option<Cache<VideoId, Answer>>);

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
                .weigher(|_, answer: &Answer| weight(answer))
                .expire_after(Ttl { found: ttl, refused: negative_ttl })
                .build()
        };
        Self((entries > 0).then(cache))
    }

    pub(super) fn get(&self, video_id: VideoId) -> Option<Answer> {
        self.0.as_ref()?.get(&video_id)
    }

    /// Keeps what will be as true in a minute: metadata, and a refusal. Errors of the moment are
    /// for those who wait at that moment.
    pub(super) fn keep(&self, video_id: VideoId, answer: &Answer) {
        let is_lasting = matches!(answer, Ok(_) | Err(crate::ExtractError::Refused(_)));
        if let Some(cache) = self.0.as_ref().filter(|_| is_lasting) {
            cache.insert(video_id, answer.clone());
        }
    }
}

impl Expiry<VideoId, Answer> for Ttl {
    fn expire_after_create(&self, _: &VideoId, answer: &Answer, _: Instant) -> Option<Duration> {
        Some(if answer.is_ok() { self.found } else { self.refused })
    }

    /// A forced answer begins a time of its own.
    fn expire_after_update(
        &self,
        video_id: &VideoId,
        answer: &Answer,
        now: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        self.expire_after_create(video_id, answer, now)
    }
}

fn weight(answer: &Answer) -> u32 {
    let bytes = answer.as_ref().map_or(0, |found| text_bytes(&found.video));
    u32::try_from(1 + bytes / ENTRY_BYTES).unwrap_or(u32::MAX)
}

/// The texts of different length; all else is small.
fn text_bytes(video: &Video) -> usize {
    let keywords = video.keywords.iter().flatten().map(String::len);
    let chapters = video.chapters.iter().flatten().map(|chapter| chapter.title.len());
    let description = video.description.as_ref().map_or(0, String::len);
    video.title.len() + description + keywords.chain(chapters).sum::<usize>()
}
