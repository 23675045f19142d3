//! Every strategy and the chain against every failure of the fake YouTube.

use std::time::Duration;

use linkrelay_common::video::{Availability, Video};
use linkrelay_extractor::{ExtractError, Extraction};
use linkrelay_fake_youtube::pages::{self, GeneratedVideo};
use linkrelay_fake_youtube::{Failure, FakeYouTube, FakeYouTubeSettings, Route};

use super::{ID, ask, extractor, fake, settings};

const WATCH_PAGE: &str = "watch_page";
const RUSTY_YTDL: &str = "rusty_ytdl";
const INNERTUBE: &str = "innertube";
const OEMBED: &str = "oembed";
const DATA_API: &str = "data_api";
const BOTH: &str = "watch_page,rusty_ytdl";

/// Returns an answer as one word: the video's availability, or the error's code.
fn word(answer: &Result<Extraction, ExtractError>) -> String {
    match answer {
        Ok(found) => match found.video.availability {
            Some(it) => serde_json::to_value(it).unwrap().as_str().unwrap().to_owned(),
            None => "found".to_owned(),
        },
        Err(ExtractError::Throttled { reason, .. }) => format!("throttled {reason}"),
        Err(error) => error.code().to_owned(),
    }
}

/// The strategies for which [`expected`] has an answer: each alone, and the first two in a chain.
const COLUMNS: [&str; 6] = [WATCH_PAGE, RUSTY_YTDL, BOTH, INNERTUBE, OEMBED, DATA_API];

