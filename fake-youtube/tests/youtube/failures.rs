use std::error::Error;
use std::time::Duration;

use linkrelay_fake_youtube::Failure;
use linkrelay_fake_youtube::pages::{expected, other_id};
use serde_json::{Value, json};

use crate::helpers::{self, ID, TestYouTube, until};

async fn failing_with(failure: Failure) -> TestYouTube {
    let youtube = TestYouTube::start().await;
    youtube.fake.set_failure(ID, Some(failure));
    youtube
}

/// The innermost reason of a failed request.
fn root(error: &reqwest::Error) -> String {
    let mut reason: &dyn Error = error;
    while let Some(source) = reason.source() {
        reason = source;
    }
    reason.to_string()
}

#[tokio::test]
async fn a_failure_has_its_status_on_each_route() {
    let youtube = TestYouTube::start().await;
    for (failure, watch, player, oembed) in [
        (Failure::NotFound, 404, 404, 404),
        (Failure::ServerError, 503, 503, 503),
        (Failure::Throttled { retry_after: None }, 429, 429, 429),
        (Failure::Private, 200, 200, 401),
        (Failure::Deleted, 200, 200, 404),
        (Failure::AgeRestricted, 200, 200, 200),
        (Failure::EmptyAnswer, 200, 200, 200),
        (Failure::ConsentRedirect, 302, 200, 200),
        (Failure::SorryRedirect, 302, 429, 429),
    ] {
        youtube.fake.set_failure(ID, Some(failure));
        for (response, status) in [
            (youtube.watch(ID).await, watch),
            (youtube.player(ID, "WEB").await, player),
            (youtube.oembed(ID).await, oembed),
        ] {
            assert_eq!(response.status(), status, "{failure:?} at {}", response.url());
            assert_eq!(response.headers().get("retry-after"), None);
            let is_empty = response.content_length() == Some(0);
            assert_eq!(is_empty, failure == Failure::EmptyAnswer, "{failure:?}");
        }
    }
}

#[tokio::test]
async fn a_refusal_is_the_same_in_the_page_and_in_the_player_response() {
    let youtube = TestYouTube::start().await;
    for (failure, status, has_metadata, offer) in [
        (Failure::Private, "LOGIN_REQUIRED", false, None),
        (Failure::Deleted, "ERROR", false, None),
        (Failure::BotCheck, "LOGIN_REQUIRED", false, None),
        (Failure::MembersOnly, "UNPLAYABLE", true, Some("sponsors_only_video")),
        (Failure::PaymentRequired, "UNPLAYABLE", true, Some("dQw4w9WgXcQ.V.1488990059195414")),
        (Failure::AgeRestricted, "LOGIN_REQUIRED", true, None),
        (Failure::GeoBlocked, "UNPLAYABLE", true, None),
        (Failure::Upcoming, "LIVE_STREAM_OFFLINE", true, None),
        (Failure::Live, "OK", true, None),
    ] {
        youtube.fake.set_failure(ID, Some(failure));
        let response = helpers::json(youtube.player(ID, "WEB").await).await;
        assert_eq!(youtube.watch_json(ID).await, response, "{failure:?}");
        let title = has_metadata.then(|| expected(ID).title);
        assert_eq!(response["videoDetails"]["title"], json!(title), "{failure:?}");
        assert_eq!(response["microformat"].is_object(), has_metadata, "{failure:?}");
        // These tell apart the refusals of one status, without a text for users.
        let found = &response["playabilityStatus"];
        assert_eq!(found["status"], status, "{failure:?}");
        assert_eq!(found["messages"].is_array(), failure == Failure::Private);
        let is_for_adults = found["desktopLegacyAgeGateReason"] == 1;
        assert_eq!(is_for_adults, failure == Failure::AgeRestricted);
        let found = &found["errorScreen"]["playerLegacyDesktopYpcOfferRenderer"]["offerId"];
        assert_eq!(*found, json!(offer), "{failure:?}");
    }
}

#[tokio::test]
async fn a_broadcast_has_no_length_and_says_when_it_is() {
    let broadcast = "/microformat/playerMicroformatRenderer/liveBroadcastDetails";
    for (failure, flag, is_live, start) in [
        (
            Failure::Live,
            "isLive",
            true,
            expected(ID).published_at.strftime("%FT%T+00:00").to_string(),
        ),
        (Failure::Upcoming, "isUpcoming", false, "2100-01-01T12:00:00+00:00".to_owned()),
    ] {
        let response = failing_with(failure).await.watch_json(ID).await;
        let details = &response["videoDetails"];
        assert_eq!((&details[flag], &details["lengthSeconds"]), (&json!(true), &json!("0")));
        let details = response.pointer(broadcast).unwrap();
        assert_eq!(*details, json!({"isLiveNow": is_live, "startTimestamp": start}));
    }
}

