//! Reads the crate's answers strictly.
//!
//! Most of its failures look like an empty success, its zeros and empty texts mean "unknown", and
//! some of its fields are guesses; only what is certain is used.

use linkrelay_common::VideoId;
use linkrelay_common::video::{Author, Chapter, Thumbnail, Video};
use rusty_ytdl::{VideoDetails, VideoError, VideoInfo};

use crate::error::{ExtractError, Refusal};
use crate::page;

/// Returns the video that the crate found, if it is this one.
///
/// Some fields are not used, because the crate does not know them or gets them wrong: likes (it
/// reads "43,864" as 44), age restriction, whether a broadcast is live, and whether the video can
/// be played.
pub(super) fn video(info: &VideoInfo, video_id: VideoId) -> Result<Video, ExtractError> {
    let details = &info.video_details;
    if details.video_id != video_id.as_str() {
        return Err(ExtractError::Unreadable("rusty_ytdl found no such video in it".to_owned()));
    }
    Ok(Video {
        title: details.title.clone(),
        description: some(&details.description),
        author: author(details),
        length_seconds: number(&details.length_seconds),
        view_count: number(&details.view_count),
        like_count: None,
        publish_date: page::instant(&details.publish_date),
        // "Safe" is also the crate's default if the page does not say.
        family_safe: (!details.is_family_safe).then_some(false),
        category: some(&details.category),
        keywords: list(details.keywords.clone()),
        thumbnails: list(thumbnails(details)),
        availability: None,
        is_live: None,
        is_upcoming: None,
        chapters: list(chapters(details)),
    })
}

/// Returns what an error of the crate means.
pub(super) fn error(error: &VideoError) -> ExtractError {
    match error {
        // The crate returns this for playability ERROR alone.
        VideoError::VideoNotFound => ExtractError::Refused(Refusal::Unavailable),
        VideoError::VideoPlayerResponseError(_) => {
            ExtractError::Throttled { reason: "bot_check", retry_after: None }
        }
        // The crate also returns this for an age gate and a bot check.
        VideoError::VideoIsPrivate => {
            ExtractError::Unreadable("rusty_ytdl was asked to sign in".to_owned())
        }
        error => ExtractError::Unreadable(format!("rusty_ytdl: {error}")),
    }
}

fn author(details: &VideoDetails) -> Author {
    let channel_id = some(&details.channel_id);
    // Subscribers and badge come from a box that may show another channel.
    let owner =
        details.author.as_ref().filter(|author| Some(author.id.as_str()) == channel_id.as_deref());
    Author {
        name: details.author.as_ref().and_then(|author| some(&author.name)),
        url: some(&details.owner_profile_url),
        // The crate drops a "B" and reads a missing number as 0: below a thousand it is unknown.
        subscribers: owner.map(|owner| owner.subscriber_count).filter(|count| *count >= 1_000),
        // `false` may also mean that there is no such box.
        verified: owner.map(|owner| owner.verified).filter(|is_verified| *is_verified),
        channel_id,
    }
}

/// Returns each thumbnail once; the crate adds the microformat's one to those of the details.
fn thumbnails(details: &VideoDetails) -> Vec<Thumbnail> {
    let mut thumbnails: Vec<Thumbnail> = Vec::new();
    for found in &details.thumbnails {
        let pixels = |pixels| u32::try_from(pixels).ok().filter(|pixels| *pixels > 0);
        let is_new = thumbnails.iter().all(|known| known.url != found.url);
        if is_new && !found.url.is_empty() {
            thumbnails.push(Thumbnail {
                url: found.url.clone(),
                width: pixels(found.width),
                height: pixels(found.height),
            });
        }
    }
    thumbnails
}

fn chapters(details: &VideoDetails) -> Vec<Chapter> {
    let chapters = details.chapters.iter().filter(|chapter| !chapter.title.is_empty());
    chapters
        .filter_map(|chapter| {
            let start_seconds = u64::try_from(chapter.start_time).ok()?;
            Some(Chapter { title: chapter.title.clone(), start_seconds })
        })
        .collect()
}

fn some(text: &str) -> Option<String> {
    (!text.trim().is_empty()).then(|| text.to_owned())
}

fn number(digits: &str) -> Option<u64> {
    digits.parse().ok().filter(|number| *number > 0)
}

fn list<T>(items: Vec<T>) -> Option<Vec<T>> {
    (!items.is_empty()).then_some(items)
}
