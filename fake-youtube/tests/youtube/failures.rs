use std::error::Error;
use std::time::Duration;

use linkrelay_fake_youtube::pages::{expected, other_id};
use linkrelay_fake_youtube::{Failure, Route};
use serde_json::Value;

use crate::helpers::{ID, TestYouTube, client_builder, json, until};

async fn failing_with(failure: Failure) -> TestYouTube {
    TestYouTube::start_with(|settings| {
        settings.failures.insert(ID.to_owned(), failure);
    })
    .await
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
async fn a_refusal_stands_in_the_page_and_in_the_player_response_alike() {
    for (failure, status, has_metadata) in [
        (Failure::Private, "LOGIN_REQUIRED", false),
        (Failure::Deleted, "ERROR", false),
        (Failure::BotCheck, "LOGIN_REQUIRED", false),
        (Failure::MembersOnly, "UNPLAYABLE", true),
        (Failure::AgeRestricted, "LOGIN_REQUIRED", true),
        (Failure::GeoBlocked, "UNPLAYABLE", true),
        (Failure::PaymentRequired, "UNPLAYABLE", true),
        (Failure::Upcoming, "LIVE_STREAM_OFFLINE", true),
        (Failure::Live, "OK", true),
    ] {
        let youtube = failing_with(failure).await;
        for response in [youtube.watch_json(ID).await, json(youtube.player(ID, "WEB").await).await]
        {
            assert_eq!(response["playabilityStatus"]["status"], status, "{failure}");
            let title = if has_metadata { Value::from(expected(ID).title) } else { Value::Null };
            assert_eq!(response["videoDetails"]["title"], title, "{failure}");
            assert_eq!(response["microformat"].is_object(), has_metadata, "{failure}");
        }
        assert_eq!(youtube.fake.hits().failure(failure), 2);
    }
}

#[tokio::test]
async fn refusals_of_one_status_are_told_apart_without_reading_words() {
    let status = async |failure| {
        failing_with(failure).await.watch_json(ID).await["playabilityStatus"].clone()
    };
    let private = status(Failure::Private).await;
    assert!(private["messages"].is_array() && private["desktopLegacyAgeGateReason"].is_null());
    let bot_check = status(Failure::BotCheck).await;
    assert!(bot_check["messages"].is_null() && bot_check["desktopLegacyAgeGateReason"].is_null());
    let age_restricted = status(Failure::AgeRestricted).await;
    assert_eq!(age_restricted["desktopLegacyAgeGateReason"], 1);
    let offer = |status: &Value| {
        status["errorScreen"]["playerLegacyDesktopYpcOfferRenderer"]["offerId"].clone()
    };
    assert_eq!(offer(&status(Failure::MembersOnly).await), "sponsors_only_video");
    assert!(offer(&status(Failure::PaymentRequired).await).as_str().unwrap().starts_with(ID));
    assert_eq!(offer(&status(Failure::GeoBlocked).await), Value::Null);
}

#[tokio::test]
async fn a_broadcast_has_no_length_and_says_when_it_is() {
    let live = failing_with(Failure::Live).await.watch_json(ID).await;
    assert_eq!(
        (&live["videoDetails"]["isLive"], &live["videoDetails"]["lengthSeconds"]),
        (&true.into(), &"0".into())
    );
    let upcoming = failing_with(Failure::Upcoming).await.watch_json(ID).await;
    assert_eq!(upcoming["videoDetails"]["isUpcoming"], true);
    let details = &upcoming["microformat"]["playerMicroformatRenderer"]["liveBroadcastDetails"];
    assert_eq!(
        (&details["isLiveNow"], &details["startTimestamp"]),
        (&false.into(), &"2100-01-01T12:00:00+00:00".into())
    );
}

#[tokio::test]
async fn oembed_refuses_by_status_alone() {
    for (failure, status) in
        [(Failure::Private, 401), (Failure::Deleted, 404), (Failure::AgeRestricted, 200)]
    {
        assert_eq!(failing_with(failure).await.oembed(ID).await.status(), status, "{failure}");
    }
}

#[tokio::test]
async fn a_status_is_the_same_on_every_route() {
    for (failure, status) in [
        (Failure::NotFound, 404),
        (Failure::ServerError, 503),
        (Failure::Throttled { retry_after: None }, 429),
    ] {
        let youtube = failing_with(failure).await;
        for response in
            [youtube.watch(ID).await, youtube.player(ID, "WEB").await, youtube.oembed(ID).await]
        {
            assert_eq!(response.status(), status, "{failure}");
            assert_eq!(response.headers().get("retry-after"), None);
        }
        assert_eq!(youtube.watch("aaaaaaaaaaa").await.status(), 200, "others are not touched");
    }
}

#[tokio::test]
async fn throttling_says_when_to_come_back() {
    let youtube =
        failing_with(Failure::Throttled { retry_after: Some(Duration::from_millis(2_100)) }).await;
    let response = youtube.watch(ID).await;
    assert_eq!(
        (response.status().as_u16(), &response.headers()["retry-after"]),
        (429, &"3".parse().unwrap())
    );
}

#[tokio::test]
async fn throttling_by_count_asks_the_next_one_to_wait() {
    let youtube = TestYouTube::start_with(|settings| {
        settings.throttle_every = Some(2);
    })
    .await;
    let mut statuses = Vec::new();
    for _ in 0..6 {
        statuses.push(youtube.watch(ID).await.status().as_u16());
    }
    assert_eq!(statuses, [200, 200, 429, 200, 200, 429]);
}

#[tokio::test]
async fn a_hanging_request_is_taken_and_never_answered() {
    let youtube = failing_with(Failure::Hang).await;
    let (client, url) =
        (youtube.client.clone(), format!("{}/watch?v={ID}", youtube.fake.base_url()));
    let hanging = tokio::spawn(async move { client.get(url).send().await });
    until("the request is in flight", || youtube.fake.hits().in_flight == 1).await;
    assert_eq!(youtube.watch("aaaaaaaaaaa").await.status(), 200, "others go on");
    assert!(!hanging.is_finished());
    hanging.abort();
    until("the fake has seen that nobody waits", || youtube.fake.hits().in_flight == 0).await;
}

#[tokio::test]
async fn a_reset_comes_in_the_middle_of_the_answer() {
    let youtube = failing_with(Failure::Reset).await;
    let failed = match youtube.try_get(&format!("/watch?v={ID}")).await {
        Ok(response) => response.bytes().await.unwrap_err(),
        Err(error) => error,
    };
    assert!(root(&failed).contains("reset"), "{failed:?}");
    assert_eq!(
        youtube.watch("aaaaaaaaaaa").await.status(),
        200,
        "the next connection is a good one"
    );
}

#[tokio::test]
async fn a_body_is_cut_off_after_half_of_what_was_declared() {
    // More than any buffer on the way holds at once.
    let youtube = TestYouTube::start_with(|settings| {
        settings.failures.insert(ID.to_owned(), Failure::CutOffBody);
        settings.page_bytes = 300_000;
    })
    .await;
    let mut response = youtube.watch(ID).await;
    assert_eq!((response.status().as_u16(), response.content_length()), (200, Some(300_000)));
    let mut received_bytes = 0;
    let failed = loop {
        match response.chunk().await {
            Ok(chunk) => received_bytes += chunk.expect("it does not end in order").len(),
            Err(error) => break error,
        }
    };
    assert_eq!(received_bytes, 150_000);
    assert!(!root(&failed).contains("reset"), "{failed:?}");
}

#[tokio::test]
async fn http2_ends_only_the_request_that_breaks_off() {
    let youtube = TestYouTube::start_with(|settings| {
        settings.http2 = true;
        settings.failures.insert(ID.to_owned(), Failure::Reset);
    })
    .await;
    let failed = youtube.watch(ID).await.bytes().await.unwrap_err();
    assert!(failed.is_body() || failed.is_decode(), "{failed:?}");
    assert_eq!(youtube.watch("aaaaaaaaaaa").await.status(), 200);
}

#[tokio::test]
async fn redirects_lead_to_the_pages_that_stand_in_the_way() {
    for (failure, host, status, route) in [
        (Failure::ConsentRedirect, "consent.youtube.com", 200, Route::Consent),
        (Failure::SorryRedirect, "www.google.com", 429, Route::Sorry),
    ] {
        let youtube = failing_with(failure).await;
        let response = youtube.watch(ID).await;
        assert_eq!(response.status(), 302, "{failure}");
        let location = response.headers()["location"].to_str().unwrap().to_owned();
        assert!(location.starts_with(&format!("https://{host}/")), "{location}");
        let client =
            client_builder(&youtube.fake).resolve(host, youtube.fake.addr()).build().unwrap();
        let landed = client.get(location).send().await.unwrap();
        assert_eq!(landed.status(), status);
        assert!(
            landed.text().await.unwrap().contains(&format!("https://www.youtube.com/watch?v={ID}"))
        );
        assert_eq!(youtube.fake.hits().route(route), 1);
    }
}

#[tokio::test]
async fn redirects_are_for_pages_and_not_for_programs() {
    let consent = failing_with(Failure::ConsentRedirect).await;
    assert_eq!(consent.player(ID, "WEB").await.status(), 200);
    let sorry = failing_with(Failure::SorryRedirect).await;
    assert_eq!(sorry.oembed(ID).await.status(), 429);
}

#[tokio::test]
async fn the_wrong_video_is_a_whole_answer_about_another_one() {
    let youtube = failing_with(Failure::WrongVideo).await;
    let other = expected(&other_id(ID));
    let response = youtube.watch_json(ID).await;
    assert_eq!(
        (&response["videoDetails"]["videoId"], &response["videoDetails"]["title"]),
        (&other.video_id.into(), &other.title.clone().into())
    );
    assert_eq!(json(youtube.oembed(ID).await).await["title"], other.title);
}

#[tokio::test]
async fn an_empty_answer_is_a_success_without_a_body() {
    let response = failing_with(Failure::EmptyAnswer).await.watch(ID).await;
    assert_eq!((response.status().as_u16(), response.content_length()), (200, Some(0)));
}

#[tokio::test]
async fn garbage_breaks_off_inside_of_the_json() {
    let youtube = failing_with(Failure::Garbage).await;
    let page = youtube.watch(ID).await.text().await.unwrap();
    let (_, broken) =
        page.split_once("var ytInitialPlayerResponse = ").expect("it gets as far as that");
    let error = serde_json::from_str::<Value>(broken).unwrap_err();
    assert!(error.is_eof(), "{error}");
    let broken = youtube.player(ID, "WEB").await.text().await.unwrap();
    assert!(serde_json::from_str::<Value>(&broken).unwrap_err().is_eof());
}

#[tokio::test]
async fn no_failure_hurts_the_next_request() {
    for http2 in [false, true] {
        let youtube = TestYouTube::start_with(|settings| settings.http2 = http2).await;
        for failure in Failure::ALL.into_iter().filter(|failure| *failure != Failure::Hang) {
            youtube.fake.set_failure(ID, Some(failure));
            for path in ["/watch?v=", "/watch?pbj=1&v=", "/oembed?url=https://youtu.be/"] {
                if let Ok(response) = youtube.try_get(&format!("{path}{ID}")).await {
                    drop(response.bytes().await);
                }
                assert_eq!(youtube.watch("aaaaaaaaaaa").await.status(), 200, "{failure} at {path}");
            }
        }
        assert_eq!(youtube.fake.hits().video("aaaaaaaaaaa"), 3 * 19);
    }
}
