//! The videos of playlists and channels: what is found, what it costs, and how each refusal ends.

use std::sync::Arc;
use std::time::Duration;

use linkrelay_common::{ErrorClass, ListLink, VideoId};
use linkrelay_extractor::{Extract, ExtractError, ExtractorSettings};
use linkrelay_fake_youtube::pages::{self, lists};
use linkrelay_fake_youtube::{ApiFailure, FakeYouTube, Route};
use linkrelay_testkit::wait::{LONG, SHORT, wait_for};

use super::wire::{Wire, answer};
use super::{ID, ask, extractor, fake, settings};

/// An extractor with a key, but without the strategy `data_api`.
fn pages_only(fake: &FakeYouTube) -> Arc<dyn Extract> {
    extractor("watch_page", fake)
}

fn playlist(id: &str) -> ListLink {
    ListLink::playlist(id).unwrap()
}

fn texts(video_ids: &[VideoId]) -> Vec<&str> {
    video_ids.iter().map(VideoId::as_str).collect()
}

/// Returns how many calls there were for playlists, for channels and for videos.
fn calls(fake: &FakeYouTube) -> [u64; 3] {
    let hits = fake.hits();
    [Route::PlaylistItems, Route::Channels, Route::DataApi].map(|route| hits.route(route))
}