#[tokio::test]
async fn throttling_says_when_to_come_back() {
    let wait = Some(Duration::from_millis(2_100));
    let response = failing_with(Failure::Throttled { retry_after: wait }).await.watch(ID).await;
    assert_eq!((response.status().as_u16(), &response.headers()["retry-after"]), (429, &3.into()));
}

#[tokio::test]
async fn a_hanging_request_is_read_and_never_answered() {
    let youtube = failing_with(Failure::Hang).await;
    let hanging = youtube.start_watch(ID).await;
    assert_eq!(youtube.watch("aaaaaaaaaaa").await.status(), 200, "other requests are answered");
    assert!(!hanging.is_finished());
    hanging.abort();
    until("the fake sees the closed request", || youtube.fake.hits().in_flight == 0).await;
}

#[tokio::test]
async fn a_reset_comes_in_the_middle_of_the_answer() {
    let youtube = failing_with(Failure::Reset).await;
    let failed = match youtube.try_get(&format!("/watch?v={ID}")).await {
        Ok(response) => response.bytes().await.unwrap_err(),
        Err(error) => error,
    };
    assert!(root(&failed).contains("reset"), "{failed:?}");
}

#[tokio::test]
async fn a_body_is_cut_off_after_half_of_what_was_declared() {
    // More than any buffer holds.
    let youtube = TestYouTube::start_with(|settings| settings.page_bytes = 300_000).await;
    youtube.fake.set_failure(ID, Some(Failure::CutOffBody));
    let mut response = youtube.watch(ID).await;
    assert_eq!((response.status().as_u16(), response.content_length()), (200, Some(300_000)));
    let mut received_bytes = 0;
    let failed = loop {
        match response.chunk().await {
            Ok(chunk) => received_bytes += chunk.expect("the body is not complete").len(),
            Err(error) => break error,
        }
    };
    assert_eq!(received_bytes, 150_000);
    assert!(!root(&failed).contains("reset"), "{failed:?}");
}

#[tokio::test]
async fn over_http2_a_reset_ends_only_its_request() {
    let youtube = TestYouTube::start_with(|settings| settings.http2 = true).await;
    youtube.fake.set_failure(ID, Some(Failure::Reset));
    let failed = youtube.watch(ID).await.bytes().await.unwrap_err();
    assert!(failed.is_body() || failed.is_decode(), "{failed:?}");
    assert_eq!(youtube.watch("aaaaaaaaaaa").await.status(), 200);
}

#[tokio::test]
async fn a_redirect_names_the_page_to_continue_with() {
    for (failure, start) in [
        (Failure::ConsentRedirect, "https://consent.youtube.com/m?"),
        (Failure::SorryRedirect, "https://www.google.com/sorry/index?"),
    ] {
        let response = failing_with(failure).await.watch(ID).await;
        let location = response.headers()["location"].to_str().unwrap();
        assert!(location.starts_with(start), "{location}");
        let page = "&continue=https%3A%2F%2Fwww.youtube.com%2Fwatch%3Fv%3DdQw4w9WgXcQ";
        assert!(location.ends_with(page), "{location}");
    }
}

#[tokio::test]
async fn the_wrong_video_is_a_complete_answer_about_another_one() {
    let youtube = failing_with(Failure::WrongVideo).await;
    let other = expected(&other_id(ID));
    let details = &youtube.watch_json(ID).await["videoDetails"];
    assert_eq!(
        (&details["videoId"], &details["title"]),
        (&json!(other.video_id), &json!(other.title))
    );
    assert_eq!(helpers::json(youtube.oembed(ID).await).await["title"], other.title);
}

#[tokio::test]
async fn garbage_breaks_off_within_the_json() {
    let youtube = failing_with(Failure::Garbage).await;
    let page = youtube.watch(ID).await.text().await.unwrap();
    let (_, in_page) = page.split_once("var ytInitialPlayerResponse = ").unwrap();
    let player = youtube.player(ID, "WEB").await.text().await.unwrap();
    for broken in [in_page, &player] {
        let error = serde_json::from_str::<Value>(broken).unwrap_err();
        assert!(error.is_eof(), "{error}");
    }
}

#[tokio::test]
async fn after_each_failure_the_next_request_succeeds() {
    for http2 in [false, true] {
        let youtube = TestYouTube::start_with(|settings| settings.http2 = http2).await;
        for failure in Failure::ALL.into_iter().filter(|failure| *failure != Failure::Hang) {
            youtube.fake.set_failure(ID, Some(failure));
            for path in ["/watch?v=", "/oembed?url=https://www.youtube.com/watch?v="] {
                if let Ok(response) = youtube.try_get(&format!("{path}{ID}")).await {
                    drop(response.bytes().await);
                }
                let next = youtube.watch("aaaaaaaaaaa").await.status();
                assert_eq!(next, 200, "{failure:?} at {path}");
            }
        }
        assert_eq!(youtube.fake.hits().video("aaaaaaaaaaa"), 2 * 19);
    }
}
