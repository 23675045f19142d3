//! Playlists and channels generated from their names: which videos they have, in which order.
//!
//! A list whose id ends in digits after its last `-` or `_` has that many videos; all others have
//! a dozen. It must not know how an API writes them.

use super::draws::Draws;

/// The most videos that YouTube lists of a channel.
const MAX_VIDEOS: usize = 20_000;
/// The videos of a list whose name has no number.
const USUAL_VIDEOS: usize = 12;
const CHANNEL_ID_CHARS: usize = 24;

/// How a playlist is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Playlist {
    /// It has this many videos.
    Listed(usize),
    /// It does not exist: its id begins with `PLgone`, or it is of a channel without videos.
    Missing,
    /// Only its owner may see it: its id begins with `PLprivate`.
    Private,
}

/// Returns the playlist with this id, always the same.
pub fn playlist(list_id: &str) -> Playlist {
    let count = count(list_id);
    if list_id.starts_with("PLprivate") {
        Playlist::Private
    } else if list_id.starts_with("PLgone") || (list_id.starts_with("UU") && count == 0) {
        Playlist::Missing
    } else {
        Playlist::Listed(count)
    }
}

/// Returns how many videos the list with this id has if it is listed.
pub fn count(list_id: &str) -> usize {
    count_in(list_id).unwrap_or(USUAL_VIDEOS)
}

/// Returns the id of the video at this index of a list, counted from 0; all of them differ.
pub fn video_id(list_id: &str, index: usize) -> String {
    Draws::new(0, &["list", list_id, &index.to_string()]).id_text(11)
}

/// Returns the first `count` videos of a list, in its order.
pub fn video_ids(list_id: &str, count: usize) -> Vec<String> {
    (0..count.min(self::count(list_id))).map(|index| video_id(list_id, index)).collect()
}

/// Returns the channel of a handle (without the `@`) or a user name, or `None` if that begins with
/// `gone`. The number of videos in the name is also in the channel's id.
pub fn channel_of(name: &str) -> Option<String> {
    if name.starts_with("gone") {
        return None;
    }
    // Always present, so that no drawn characters are taken for a number.
    let ending = format!("-{}", count(name));
    let drawn = CHANNEL_ID_CHARS.saturating_sub(2 + ending.len());
    Some(format!("UC{}{ending}", Draws::new(0, &["channel name", name]).id_text(drawn)))
}

/// Returns the playlist of all videos of a channel, or `None` if there is no such channel: its id
/// is not one, or begins with `UCgone`.
pub fn uploads_of(channel_id: &str) -> Option<String> {
    let rest = channel_id.strip_prefix("UC")?;
    let exists = channel_id.len() == CHANNEL_ID_CHARS && !rest.starts_with("gone");
    exists.then(|| format!("UU{rest}"))
}

fn count_in(name: &str) -> Option<usize> {
    let (_, digits) = name.rsplit_once(['-', '_'])?;
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    // Digits that are too many for a number mean the most videos that there can be.
    is_number.then(|| digits.parse().map_or(MAX_VIDEOS, |count: usize| count.min(MAX_VIDEOS)))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::pages::is_video_id;

    #[test]
    fn the_number_in_a_name_is_the_number_of_videos() {
        for (list_id, listed) in [
            ("PLmade-up_120", 120),
            ("PL-3", 3),
            ("PL-0", 0),
            ("PLmade-up", 12),
            ("PL12", 12),
            ("PL_", 12),
            ("PL-99999", 20_000),
            ("PL-99999999999999999999999999", 20_000),
        ] {
            assert_eq!(playlist(list_id), Playlist::Listed(listed), "{list_id}");
        }
        assert_eq!(playlist("PLgone-3"), Playlist::Missing);
        assert_eq!(playlist("UUwithout-0"), Playlist::Missing);
        assert_eq!(playlist("PLprivate-3"), Playlist::Private);
    }

    #[test]
    fn the_videos_of_a_list_are_ids_and_all_different() {
        let ids = video_ids("PLmade-up-20000", 20_000);
        assert!(ids.iter().all(|id| is_video_id(id)));
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), 20_000);
        assert_eq!(video_ids("PLmade-up-20000", 3), ids[..3]);
        assert_eq!(video_ids("PL-3", 50).len(), 3);
        assert_ne!(video_id("PLone", 0), video_id("PLother", 0));
    }

    #[test]
    fn a_channel_has_as_many_videos_as_the_number_in_its_name() {
        for (name, videos) in [("many-120", 120), ("many", 12), ("m\u{fc}ller_7", 7), ("none-0", 0)]
        {
            let channel = channel_of(name).unwrap();
            assert_eq!(channel.len(), CHANNEL_ID_CHARS, "{channel}");
            assert_eq!(count(&uploads_of(&channel).unwrap()), videos, "{name}");
        }
        assert_eq!(channel_of("gone-3"), None);
        for gone in ["UCgone567890123456789012", "UC1", "PL0123456789012345678901", ""] {
            assert_eq!(uploads_of(gone), None, "{gone}");
        }
    }
}
