//! Refusals of one video, of an app, and of every video.

use futures::future::join_all;
use linkrelay_extractor::ExtractorSettings;
use linkrelay_fake_youtube::{CANARY_VIDEO, Failure, pages};

use super::{ID, ask, extractor, fake, settings};

const BY_PAGE: [&str; 3] = ["watch_page", "innertube", "rusty_ytdl"];

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_video_costs_one_request_for_the_canary_by_the_same_strategy() {
    for strategy in BY_PAGE {
        let fake = fake().await;
        fake.set_failure(ID, Some(Failure::Deleted));
        let answer = ask(&extractor(strategy, &fake), ID).await;
        assert_eq!(answer.unwrap_err().code(), "unavailable", "{strategy}");
        let hits = fake.hits();
        assert_eq!((hits.total, hits.canary), (1, 1), "{strategy}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_of_every_video_is_throttling_and_is_not_cached() {
    for strategy in ["watch_page", "innertube"] {
        let fake = fake().await;
        let asked = settings(strategy, fake.base_url(), fake.ca_cert_path());
        let asked = ExtractorSettings { cache_entries: 100, ..asked }.build().unwrap();
        fake.set_failure_of_all(Some(Failure::Deleted));
        let ids: Vec<_> = (0..20).map(|n| pages::id_from_name(&format!("refused {n}"))).collect();
        for answer in join_all(ids.iter().map(|id| ask(&asked, id))).await {
            let error = answer.unwrap_err();
            assert!(error.to_string().contains("everything_refused"), "{strategy}: {error}");
        }
        fake.set_failure_of_all(None);
        for id in &ids {
            ask(&asked, id).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_that_does_not_answer_leaves_the_refusal_open() {
    let fake = fake().await;
    fake.set_failure(ID, Some(Failure::Private));
    fake.set_failure(CANARY_VIDEO, Some(Failure::ServerError));
    let error = ask(&extractor("watch_page", &fake), ID).await.unwrap_err();
    assert_eq!(error.code(), "unconfirmed");
    assert!(error.to_string().contains("this video is private"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_refusal_of_the_data_api_needs_no_canary() {
    let fake = fake().await;
    fake.set_failure_of_all(Some(Failure::Deleted));
    let error = ask(&extractor("data_api", &fake), ID).await.unwrap_err();
    assert_eq!((error.code(), fake.hits().canary), ("unavailable", 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_that_is_off_believes_every_refusal_and_any_other_text_is_an_error() {
    let fake = fake().await;
    fake.set_failure_of_all(Some(Failure::Deleted));
    let with = |canary: &str| {
        let settings = settings("watch_page", fake.base_url(), fake.ca_cert_path());
        ExtractorSettings { canary_video: canary.to_owned(), ..settings }
    };
    let error = ask(&with("off").build().unwrap(), ID).await.unwrap_err();
    assert_eq!((error.code(), fake.hits().canary), ("unavailable", 0));
    // A compose file passes an unset variable on as an empty one.
    let error = ask(&with("").build().unwrap(), ID).await.unwrap_err();
    assert_eq!((error.code(), fake.hits().canary), ("throttled", 1));
    let problem = with("a video").build().unwrap_err().to_string();
    assert!(problem.starts_with("CANARY_VIDEO: must be the id of a video"), "{problem}");
}