fn expected(failure: Failure) -> [&'static str; 6] {
    const ADULTS: &str = "age_restricted";
    const DELETED: &str = "unavailable";
    const MEMBERS: &str = "members_only";
    const PAID: &str = "payment_required";
    const ROBOT: &str = "throttled bot_check";
    const SORRY: &str = "throttled sorry";
    const TOO_FAST: &str = "throttled api_rate_limit";
    const TOO_MANY: &str = "throttled status_429";
    const UNREADABLE: &str = "unreadable";
    match failure {
        Failure::NotFound => {
            ["bad_status", "bad_status", "bad_status", "bad_status", UNREADABLE, "bad_status"]
        }
        Failure::ServerError => ["bad_status"; 6],
        // The crate cannot tell these two from an age gate and a bot check.
        Failure::Private => ["private", UNREADABLE, "private", "private", UNREADABLE, DELETED],
        Failure::Deleted => [DELETED, DELETED, DELETED, DELETED, UNREADABLE, DELETED],
        // The crate finds no metadata of videos that are sold or have not begun.
        Failure::MembersOnly => [MEMBERS, UNREADABLE, MEMBERS, MEMBERS, "found", "found"],
        Failure::PaymentRequired => [PAID, UNREADABLE, PAID, PAID, "found", "found"],
        Failure::Upcoming => ["upcoming", UNREADABLE, "upcoming", "upcoming", "found", "upcoming"],
        // The crate finds these, but does not know whether they can be played.
        Failure::AgeRestricted => [ADULTS, "found", ADULTS, ADULTS, "found", ADULTS],
        // Only a page names the viewer's country.
        Failure::GeoBlocked => ["geo_blocked", "found", "geo_blocked", DELETED, "found", "found"],
        Failure::Live => ["ok", "found", "ok", "ok", "found", "found"],
        Failure::BotCheck => [ROBOT, ROBOT, ROBOT, ROBOT, "found", "found"],
        // If no strategy is left to ask, the chain is throttled.
        Failure::Throttled { .. } => [TOO_MANY, TOO_MANY, TOO_MANY, TOO_MANY, TOO_MANY, TOO_FAST],
        Failure::Hang => ["timed_out"; 6],
        Failure::Reset | Failure::CutOffBody => ["connection"; 6],
        Failure::ConsentRedirect => {
            let consent = "throttled consent";
            [consent, consent, consent, "ok", "found", "found"]
        }
        Failure::SorryRedirect => [SORRY, SORRY, SORRY, TOO_MANY, TOO_MANY, TOO_FAST],
        Failure::WrongVideo | Failure::EmptyAnswer | Failure::Garbage => [UNREADABLE; 6],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_failure_has_its_code() {
    let fake = fake().await;
    for (i, strategies) in COLUMNS.into_iter().enumerate() {
        let patient = settings(strategies, fake.base_url(), fake.ca_cert_path());
        let mut hasty = patient.clone();
        hasty.extractor_timeout = Duration::from_millis(300);
        let mut asked = patient.build().unwrap();
        for failure in Failure::ALL {
            fake.set_failure(ID, Some(failure));
            let answer = match failure {
                Failure::Hang => ask(&hasty.build().unwrap(), ID).await,
                _ => ask(&asked, ID).await,
            };
            assert_eq!(
                word(&answer),
                expected(failure)[i],
                "{strategies}, {failure:?}: {answer:?}"
            );
            // After a refusal the API is not asked for a while, so a new extractor is built.
            if strategies == DATA_API {
                asked = patient.build().unwrap();
            }
        }
    }
    assert_eq!(fake.hits().route(Route::Other), 0, "a redirect was followed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_or_throttling_ends_the_search_and_other_failures_do_not() {
    let fake = fake().await;
    let chain = extractor(BOTH, &fake);
    for (failure, asked) in [
        (None, 1),
        (Some(Failure::Deleted), 1),
        (Some(Failure::BotCheck), 1),
        // Three times, with a cool-down before each.
        (Some(Failure::Throttled { retry_after: None }), 3),
        (Some(Failure::ConsentRedirect), 1),
        (Some(Failure::ServerError), 2),
        (Some(Failure::Garbage), 2),
    ] {
        fake.set_failure(ID, failure);
        fake.reset_hits();
        let _answer = ask(&chain, ID).await;
        assert_eq!(fake.hits().total, asked, "{failure:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn retry_after_is_in_the_error() {
    let fake = fake().await;
    let wait = Duration::from_secs(7);
    fake.set_failure(ID, Some(Failure::Throttled { retry_after: Some(wait) }));
    for strategies in [WATCH_PAGE, RUSTY_YTDL, BOTH] {
        let error = ask(&extractor(strategies, &fake), ID).await.unwrap_err();
        let ExtractError::Throttled { retry_after, .. } = error else { panic!("{error}") };
        assert_eq!(retry_after, Some(wait), "{strategies}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_strategies_find_the_fields_of_the_page() {
    let fake = fake().await;
    let ids = (0..40).map(|i| pages::id_from_name(&format!("video {i}"))).collect::<Vec<_>>();
    for strategies in [WATCH_PAGE, RUSTY_YTDL] {
        let extractor = extractor(strategies, &fake);
        for id in &ids {
            let found = ask(&extractor, id).await.unwrap();
            assert_eq!(found.video_id.as_str(), id);
            assert_eq!(found.source, strategies);
            compare(&found.video, &pages::expected(id), strategies == WATCH_PAGE);
        }
    }
}

/// `is_complete`: whether the strategy also finds the fields that the crate does not.
fn compare(found: &Video, made: &GeneratedVideo, is_complete: bool) {
    assert_eq!(found.title, made.title);
    assert_eq!(found.description.as_deref().unwrap_or_default(), made.description);
    assert_eq!(found.author.name.as_ref(), Some(&made.author));
    assert_eq!(found.author.channel_id.as_ref(), Some(&made.channel_id));
    assert_eq!(found.author.url, Some(made.owner_profile_url()));
    assert_eq!(found.length_seconds, Some(made.length_seconds));
    assert_eq!(found.view_count, Some(made.view_count));
    assert_eq!(found.publish_date, Some(made.published_at));
    assert_eq!(found.category.as_ref(), Some(&made.category));
    assert_eq!(found.keywords.as_deref().unwrap_or_default(), made.keywords);
    let chapters = found.chapters.iter().flatten().map(|it| (it.title.as_str(), it.start_seconds));
    let made_chapters = made.chapters.iter().map(|it| (it.title.as_str(), it.start_seconds));
    assert!(chapters.eq(made_chapters), "{:?}", found.chapters);
    let urls = found.thumbnails.iter().flatten().map(|it| it.url.as_str()).collect::<Vec<_>>();
    assert!(made.thumbnails.iter().all(|it| urls.contains(&it.url.as_str())), "{urls:?}");
    if is_complete {
        assert_eq!(found.availability, Some(Availability::Ok));
        assert_eq!(found.like_count, made.like_count);
        assert_eq!(found.author.subscribers, Some(made.subscribers));
        assert_eq!(found.author.verified, Some(made.channel_verified));
        assert_eq!(found.is_live, Some(false));
        assert_eq!(found.family_safe, Some(true));
    } else {
        assert_eq!(found.author.verified, made.channel_verified.then_some(true));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_real_size_comes_over_http2_as_well() {
    let settings =
        FakeYouTubeSettings { http2: true, page_bytes: 1 << 20, ..FakeYouTubeSettings::default() };
    let fake = FakeYouTube::start(settings).await.unwrap();
    for strategies in [WATCH_PAGE, RUSTY_YTDL] {
        let extractor = extractor(strategies, &fake);
        fake.set_failure(ID, Some(Failure::Reset));
        assert_eq!(word(&ask(&extractor, ID).await), "connection", "{strategies}");
        fake.set_failure(ID, None);
        let found = ask(&extractor, ID).await.unwrap();
        compare(&found.video, &pages::expected(ID), strategies == WATCH_PAGE);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broadcast_has_no_length() {
    let fake = fake().await;
    let extractor = extractor(WATCH_PAGE, &fake);
    fake.set_failure(ID, Some(Failure::Live));
    let live = ask(&extractor, ID).await.unwrap().video;
    assert_eq!((live.is_live, live.length_seconds), (Some(true), None));
    fake.set_failure(ID, Some(Failure::Upcoming));
    let upcoming = ask(&extractor, ID).await.unwrap().video;
    assert_eq!((upcoming.is_upcoming, upcoming.length_seconds), (Some(true), None));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_crate_costs_one_request_and_never_asks_for_the_player() {
    let fake = fake().await;
    let extractor = extractor(RUSTY_YTDL, &fake);
    for i in 0..3 {
        ask(&extractor, &pages::id_from_name(&format!("request {i}"))).await.unwrap();
    }
    let hits = fake.hits();
    assert_eq!((hits.total, hits.route(Route::Watch)), (3, 3), "{hits:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_pages_are_all_read_by_one_thread() {
    let fake = fake().await;
    let extractor = extractor(RUSTY_YTDL, &fake);
    let asks = (0..12).map(|i| {
        let extractor = extractor.clone();
        tokio::spawn(async move {
            let id = pages::id_from_name(&format!("concurrent {i}"));
            let found = ask(&extractor, &id).await.unwrap();
            assert_eq!(found.video.title, pages::expected(&id).title);
        })
    });
    for asked in asks.collect::<Vec<_>>() {
        asked.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_an_unknown_certificate_is_not_trusted() {
    let (fake, other) = (fake().await, fake().await);
    let extractor = settings(WATCH_PAGE, fake.base_url(), other.ca_cert_path()).build().unwrap();
    assert_eq!(word(&ask(&extractor, ID).await), "connection");
    assert_eq!(fake.hits().total, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_server_is_a_failed_connection() {
    let fake = fake().await;
    let extractor = extractor(BOTH, &fake);
    fake.stop().await;
    assert_eq!(word(&ask(&extractor, ID).await), "connection");
}
