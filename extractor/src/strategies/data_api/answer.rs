//! Reads the answers of `videos.list`: items into videos, and errors into their meaning.

use std::collections::HashMap;

use jiff::{Span, SpanRelativeTo, Unit};
use linkrelay_common::VideoId;
use linkrelay_common::video::{Author, Availability, Thumbnail, Video};
use serde_json::Value;

use super::categories;
use crate::body;
use crate::error::{ExtractError, Refusal};
use crate::page::{self, json};
use crate::strategies::untitled;

/// The meaning of an answer that is not a success.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ApiProblem {
    /// The daily quota is used up.
    Quota,
    /// There were too many calls in a short time.
    Rate,
    /// The key is wrong, or may not be used for this; with the API's own reason.
    Key(String),
    /// The API failed for another reason.
    Status,
}

/// Reads an answer for each of these ids: a video that is missing is private or deleted.
///
/// # Errors
/// Unreadable if the answer is not complete; then no part of it is used.
pub(super) fn videos(
    body: &[u8],
    video_ids: &[VideoId],
) -> Result<HashMap<VideoId, Result<Video, ExtractError>>, ExtractError> {
    let unreadable = |what: &str| ExtractError::Unreadable(format!("Data API: {what}"));
    let answer: Value = body::whole(body).ok_or_else(|| unreadable("the answer is not JSON"))?;
    let items = answer.get("items").and_then(Value::as_array);
    let is_list = json::text(&answer, "kind").as_deref() == Some("youtube#videoListResponse");
    let items = items.filter(|_| is_list).ok_or_else(|| unreadable("no list of videos"))?;
    let mut by_id = HashMap::new();
    for item in items {
        let id = item.get("id").and_then(Value::as_str).and_then(|id| VideoId::parse(id).ok());
        // An item without an id may be any of the videos, so none may count as missing.
        by_id.insert(id.ok_or_else(|| unreadable("an item has no id"))?, item);
    }
    if by_id.keys().any(|id| !video_ids.contains(id)) {
        return Err(unreadable("an item that was not asked for"));
    }
    let answer = |id: &VideoId| by_id.get(id).map_or_else(missing, |item| video(item));
    Ok(video_ids.iter().map(|id| (*id, answer(id))).collect())
}

fn missing() -> Result<Video, ExtractError> {
    Err(ExtractError::Refused(Refusal::Unavailable))
}

fn video(item: &Value) -> Result<Video, ExtractError> {
    let part = |name: &str| item.get(name).unwrap_or(&Value::Null);
    let (snippet, details, statistics) =
        (part("snippet"), part("contentDetails"), part("statistics"));
    let title = snippet.get("title").and_then(Value::as_str);
    let title = title
        .ok_or_else(|| ExtractError::Unreadable("Data API: an item has no title".to_owned()))?;
    // `none`, `live` or `upcoming`; absent if it is hidden.
    let broadcast = json::text(snippet, "liveBroadcastContent");
    let is = |state: &str| broadcast.as_deref().map(|broadcast| broadcast == state);
    let is_running = is("live") == Some(true) || is("upcoming") == Some(true);
    Ok(Video {
        title: title.to_owned(),
        description: json::text(snippet, "description"),
        author: author(snippet),
        length_seconds: length_seconds(details).filter(|_| !is_running),
        view_count: json::count(statistics, "viewCount"),
        like_count: json::count(statistics, "likeCount"),
        publish_date: json::text(snippet, "publishedAt").and_then(|text| page::instant(&text)),
        category: json::text(snippet, "categoryId")
            .and_then(|id| categories::name(&id))
            .map(str::to_owned),
        keywords: json::texts(snippet, "tags"),
        thumbnails: thumbnails(snippet),
        availability: availability(details, is("upcoming") == Some(true)),
        is_live: is("live"),
        is_upcoming: is("upcoming"),
        ..untitled()
    })
}

fn author(snippet: &Value) -> Author {
    let channel_id = json::text(snippet, "channelId");
    Author {
        name: json::text(snippet, "channelTitle"),
        url: channel_id.as_ref().map(|id| format!("https://www.youtube.com/channel/{id}")),
        channel_id,
        ..Author::default()
    }
}

/// Reads `PT1H2M3S`, which has days for the longest videos, and is `P0D` for a broadcast.
fn length_seconds(details: &Value) -> Option<u64> {
    let span: Span = json::text(details, "duration")?.parse().ok()?;
    let seconds = span.total((Unit::Second, SpanRelativeTo::days_are_24_hours())).ok()?;
    // Whole seconds, and always few enough for a double to represent them exactly.
    (seconds >= 1.0).then_some(seconds as u64)
}

/// Returns the thumbnails, the smallest first, as in a page.
fn thumbnails(snippet: &Value) -> Option<Vec<Thumbnail>> {
    let sizes = snippet.get("thumbnails")?.as_object()?;
    let mut thumbnails: Vec<Thumbnail> = sizes.values().filter_map(json::thumbnail).collect();
    thumbnails.sort_by_key(|thumbnail| thumbnail.width);
    (!thumbnails.is_empty()).then_some(thumbnails)
}

/// Reads what the API has about it; the API does not say whether a video can be played.
fn availability(details: &Value, is_upcoming: bool) -> Option<Availability> {
    let rating = details.pointer("/contentRating/ytRating").and_then(Value::as_str);
    if is_upcoming {
        Some(Availability::Upcoming)
    } else {
        (rating == Some("ytAgeRestricted")).then_some(Availability::AgeRestricted)
    }
}

