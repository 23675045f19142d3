use linkrelay_fake_youtube::pages::lists;
use linkrelay_fake_youtube::{ApiFailure, Hits, Route};
use reqwest::Response;
use serde_json::Value;

use crate::helpers::{TestYouTube, json};

async fn ask(youtube: &TestYouTube, path_and_query: &str) -> Response {
    let url = format!("{}/youtube/v3/{path_and_query}", youtube.fake.base_url());
    youtube.client.get(url).header("x-goog-api-key", "a-key").send().await.unwrap()
}

/// The status, and the API's own word for what is wrong.
async fn refusal(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    let answer = json(response).await;
    (status, answer["error"]["errors"][0]["reason"].as_str().unwrap().to_owned())
}

fn video_ids(page: &Value) -> Vec<String> {
    let items = page["items"].as_array().unwrap();
    items.iter().map(|it| it["contentDetails"]["videoId"].as_str().unwrap().to_owned()).collect()
}

fn counts(hits: &Hits) -> [u64; 3] {
    [Route::PlaylistItems, Route::Channels, Route::DataApi].map(|route| hits.route(route))
}

#[tokio::test]
async fn a_playlist_comes_in_pages_of_the_size_that_is_asked_for() {
    let youtube = TestYouTube::start().await;
    let list = "playlistItems?part=contentDetails&playlistId=PLmade-up_120&maxResults=50";
    let (mut found, mut sizes, mut next) = (Vec::new(), Vec::new(), String::new());
    loop {
        let page = json(ask(&youtube, &format!("{list}{next}")).await).await;
        assert_eq!(page["kind"], "youtube#playlistItemListResponse");
        assert_eq!(page["pageInfo"]["totalResults"], 120);
        sizes.push(video_ids(&page).len());
        found.extend(video_ids(&page));
        let Some(token) = page["nextPageToken"].as_str() else { break };
        next = format!("&pageToken={token}");
    }
    assert_eq!(sizes, [50, 50, 20]);
    assert_eq!(found, lists::video_ids("PLmade-up_120", 120));
    assert_eq!(counts(&youtube.fake.hits()), [3, 0, 0]);
    let usual = "playlistItems?part=snippet,contentDetails&playlistId=PLmade-up";
    assert_eq!(video_ids(&json(ask(&youtube, usual).await).await).len(), 5);
}

#[tokio::test]
async fn an_empty_playlist_is_a_page_without_items_and_without_a_next_one() {
    let youtube = TestYouTube::start().await;
    let page = json(ask(&youtube, "playlistItems?part=contentDetails&playlistId=PL-0").await).await;
    assert_eq!((video_ids(&page).len(), &page["nextPageToken"]), (0, &Value::Null));
}

#[tokio::test]
async fn lists_that_nobody_may_see_and_questions_that_make_no_sense_are_refused() {
    let youtube = TestYouTube::start().await;
    for (query, status, reason) in [
        ("part=contentDetails&playlistId=PLgone-3", 404, "playlistNotFound"),
        ("part=contentDetails&playlistId=UUwithout-0", 404, "playlistNotFound"),
        ("part=contentDetails&playlistId=PLprivate-3", 403, "playlistItemsNotAccessible"),
        ("part=contentDetails", 400, "playlistIdRequired"),
        ("part=snippet&playlistId=PL-3", 400, "missingRequiredParameter"),
        ("part=contentDetails&playlistId=PL-3&maxResults=51", 400, "invalidValue"),
        ("part=contentDetails&playlistId=PL-3&maxResults=many", 400, "invalidValue"),
        ("part=contentDetails&playlistId=PL-3&pageToken=2", 400, "invalidPageToken"),
    ] {
        let refused = refusal(ask(&youtube, &format!("playlistItems?{query}")).await).await;
        assert_eq!(refused, (status, reason.to_owned()), "{query}");
    }
    for query in ["part=contentDetails", "part=contentDetails&id=UC1&forHandle=@a"] {
        let refused = refusal(ask(&youtube, &format!("channels?{query}")).await).await;
        assert_eq!(refused, (400, "incompatibleParameters".to_owned()), "{query}");
    }
}

#[tokio::test]
async fn a_channel_is_found_by_id_handle_and_user_name() {
    let youtube = TestYouTube::start().await;
    let by_name = lists::channel_of("many-120").unwrap();
    for (query, channel) in [
        ("id=UC0123456789012345678901", "UC0123456789012345678901"),
        ("forHandle=@many-120", by_name.as_str()),
        ("forHandle=many-120", by_name.as_str()),
        ("forUsername=many-120", by_name.as_str()),
    ] {
        let answer = ask(&youtube, &format!("channels?part=contentDetails&{query}")).await;
        let answer = json(answer).await;
        assert_eq!(answer["kind"], "youtube#channelListResponse");
        assert_eq!(answer["items"][0]["id"], channel, "{query}");
        let uploads = &answer["items"][0]["contentDetails"]["relatedPlaylists"]["uploads"];
        assert_eq!(*uploads, lists::uploads_of(channel).unwrap(), "{query}");
    }
    for query in ["forHandle=@gone-3", "forUsername=gone", "id=UCgone567890123456789012"] {
        let answer = ask(&youtube, &format!("channels?part=contentDetails&{query}")).await;
        let answer = json(answer).await;
        assert_eq!(
            (&answer["items"], &answer["pageInfo"]["totalResults"]),
            (&Value::Null, &0.into())
        );
    }
    assert_eq!(counts(&youtube.fake.hits()), [0, 7, 0]);
}

#[tokio::test]
async fn lists_want_a_key_and_share_the_failures_of_the_api() {
    let youtube = TestYouTube::start().await;
    for path in [
        "playlistItems?part=contentDetails&playlistId=PL-3",
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
