use linkrelay_fake_youtube::{Failure, Route};

use crate::helpers::{ID, TestYouTube};

#[tokio::test]
async fn a_video_has_a_thumbnail_unless_it_does_not_exist() {
    let youtube = TestYouTube::start().await;
    let thumbnail = youtube.get(&format!("/vi/{ID}/mqdefault.jpg")).await;
    assert_eq!(thumbnail.status(), 200);
    assert_eq!(thumbnail.headers()["content-type"], "image/png");
    assert!(thumbnail.bytes().await.unwrap().starts_with(b"\x89PNG\r\n\x1a\n"));
    for path in ["/vi/short/mqdefault.jpg", "/vi/../mqdefault.jpg", "/vi/x", "/vi/mqdefault.jpg"] {
        assert_eq!(youtube.get(path).await.status(), 404, "{path}");
    }
    for (failure, status) in
        [(Failure::Deleted, 404), (Failure::Private, 404), (Failure::ServerError, 503)]
    {
        youtube.fake.set_failure(ID, Some(failure));
        let thumbnail = youtube.get(&format!("/vi/{ID}/mqdefault.jpg")).await;
        assert_eq!(thumbnail.status(), status, "{failure:?}");
    }
    let hits = youtube.fake.hits();
    assert_eq!((hits.video(ID), hits.route(Route::Thumbnail)), (0, 5));
}
