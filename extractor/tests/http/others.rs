//! The strategies that do not read watch pages: what they find, and what they cost.

use futures::future::join_all;
use linkrelay_common::video::Availability;
use linkrelay_extractor::ExtractError;
use linkrelay_fake_youtube::pages;
use linkrelay_fake_youtube::{ApiFailure, Failure, Route};

use super::{ID, ask, extractor, fake};

fn ids(count: usize) -> Vec<String> {
    (0..count).map(|i| pages::id_from_name(&format!("other {i}"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn innertube_finds_all_fields_of_the_player_answer() {
    let fake = fake().await;
    let innertube = extractor("innertube", &fake);
    for id in ids(8) {
        let found = ask(&innertube, &id).await.unwrap();
        let made = pages::expected(&id);
        assert_eq!((found.source.as_str(), &found.video.title), ("innertube", &made.title));
        assert_eq!(found.video.view_count, Some(made.view_count));
        assert_eq!(found.video.like_count, made.like_count);
        assert_eq!(found.video.publish_date, Some(made.published_at));
        assert_eq!(found.video.category, Some(made.category));
        assert_eq!(found.video.author.channel_id, Some(made.channel_id));
        assert_eq!(found.video.availability, Some(Availability::Ok));
        assert_eq!(found.video.author.subscribers, None, "not in the player answer");
    }
    assert_eq!((fake.hits().total, fake.hits().route(Route::Player)), (8, 8));
}

#[tokio::test(flavor = "multi_thread")]
async fn oembed_finds_title_author_and_thumbnail() {
    let fake = fake().await;
    let oembed = extractor("oembed", &fake);
    for id in ids(4) {
        let found = ask(&oembed, &id).await.unwrap();
        let made = pages::expected(&id);
        assert_eq!((found.source.as_str(), &found.video.title), ("oembed", &made.title));
        assert_eq!(found.video.author.name, Some(made.author));
        let thumbnails = found.video.thumbnails.unwrap();
        assert!(thumbnails.len() == 1 && thumbnails[0].url.contains(&id), "{thumbnails:?}");
        assert_eq!(found.video.length_seconds, None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_videos_are_a_few_calls_of_the_data_api() {
    let fake = fake().await;
    let api = extractor("data_api", &fake);
    let ids = ids(100);
    fake.set_failure(&ids[3], Some(Failure::Private));
    let answers = join_all(ids.iter().map(|id| ask(&api, id))).await;
    for (i, (id, answer)) in ids.iter().zip(answers).enumerate() {
        let made = pages::expected(id);
        match answer {
            Ok(found) => {
                assert_eq!(found.video.title, made.title);
                assert_eq!(found.video.length_seconds, Some(made.length_seconds));
                assert_eq!(found.video.publish_date, Some(made.published_at));
                assert_eq!(found.video.category, Some(made.category));
                assert_eq!(found.video.view_count, Some(made.view_count));
            }
            Err(error) => assert_eq!((i, error.code()), (3, "unavailable")),
        }
    }
    assert!(fake.hits().route(Route::DataApi) <= 5, "{:?}", fake.hits().by_route);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_strategy_whose_api_refuses_is_throttling_and_costs_no_attempt() {
    let fake = fake().await;
    fake.set_api_failure(Some(ApiFailure::QuotaExceeded));
    let api = extractor("data_api", &fake);
    let error = ask(&api, ID).await.unwrap_err();
    let ExtractError::Throttled { reason, retry_after } = error else { panic!("{error}") };
    assert_eq!(reason, "quota_used_up");
    assert!(retry_after.is_some_and(|wait| wait.as_secs() > 0), "{retry_after:?}");
}
