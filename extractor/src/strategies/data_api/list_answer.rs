//! Reads the Data API's answers about playlists and channels. An answer that is not complete is
//! an error: a list must never become shorter than it is.
//!
//! It must not know: how the answer was requested, or which page comes next.

use linkrelay_common::{ListLink, VideoId};
use serde_json::Value;

use super::answer;
use crate::body;
use crate::error::ExtractError;
use crate::page::json;

/// Many times the longest token seen; linkrelay sends it back to the API in a URL.
const MAX_TOKEN_BYTES: usize = 2_048;

/// One page of a playlist.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PlaylistPage {
    /// The videos, in the playlist's order.
    pub(super) video_ids: Vec<VideoId>,
    /// The token of the next page; `None` on the last one.
    pub(super) next_token: Option<String>,
}

/// Why a list is not available.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoList {
    /// The list does not exist.
    NotFound,
    /// The list exists, but is not public.
    Closed,
}

/// Reads a page of `playlistItems.list`.
///
/// # Errors
/// Unreadable if the page is not complete; then no part of it is used.
pub(super) fn page(body: &[u8]) -> Result<PlaylistPage, ExtractError> {
    let answer = answer_of(body, "youtube#playlistItemListResponse")?;
    let items = answer.get("items").and_then(Value::as_array);
    let items = items.ok_or_else(|| unreadable("a playlist without items"))?;
    let video_ids = items.iter().map(video_id).collect::<Result<_, _>>()?;
    let next_token = match answer.get("nextPageToken") {
        None => None,
        Some(Value::String(token)) if (1..=MAX_TOKEN_BYTES).contains(&token.len()) => {
            Some(token.clone())
        }
        // There is a next page, but it cannot be asked for.
        Some(_) => return Err(unreadable("a page token that is not valid")),
    };
    Ok(PlaylistPage { video_ids, next_token })
}

/// Reads an answer of `channels.list`: returns the playlist of all videos of the channel, or
/// `None` if there is no such channel. `channel_id` is set if the channel was asked for by its id.
///
/// # Errors
/// Unreadable if the answer is not complete, or about another channel.
pub(super) fn uploads(
    body: &[u8],
    channel_id: Option<&str>,
) -> Result<Option<String>, ExtractError> {
    let answer = answer_of(body, "youtube#channelListResponse")?;
    let first = match answer.get("items") {
        // The API leaves the member out if it has found no channel.
        None => None,
        Some(Value::Array(items)) => items.first(),
        Some(_) => return Err(unreadable("channels that are not a list")),
    };
    let Some(channel) = first else {
        return Ok(None);
    };
    if channel_id.is_some_and(|id| json::text(channel, "id").as_deref() != Some(id)) {
        return Err(unreadable("a channel that was not asked for"));
    }
    let uploads = channel.pointer("/contentDetails/relatedPlaylists/uploads");
    let uploads = uploads.and_then(Value::as_str).filter(|id| ListLink::playlist(id).is_ok());
    let uploads = uploads.ok_or_else(|| unreadable("a channel without a playlist"))?;
    Ok(Some(uploads.to_owned()))
}

/// Returns whether an unsuccessful answer is about the list alone, by the API's stable reasons
/// (developers.google.com/youtube/v3/docs/errors).
pub(super) fn no_list(body: &[u8]) -> Option<NoList> {
    let answer: Value = body::whole(body).unwrap_or_default();
    answer::reasons(&answer).into_iter().find_map(|reason| match reason {
        "playlistNotFound" | "channelNotFound" => Some(NoList::NotFound),
        "playlistItemsNotAccessible"
        | "playlistForbidden"
        | "playlistOperationUnsupported"
        | "watchHistoryNotAccessible"
        | "watchLaterNotAccessible"
        | "channelClosed"
        | "channelForbidden"
        | "channelSuspended" => Some(NoList::Closed),
        _ => None,
    })
}

fn answer_of(body: &[u8], kind: &str) -> Result<Value, ExtractError> {
    let answer: Value = body::whole(body).ok_or_else(|| unreadable("the answer is not JSON"))?;
    let is_list = json::text(&answer, "kind").as_deref() == Some(kind);
    is_list.then_some(answer).ok_or_else(|| unreadable("the answer is of another kind"))
}

fn video_id(item: &Value) -> Result<VideoId, ExtractError> {
    let id = item.pointer("/contentDetails/videoId").and_then(Value::as_str);
    let id = id.and_then(|id| VideoId::parse(id).ok());
    id.ok_or_else(|| unreadable("an item that is not a video"))
}

fn unreadable(what: &str) -> ExtractError {
    ExtractError::Unreadable(format!("Data API: {what}"))
}

#[cfg(test)]
mod tests {
    use linkrelay_fake_youtube::pages::{data_api, lists};
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const CHANNEL: &str = "UC0123456789012345678901";

    fn valid_page() -> Value {
        data_api::playlist_items(&lists::video_ids("PL-3", 3), 120, Some("token"))
    }

    fn valid_channel() -> Value {
        data_api::channels(Some((CHANNEL, "UU0123456789012345678901")))
    }

    fn bytes(value: &Value) -> Vec<u8> {
        value.to_string().into_bytes()
    }

    /// `valid` with another value at this JSON pointer; `null` removes it.
    fn changed(valid: &Value, pointer: &str, value: &Value) -> Vec<u8> {
        let mut changed = valid.clone();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        let parent = changed.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        if value.is_null() {
            parent.remove(key).unwrap();
        } else {
            parent.insert(key.to_owned(), value.clone());
        }
        bytes(&changed)
    }

