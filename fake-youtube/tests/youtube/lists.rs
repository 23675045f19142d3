use linkrelay_fake_youtube::ApiFailure;
use reqwest::Response;

use crate::helpers::{TestYouTube, json};

async fn ask(youtube: &TestYouTube, path_and_query: &str) -> Response {
    let url = format!("{}/youtube/v3/{path_and_query}", youtube.fake.base_url());
    youtube.client.get(url).header("x-goog-api-key", "a-key").send().await.unwrap()
}

/// The status, and the API's reason of an error.
async fn refusal(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    let answer = json(response).await;
    (status, answer["error"]["errors"][0]["reason"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn lists_that_cannot_be_seen_and_invalid_parameters_are_refused() {
    let youtube = TestYouTube::start().await;
    let invalid = (400, "invalidParameter");
    for (call, (status, reason)) in [
        (
            "playlistItems?part=contentDetails&playlistId=PLgone-3&maxResults=50",
            (404, "playlistNotFound"),
        ),
        (
            "playlistItems?part=contentDetails&playlistId=UUwithout-0&maxResults=50",
            (404, "playlistNotFound"),
        ),
        (
            "playlistItems?part=contentDetails&playlistId=PLprivate-3&maxResults=50",
            (403, "playlistItemsNotAccessible"),
        ),
        ("playlistItems?part=contentDetails&maxResults=50", invalid),
        ("playlistItems?part=snippet&playlistId=PL-3&maxResults=50", invalid),
        ("playlistItems?part=contentDetails&playlistId=PL-3", invalid),
        ("playlistItems?part=contentDetails&playlistId=PL-3&maxResults=51", invalid),
        ("playlistItems?part=contentDetails&playlistId=PL-3&maxResults=many", invalid),
        ("playlistItems?part=contentDetails&playlistId=PL-3&maxResults=50&pageToken=2", invalid),
        ("channels?part=contentDetails", invalid),
        ("channels?part=contentDetails&id=UC1&forHandle=@a", invalid),
        ("channels?part=snippet&forHandle=@a", invalid),
        ("videos?part=snippet", invalid),
    ] {
        let refused = refusal(ask(&youtube, call).await).await;
        assert_eq!(refused, (status, reason.to_owned()), "{call}");
    }
}

#[tokio::test]
async fn lists_need_a_key_and_have_the_failures_of_the_api() {
    let youtube = TestYouTube::start().await;
    for path in [
        "playlistItems?part=contentDetails&playlistId=PL-3&maxResults=50",
        "channels?part=contentDetails&forHandle=@many",
    ] {
        let keyless = youtube.get(&format!("/youtube/v3/{path}")).await;
        assert_eq!(refusal(keyless).await, (400, "keyInvalid".to_owned()), "{path}");
        youtube.fake.set_api_failure(Some(ApiFailure::QuotaExceeded));
        assert_eq!(refusal(ask(&youtube, path).await).await, (403, "quotaExceeded".to_owned()));
        youtube.fake.set_api_failure(None);
        assert_eq!(ask(&youtube, path).await.status(), 200, "{path}");
    }
}