/// Reads what an error means from the API's stable reasons; its messages are for people to read.
pub(super) fn problem(status: u16, body: &[u8]) -> ApiProblem {
    let answer: Value = body::whole(body).unwrap_or_default();
    let reasons = reasons(&answer);
    let has = |known: &[&str]| reasons.iter().any(|reason| known.contains(reason));
    // The daily quota is checked first: newer errors call it a rate limit as well.
    if has(&["quotaExceeded", "dailyLimitExceeded"]) {
        ApiProblem::Quota
    } else if status == 429
        || has(&["rateLimitExceeded", "userRateLimitExceeded", "RATE_LIMIT_EXCEEDED"])
    {
        ApiProblem::Rate
    } else if has(&["keyInvalid", "keyExpired", "API_KEY_INVALID"]) || matches!(status, 401 | 403) {
        let reason = reasons.first().copied().unwrap_or("unknown");
        ApiProblem::Key(reason.chars().filter(char::is_ascii_graphic).take(60).collect())
    } else {
        ApiProblem::Status
    }
}

/// Returns the reasons of an error, the most precise first; the API sends it last.
pub(super) fn reasons(answer: &Value) -> Vec<&str> {
    let list = |path| answer.pointer(path).and_then(Value::as_array).into_iter().flatten();
    let all = list("/error/details").chain(list("/error/errors"));
    all.filter_map(|error| error.get("reason")?.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ID: &str = "5fR9AHlSDtc";

    fn asked() -> [VideoId; 2] {
        [VideoId::parse(ID).unwrap(), VideoId::parse("AAAAAAAAAAA").unwrap()]
    }

    fn list(items: &Value) -> Vec<u8> {
        json!({"kind": "youtube#videoListResponse", "items": items}).to_string().into_bytes()
    }

    #[test]
    fn an_item_is_read_and_a_missing_one_is_unavailable() {
        let body = list(&json!([{
            "id": ID,
            "snippet": {
                "title": "A title", "channelId": "UC1", "channelTitle": "Somebody",
                "publishedAt": "2018-08-02T13:00:08Z", "categoryId": "10", "tags": ["a"],
                "liveBroadcastContent": "none",
                "thumbnails": {
                    "high": {"url": "https://i.ytimg.com/h.jpg", "width": 480, "height": 360},
                    "default": {"url": "https://i.ytimg.com/d.jpg", "width": 120, "height": 90},
                },
            },
            "contentDetails": {"duration": "PT5M16S", "contentRating": {}},
            "statistics": {"viewCount": "2001156445", "likeCount": "43864"},
        }]));
        let mut answers = videos(&body, &asked()).unwrap();
        let video = answers.remove(&asked()[0]).unwrap().unwrap();
        assert_eq!(video.title, "A title");
        assert_eq!((video.length_seconds, video.like_count), (Some(316), Some(43_864)));
        assert_eq!(video.category.as_deref(), Some("Music"));
        assert_eq!(video.thumbnails.unwrap()[0].width, Some(120));
        assert_eq!((video.is_live, video.availability), (Some(false), None));
        assert_eq!(answers.remove(&asked()[1]).unwrap().unwrap_err().code(), "unavailable");
    }

    #[test]
    fn nothing_counts_as_missing_in_an_answer_that_is_not_complete() {
        for body in [
            b"{}".to_vec(),
            b"".to_vec(),
            b"{\"items\":[]}".to_vec(),
            list(&json!(null)),
            list(&json!([{"snippet": {"title": "whose?"}}])),
            list(&json!([{"id": 5}])),
            list(&json!([{"id": "BBBBBBBBBBB", "snippet": {"title": "another"}}])),
        ] {
            let error = videos(&body, &asked()).unwrap_err();
            assert_eq!(error.code(), "unreadable", "{}", String::from_utf8_lossy(&body));
        }
        assert_eq!(videos(&list(&json!([])), &asked()).unwrap().len(), 2);
    }

    #[test]
    fn durations_are_read_up_to_days() {
        for (text, seconds) in [
            ("PT5M16S", Some(316)),
            ("PT1S", Some(1)),
            ("PT11H54M55S", Some(42_895)),
            ("P1DT2H", Some(93_600)),
            ("P1W", Some(604_800)),
            ("P0D", None),
            ("PT0S", None),
            ("-PT5S", None),
            ("five minutes", None),
        ] {
            assert_eq!(length_seconds(&json!({"duration": text})), seconds, "{text}");
        }
    }

    #[test]
    fn each_error_means_what_its_reason_says() {
        let error = |reason: &str| json!({"error": {"errors": [{"reason": reason}]}}).to_string();
        let detailed = json!({"error": {
            "errors": [{"reason": "badRequest"}], "details": [{"reason": "API_KEY_INVALID"}],
        }});
        let key = |reason: &str| ApiProblem::Key(reason.to_owned());
        for (status, body, expected) in [
            (403, error("quotaExceeded"), ApiProblem::Quota),
            (429, error("quotaExceeded"), ApiProblem::Quota),
            (403, error("rateLimitExceeded"), ApiProblem::Rate),
            (429, String::new(), ApiProblem::Rate),
            (400, error("keyInvalid"), key("keyInvalid")),
            (400, detailed.to_string(), key("API_KEY_INVALID")),
            (403, error("accessNotConfigured"), key("accessNotConfigured")),
            (403, "<html>".to_owned(), key("unknown")),
            (400, error("badRequest"), ApiProblem::Status),
            (503, error("backendError"), ApiProblem::Status),
        ] {
            assert_eq!(problem(status, body.as_bytes()), expected, "{status} {body}");
        }
    }
}
