//! `GET /videos/{video_id}/thumbnail`, of the fake YouTube.

use std::path::Path;

use linkrelay_extractor::ThumbnailServer;
use linkrelay_fake_youtube::{Failure, FakeYouTube, FakeYouTubeSettings, Route};
use reqwest::Response;

use crate::helpers::fake_publish::{Do, FakePublish};
use crate::helpers::{NO_BROKER, TestApp, answer, settings};

const PATH: &str = "/videos/dQw4w9WgXcQ/thumbnail";
const ID: &str = "dQw4w9WgXcQ";

async fn app(fake: &FakeYouTube, data: &Path) -> TestApp {
    let mut settings = settings(NO_BROKER);
    settings.api.thumbnails = true;
    settings.store.data_dir = data.to_owned();
    settings.thumbnail_server = ThumbnailServer {
        youtube_base_url: Some(fake.base_url()),
        youtube_ca_cert: Some(fake.ca_cert_path().to_owned()),
    };
    settings.api.request_timeout = std::time::Duration::from_secs(10);
    TestApp::start(settings, FakePublish::new(|_| Do::Ack)).await
}

async fn fake() -> FakeYouTube {
    FakeYouTube::start(FakeYouTubeSettings::default()).await.unwrap()
}

async fn get(app: &TestApp, path: &str) -> Response {
    app.request("GET", path).send().await.unwrap()
}

fn fetched_count(fake: &FakeYouTube) -> u64 {
    fake.hits().route(Route::Thumbnail)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thumbnail_is_fetched_once_and_survives_a_restart_and_damage() {
    let (fake, data) = (fake().await, tempfile::tempdir().unwrap());
    let running = app(&fake, data.path()).await;
    let all = futures::future::join_all((0..20).map(|_| get(&running, PATH))).await;
    let mut thumbnails = Vec::new();
    for response in all {
        assert_eq!(response.status(), 200);
        let headers = response.headers().clone();
        assert_eq!(headers["content-type"], "image/png");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["cache-control"], "private, max-age=86400");
        assert!(headers["content-security-policy"].to_str().unwrap().ends_with("sandbox"));
        thumbnails.push((headers["etag"].clone(), response.bytes().await.unwrap()));
    }
    let first = thumbnails[0].clone();
    assert!(thumbnails.iter().all(|thumbnail| *thumbnail == first));
    assert_eq!(fetched_count(&fake), 1);
    let known = running.request("GET", PATH).header("if-none-match", &first.0);
    let known = known.send().await.unwrap();
    assert_eq!((known.status().as_u16(), &known.headers()["etag"]), (304, &first.0));
    assert_eq!(known.bytes().await.unwrap().len(), 0);
    running.stop().await;
    let running = app(&fake, data.path()).await;
    assert_eq!(get(&running, PATH).await.bytes().await.unwrap(), first.1);
    assert_eq!(fetched_count(&fake), 1);
    std::fs::write(data.path().join("thumbnails").join(ID), "damaged").unwrap();
    assert_eq!(get(&running, PATH).await.bytes().await.unwrap(), first.1);
    assert_eq!(fetched_count(&fake), 2);
    running.stop().await;
    fake.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_fetched_is_not_asked_for_again_at_once() {
    let (fake, data) = (fake().await, tempfile::tempdir().unwrap());
    let app = app(&fake, data.path()).await;
    for (failure, status, code) in [
        (Failure::Deleted, 404, "no_thumbnail"),
        (Failure::ServerError, 503, "thumbnail_unavailable"),
        (Failure::Throttled { retry_after: None }, 503, "thumbnail_unavailable"),
    ] {
        let id = linkrelay_fake_youtube::pages::id_from_name(code);
        let id = linkrelay_fake_youtube::pages::id_from_name(&format!("{id}{status}{failure:?}"));
        fake.set_failure(&id, Some(failure));
        let before = fetched_count(&fake);
        for _ in 0..3 {
            let path = format!("/videos/{id}/thumbnail");
            answer(app.request("GET", &path)).await.assert_problem(status, code);
        }
        assert_eq!(fetched_count(&fake), before + 1, "{failure:?}");
    }
    for (path, code) in [
        ("/videos/short/thumbnail", "bad_video_id"),
        ("/videos/..%2F..%2Fx/thumbnail", "bad_video_id"),
        ("/videos/dQw4w9WgXcQ/thumbnail?size=1", "bad_query"),
    ] {
        answer(app.request("GET", path)).await.assert_problem(400, code);
    }
    app.stop().await;
    fake.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_thumbnail_is_fetched_if_that_is_turned_off_and_without_a_disk_each_is_fetched_again() {
    let off = TestApp::with_acks().await;
    answer(off.request("GET", PATH)).await.assert_problem(404, "no_thumbnail");
    off.stop().await;
    let fake = fake().await;
    let no_folder = tempfile::NamedTempFile::new().unwrap();
    let app = app(&fake, no_folder.path()).await;
    for count in 1..3 {
        assert_eq!(get(&app, PATH).await.status(), 200);
        assert_eq!(fetched_count(&fake), count);
    }
    app.stop().await;
    fake.stop().await;
}