/// Waits until this many requests are in flight.
async fn in_flight(fake: &FakeYouTube, count: u64) {
    let check = async || {
        let now = fake.hits().in_flight;
        (now == count).then_some(()).ok_or_else(|| format!("{now} requests"))
    };
    wait_for("requests", LONG, SHORT, check).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_playlist_is_listed_in_its_order_up_to_the_limit_with_few_calls() {
    let fake = fake().await;
    let extractor = pages_only(&fake);
    for (id, limit, found, asked) in [
        ("PLmade-up_120", 1_000, 120, 3),
        ("PLmade-up_120", 120, 120, 3),
        ("PLmade-up_120", 60, 60, 2),
        ("PLmade-up_120", 50, 50, 1),
        ("PLmade-up_120", 1, 1, 1),
        ("PLmade-up", 50, 12, 1),
        ("PLempty-0", 50, 0, 1),
    ] {
        fake.reset_hits();
        let video_ids = extractor.expand(&playlist(id), limit).await.unwrap();
        assert_eq!(texts(&video_ids), lists::video_ids(id, found), "{id}, {limit}");
        assert_eq!(video_ids.len(), found, "{id}, {limit}");
        assert_eq!(calls(&fake), [asked, 0, 0], "{id}, {limit}");
        assert_eq!(fake.hits().total, asked, "{id}, {limit}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_is_listed_by_any_of_its_names() {
    let fake = fake().await;
    let extractor = pages_only(&fake);
    let channel = "UC01234567890123456789_7";
    let named = |name: &str| lists::channel_of(name).unwrap();
    for (list, channel, videos, asked) in [
        (ListLink::channel(channel), channel.to_owned(), 7, 1),
        (ListLink::handle("many-120"), named("many-120"), 120, 3),
        (
            ListLink::handle("m\u{fc}ller.und_s\u{f6}hne"),
            named("m\u{fc}ller.und_s\u{f6}hne"),
            12,
            1,
        ),
        (ListLink::user("old-name_51"), named("old-name_51"), 51, 2),
        (ListLink::handle("silent-0"), named("silent-0"), 0, 1),
    ] {
        fake.reset_hits();
        let list = list.unwrap();
        let video_ids = extractor.expand(&list, 1_000).await.unwrap();
        let uploads = lists::uploads_of(&channel).unwrap();
        assert_eq!(texts(&video_ids), lists::video_ids(&uploads, 1_000), "{list}");
        assert_eq!((video_ids.len(), calls(&fake)), (videos, [asked, 1, 0]), "{list}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_or_private_lists_are_refused_permanently_and_stop_nothing_else() {
    let fake = fake().await;
    let extractor = pages_only(&fake);
    for list in [
        ListLink::playlist("PLgone-3"),
        ListLink::playlist("PLprivate-3"),
        ListLink::channel("UCgone567890123456789012"),
        ListLink::handle("gone-3"),
        ListLink::user("gone"),
    ] {
        let list = list.unwrap();
        let error = extractor.expand(&list, 50).await.unwrap_err();
        assert_eq!(
            (error.code(), error.class()),
            ("list_unavailable", ErrorClass::Permanent),
            "{list}"
        );
        assert_eq!(extractor.expand(&playlist("PL-3"), 50).await.unwrap().len(), 3, "{list}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_no_list_is_looked_up() {
    let fake = fake().await;
    for key in [None, Some("".into())] {
        let settings = settings("watch_page", fake.base_url(), fake.ca_cert_path());
        let without = ExtractorSettings { youtube_api_key: key, ..settings };
        let error = without.build().unwrap().expand(&playlist("PL-3"), 50).await.unwrap_err();
        assert_eq!((error.code(), error.class()), ("no_expansion", ErrorClass::Permanent));
    }
    assert_eq!(fake.hits().total, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_one_refusal_of_the_api_neither_lists_nor_videos_ask_it() {
    for (failure, reason) in [
        (ApiFailure::QuotaExceeded, "quota_used_up"),
        (ApiFailure::RateLimitExceeded, "api_rate_limit"),
        (ApiFailure::KeyInvalid, "api_key_refused"),
    ] {
        for (refused_video, asked) in [(None, [1, 0, 0]), (Some(ID), [0, 0, 1])] {
            let fake = fake().await;
            let both = extractor("data_api,watch_page", &fake);
            fake.set_api_failure(Some(failure));
            if let Some(id) = refused_video {
                assert_eq!(ask(&both, id).await.unwrap().source, "watch_page", "{failure:?}");
            }
            for list in [playlist("PL-3"), ListLink::handle("many").unwrap()] {
                let error = both.expand(&list, 50).await.unwrap_err();
                assert_eq!(error.code(), "stood_down", "{failure:?}");
                let ExtractError::StoodDown { reason: found, .. } = error else {
                    panic!("{error}")
                };
                assert_eq!(found, reason);
            }
            fake.set_api_failure(None);
            for _ in 0..2 {
                assert_eq!(ask(&both, ID).await.unwrap().source, "watch_page", "{failure:?}");
            }
            assert_eq!(calls(&fake), asked, "{failure:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_error_on_a_later_page_no_part_of_the_list_is_returned() {
    let page = |next: Option<&str>| {
        let ids = lists::video_ids("PL-3", 3);
        pages::data_api::playlist_items(&ids, 6, next).to_string()
    };
    let error = |reason: &str| pages::data_api::error(403, reason).to_string();
    for (head, body, code) in [
        ("403 Forbidden", error("quotaExceeded"), "stood_down"),
        ("403 Forbidden", error("playlistItemsNotAccessible"), "list_unavailable"),
        ("404 Not Found", error("playlistNotFound"), "list_unavailable"),
        ("404 Not Found", "<html>".to_owned(), "bad_status"),
        ("503 Service Unavailable", error("backendError"), "bad_status"),
        ("302 Found\r\nLocation: /elsewhere", String::new(), "bad_status"),
        ("200 OK", page(None).split_off(1), "unreadable"),
        ("200 OK", page(None)[..100].to_owned(), "unreadable"),
        // The same token again that this page was asked for with.
        ("200 OK", page(Some("second")), "unreadable"),
    ] {
        let (first, second) = (answer("200 OK", &page(Some("second"))), answer(head, &body));
        let wire = Wire::start(move |path| {
            if path.contains("pageToken=second") { second.clone() } else { first.clone() }
        })
        .await;
        let found = wire.extractor().expand(&playlist("PL1"), 50).await;
        assert_eq!(found.unwrap_err().code(), code, "{head} {body}");
        assert_eq!(wire.requests_count(), 2, "{head} {body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_call_ends_its_request() {
    let fake = fake().await;
    let extractor = pages_only(&fake);
    fake.set_latency(Duration::from_secs(36_000));
    let list = playlist("PLmade-up_120");
    let is_asked = in_flight(&fake, 1);
    tokio::select! {
        found = extractor.expand(&list, 1_000) => panic!("too early: {found:?}"),
        () = is_asked => {}
    }
    fake.set_latency(Duration::ZERO);
    in_flight(&fake, 0).await;
    assert_eq!(calls(&fake), [1, 0, 0]);
    assert_eq!(extractor.expand(&list, 1_000).await.unwrap().len(), 120);
}
