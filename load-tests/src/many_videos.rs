//! Any number of documents, drawn by a seed: each of another video, of one of a few thousand
//! channels, with texts in five scripts.
//!
//! It must not know: which benchmark uses them.

use jiff::{SignedDuration, Timestamp};
use linkrelay_common::video::{Availability, Video};
use linkrelay_common::{DocumentId, ErrorClass, LinkFailure, RequestId};
use linkrelay_store::{LinkDocument, LinkState};

use crate::sample;

/// The links of a request.
const REQUEST_LINKS: u32 = 100;
const CHANNELS: u64 = 5_000;
const WORDS: [&str; 10] = [
    "music video",
    "강남스타일",
    "東京の夜",
    "как сделать",
    "ก๋วยเตี๋ยว",
    "Beyoncé",
    "live",
    "노래 모음",
    "教程",
    "official",
];
const CATEGORIES: [&str; 4] = ["Music", "Education", "Gaming", "People & Blogs"];
const SOURCES: [&str; 3] = ["watch_page", "innertube", "oembed"];

/// Draws numbers (SplitMix64): the same ones for the same seed, on every machine.
#[derive(Debug)]
struct Draw(u64);

impl Draw {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }

    fn of<T: Copy>(&mut self, values: &[T]) -> T {
        values[usize::try_from(self.below(values.len() as u64)).unwrap_or_default()]
    }

    fn text(&mut self, words: u64) -> String {
        let words: Vec<&str> = (0..words).map(|_| self.of(&WORDS)).collect();
        words.join(" ")
    }
}

/// Returns the documents in their order, without end.
pub(crate) fn documents(seed: u64) -> impl Iterator<Item = LinkDocument> {
    let template = sample::documents(1).remove(0);
    let mut draw = Draw(seed);
    let mut request_id = RequestId::new(REQUEST_LINKS);
    (0..).map(move |number: usize| {
        let index = u32::try_from(number).unwrap_or_default() % REQUEST_LINKS;
        if index == 0 {
            request_id = RequestId::new(REQUEST_LINKS);
        }
        let later = SignedDuration::from_secs(number as i64 / 50);
        let base = LinkDocument {
            id: DocumentId::of_request(request_id, index),
            request_id: Some(request_id),
            index,
            link: sample::link(number),
            video_id: sample::video_id(number).ok().map(|id| id.to_string()),
            submitted_at: template.submitted_at.and_then(|time| time.checked_add(later).ok()),
            ..template.clone()
        };
        // One in fifty has failed.
        if draw.below(50) == 0 { failed(base, &mut draw) } else { stored(base, &mut draw) }
    })
}

fn stored(base: LinkDocument, draw: &mut Draw) -> LinkDocument {
    let mut video = sample::video();
    vary(&mut video, draw);
    LinkDocument { video: Some(video), source: Some(draw.of(&SOURCES).to_owned()), ..base }
}

fn failed(base: LinkDocument, draw: &mut Draw) -> LinkDocument {
    let error = LinkFailure {
        class: draw.of(&[ErrorClass::Permanent, ErrorClass::Transient]),
        code: draw.of(&["private", "unavailable"]).to_owned(),
        message: "This video is not available.".to_owned(),
        attempts: 1,
    };
    let (status, error) = (LinkState::Failed, Some(error));
    LinkDocument { status, error, video: None, source: None, extracted_at: None, ..base }
}

fn vary(video: &mut Video, draw: &mut Draw) {
    let words = 3 + draw.below(8);
    video.title = draw.text(words);
    let words = 10 + draw.below(60);
    video.description = Some(draw.text(words));
    // A few channels have most of the videos.
    let channel = draw.below(CHANNELS).min(draw.below(CHANNELS)).min(draw.below(CHANNELS));
    video.author.channel_id = Some(format!("UC{channel:022}"));
    video.author.name = Some(format!("Channel {channel}"));
    video.length_seconds = Some(draw.below(7_200));
    video.view_count = Some(draw.below(1_000_000_000));
    video.like_count = Some(draw.below(1_000_000));
    let seconds = draw.below(1_700_000_000).cast_signed();
    video.publish_date = Timestamp::from_second(seconds).ok();
    video.category = Some(draw.of(&CATEGORIES).to_owned());
    video.availability = Some(draw.of(&Availability::ALL));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_draws_the_same_videos_and_each_only_once() {
        let drawn = |seed| -> Vec<_> {
            let some = documents(seed).take(300);
            some.map(|document| (document.video_id, document.video)).collect()
        };
        assert_eq!(drawn(1), drawn(1));
        assert_ne!(drawn(1), drawn(2));
        let mut ids: Vec<_> = drawn(1).into_iter().map(|(id, _)| id).collect();
        ids.dedup();
        assert_eq!(ids.len(), 300);
        assert!(drawn(1).iter().any(|(_, video)| video.is_none()));
    }
}
