//! Reads a [`Video`], or the reason why YouTube does not show it, from the body of a watch page, of
//! `watch?pbj=1` or of a player answer. Pure: no network, no clock.
//!
//! In reading order: `sieve` drops of a page that arrives what no reader looks at; `locate` finds the player response in all its forms; `playability` reads
//! whether the video can be played, `sign_in` why YouTube wants a user for that, and `broadcast`
//! whether it is live; `fields` reads the metadata, with `owner`, `chapters` and `country` for what
//! is elsewhere in the page; `interstitial` recognizes the pages that YouTube sends instead of a
//! watch page.

mod broadcast;
mod chapters;
mod country;
mod fields;
mod interstitial;
pub(crate) mod json;
mod locate;
mod owner;
mod playability;
mod sieve;
mod sign_in;

use linkrelay_common::VideoId;
use linkrelay_common::video::Video;
use serde_json::Value;

use crate::error::ExtractError;

pub(crate) use fields::instant;
pub(crate) use sieve::Sieve;

/// Reads the metadata of `video_id`; never returns that of another video, and never panics.
///
/// A video that cannot be played but has metadata is returned, with its `availability`. A blank
/// title counts as metadata if the video can be played.
///
/// # Errors
/// - [`ExtractError::Refused`] if the body has no metadata and clearly refuses.
/// - [`ExtractError::Throttled`] for a bot check, a consent page or a captcha.
/// - [`ExtractError::Unreadable`] for everything else, including playlists and channels.
pub fn read(body: &[u8], video_id: VideoId) -> Result<Video, ExtractError> {
    let mut refusing: Option<Value> = None;
    let mut is_of_another_video = false;
    for player in locate::player_responses(body) {
        match (fields::video_id(&player), fields::title(&player)) {
            (Some(id), _) if id != video_id.as_str() => is_of_another_video = true,
            (Some(_), Some(title)) => return Ok(fields::video(body, &player, title)),
            _ => {
                refusing.get_or_insert(player.playability_status);
            }
        }
    }
    match refusing {
        Some(status) => Err(playability::refusal(&status)),
        None if is_of_another_video => {
            Err(ExtractError::Unreadable("it is about another video".to_owned()))
        }
        None => Err(interstitial::explain(body)),
    }
}