    #[test]
    fn a_complete_page_is_read_in_its_order() {
        let whole = page(&bytes(&valid_page())).unwrap();
        let ids: Vec<&str> = whole.video_ids.iter().map(VideoId::as_str).collect();
        assert_eq!(ids, lists::video_ids("PL-3", 3));
        assert_eq!(whole.next_token.as_deref(), Some("token"));
        let last = changed(&valid_page(), "/nextPageToken", &Value::Null);
        assert_eq!(page(&last).unwrap(), PlaylistPage { next_token: None, ..whole });
        let empty = bytes(&data_api::playlist_items(&[], 0, None));
        assert_eq!(page(&empty).unwrap(), PlaylistPage { video_ids: Vec::new(), next_token: None });
    }

    #[test]
    fn a_page_that_is_not_complete_is_unreadable() {
        for (pointer, value) in [
            ("/kind", json!(null)),
            ("/kind", json!("youtube#videoListResponse")),
            ("/items", json!(null)),
            ("/items", json!({})),
            ("/items/1/contentDetails", json!(null)),
            ("/items/1/contentDetails/videoId", json!(null)),
            ("/items/1/contentDetails/videoId", json!("")),
            ("/items/1/contentDetails/videoId", json!("short")),
            ("/items/1/contentDetails/videoId", json!(12_345_678_901_u64)),
            ("/nextPageToken", json!("")),
            ("/nextPageToken", json!(2)),
            ("/nextPageToken", json!("t".repeat(MAX_TOKEN_BYTES + 1))),
        ] {
            let error = page(&changed(&valid_page(), pointer, &value)).unwrap_err();
            assert_eq!(error.code(), "unreadable", "{pointer} {value}");
        }
    }

    #[test]
    fn the_videos_of_a_channel_are_a_playlist() {
        let body = bytes(&valid_channel());
        let found = Some("UU0123456789012345678901".to_owned());
        assert_eq!(uploads(&body, Some(CHANNEL)).unwrap(), found);
        assert_eq!(uploads(&body, None).unwrap(), found);
        assert_eq!(uploads(&body, Some("UCx")).unwrap_err().code(), "unreadable");
        let without = changed(&valid_channel(), "/items", &json!([]));
        for none in [bytes(&data_api::channels(None)), without] {
            assert_eq!(uploads(&none, Some(CHANNEL)).unwrap(), None);
        }
    }

    #[test]
    fn a_channel_that_is_not_complete_is_unreadable() {
        let at = "/items/0/contentDetails/relatedPlaylists/uploads";
        for (pointer, value) in [
            ("/kind", json!(null)),
            ("/items", json!({})),
            ("/items", json!([null])),
            ("/items/0/id", json!(null)),
            ("/items/0/contentDetails", json!(null)),
            (at, json!(null)),
            (at, json!("")),
            (at, json!("UU/../secret")),
            (at, json!(5)),
        ] {
            let error = uploads(&changed(&valid_channel(), pointer, &value), Some(CHANNEL));
            assert_eq!(error.unwrap_err().code(), "unreadable", "{pointer} {value}");
        }
    }

    #[test]
    fn an_error_about_the_list_is_distinguished_from_one_about_the_key() {
        let error = |reason: &str| bytes(&json!({"error": {"errors": [{"reason": reason}]}}));
        for (body, expected) in [
            (error("playlistNotFound"), Some(NoList::NotFound)),
            (error("channelNotFound"), Some(NoList::NotFound)),
            (error("playlistItemsNotAccessible"), Some(NoList::Closed)),
            (error("channelClosed"), Some(NoList::Closed)),
            (error("quotaExceeded"), None),
            (error("accessNotConfigured"), None),
            (error("forbidden"), None),
            (b"<html>playlistNotFound".to_vec(), None),
            (Vec::new(), None),
        ] {
            assert_eq!(no_list(&body), expected, "{}", String::from_utf8_lossy(&body));
        }
    }

    #[test]
    fn an_answer_truncated_at_any_byte_is_unreadable() {
        for body in [bytes(&valid_page()), bytes(&valid_channel())] {
            for end in 0..body.len() {
                assert_eq!(page(&body[..end]).unwrap_err().code(), "unreadable", "{end}");
                assert_eq!(uploads(&body[..end], None).unwrap_err().code(), "unreadable", "{end}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(body: Vec<u8>) {
            prop_assert!(page(&body).is_err() && uploads(&body, None).is_err());
            prop_assert_eq!(no_list(&body), None);
        }

        #[test]
        fn mangled_bytes_never_make_a_shorter_list(
            changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        ) {
            let mut body = bytes(&valid_page());
            for (index, byte) in changes {
                let at = index.index(body.len());
                body[at] = byte;
            }
            if let Ok(page) = page(&body) {
                prop_assert_eq!(page.video_ids.len(), 3);
            }
        }

        #[test]
        fn members_of_another_type_never_make_a_shorter_list(
            pointer in prop::sample::select(vec![
                "/kind", "/nextPageToken", "/items/0/contentDetails", "/items/1/contentDetails",
                "/items/2/contentDetails/videoId", "/pageInfo", "/items/0/kind",
            ]),
            value in prop_oneof![
                any::<bool>().prop_map(Value::from), any::<i64>().prop_map(Value::from),
                "\\PC{0,12}".prop_map(Value::from), Just(json!([])), Just(json!({})),
            ],
        ) {
            if let Ok(page) = page(&changed(&valid_page(), pointer, &value)) {
                prop_assert_eq!((page.video_ids.len(), page.next_token.is_some()), (3, true));
            }
        }
    }
}
