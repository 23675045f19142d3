use linkrelay_fake_youtube::{Failure, Route};

use crate::helpers::{ID, TestYouTube};

#[tokio::test]
async fn a_video_has_a_picture_unless_it_does_not_exist() {
    let youtube = TestYouTube::start().await;
    let picture = youtube.get(&format!("/vi/{ID}/mqdefault.jpg")).await;
    assert_eq!(picture.status(), 200);
    assert_eq!(picture.headers()["content-type"], "image/png");
    assert!(picture.bytes().await.unwrap().starts_with(b"\x89PNG\r\n\x1a\n"));
    for path in ["/vi/short/mqdefault.jpg", "/vi/../mqdefault.jpg", "/vi/x", "/vi/mqdefault.jpg"] {
        assert_eq!(youtube.get(path).await.status(), 404, "{path}");
    }
    for (failure, status) in
        [(Failure::Deleted, 404), (Failure::Private, 404), (Failure::ServerError, 503)]
    {
        youtube.fake.set_failure(ID, Some(failure));
        let picture = youtube.get(&format!("/vi/{ID}/mqdefault.jpg")).await;
        assert_eq!(picture.status(), status, "{failure:?}");
    }
    let hits = youtube.fake.hits();
    assert_eq!((hits.video(ID), hits.route(Route::Picture)), (0, 5));
}
