use linkrelay_fake_youtube::Route;
use linkrelay_fake_youtube::pages::{self, GeneratedVideo, expected, id_from_name};
use reqwest::{Client, Version};
use serde_json::Value;

use crate::helpers::{ID, TestYouTube, assigned, client_builder, json};

/// Enough of them to meet every trap that the generator sets.
fn many_ids() -> impl Iterator<Item = String> {
    (0..150).map(|n| id_from_name(&format!("route {n}")))
}

fn assert_tells_of(response: &Value, video: &GeneratedVideo) {
    assert_eq!(response["playabilityStatus"]["status"], "OK");
    let details = &response["videoDetails"];
    assert_eq!(details["videoId"], video.video_id);
    assert_eq!(details["title"], video.title);
    assert_eq!(details["shortDescription"], video.description);
    assert_eq!(details["author"], video.author);
    assert_eq!(details["channelId"], video.channel_id);
    assert_eq!(details["lengthSeconds"], video.length_seconds.to_string());
    assert_eq!(details["viewCount"], video.view_count.to_string());
    let keywords =
        if video.keywords.is_empty() { Value::Null } else { video.keywords.clone().into() };
    assert_eq!(details["keywords"], keywords);
    let pictures = details["thumbnail"]["thumbnails"].as_array().unwrap();
    let urls: Vec<&str> = pictures.iter().map(|picture| picture["url"].as_str().unwrap()).collect();
    let expected_urls: Vec<&str> =
        video.thumbnails.iter().map(|picture| picture.url.as_str()).collect();
    assert_eq!(urls, expected_urls);
}

fn assert_has_microformat_of(response: &Value, video: &GeneratedVideo) {
    let microformat = &response["microformat"]["playerMicroformatRenderer"];
    assert_eq!(microformat["publishDate"], video.publish_date);
    assert_eq!(microformat["category"], video.category);
    assert_eq!(microformat["ownerProfileUrl"], video.owner_profile_url());
    assert_eq!(microformat["isFamilySafe"], true);
    let likes = video.like_count.map_or(Value::Null, |count| count.to_string().into());
    assert_eq!(microformat["likeCount"], likes);
}

#[tokio::test]
async fn a_watch_page_tells_the_truth_about_every_id() {
    let youtube = TestYouTube::start().await;
    for id in many_ids() {
        let response = youtube.watch_json(&id).await;
        assert_tells_of(&response, &expected(&id));
        assert_has_microformat_of(&response, &expected(&id));
    }
}

#[tokio::test]
async fn a_watch_page_shows_chapters_and_owner_beside_the_player() {
    let youtube = TestYouTube::start().await;
    let id = many_ids().find(|id| !expected(id).chapters.is_empty()).unwrap();
    let page = youtube.watch(&id).await.text().await.unwrap();
    let (video, data) = (expected(&id), assigned(&page, "ytInitialData"));
    let owner = "/contents/twoColumnWatchNextResults/results/results/contents/1/videoSecondaryInfoRenderer/owner/videoOwnerRenderer";
    assert_eq!(data.pointer(owner).unwrap()["title"]["runs"][0]["text"], video.author);
    let markers = "/playerOverlays/playerOverlayRenderer/decoratedPlayerBarRenderer/decoratedPlayerBarRenderer/playerBar/multiMarkersPlayerBarRenderer/markersMap/0/value/chapters";
    let chapters = data.pointer(markers).unwrap().as_array().unwrap();
    let starts = chapters
        .iter()
        .map(|chapter| chapter["chapterRenderer"]["timeRangeStartMillis"].as_u64().unwrap());
    let expected_starts = video.chapters.iter().map(|chapter| chapter.start_seconds * 1_000);
    assert!(starts.eq(expected_starts), "{chapters:?}");
}

#[tokio::test]
async fn pbj_is_the_same_without_a_page() {
    let youtube = TestYouTube::start().await;
    let response = youtube.get(&format!("/watch?v={ID}&pbj=1")).await;
    assert_eq!(response.headers()["content-type"], "application/json; charset=UTF-8");
    let parts = json(response).await;
    let player =
        parts.as_array().unwrap().iter().find(|part| part["playerResponse"].is_object()).unwrap();
    assert_tells_of(&player["playerResponse"], &expected(ID));
    assert_eq!(youtube.fake.hits().route(Route::Watch), 1);
}

#[tokio::test]
async fn the_player_route_gives_a_microformat_to_pages_only() {
    let youtube = TestYouTube::start().await;
    let web = json(youtube.player(ID, "WEB").await).await;
    assert_tells_of(&web, &expected(ID));
    assert_has_microformat_of(&web, &expected(ID));
    let app = json(youtube.player(ID, "ANDROID").await).await;
    assert_tells_of(&app, &expected(ID));
    assert_eq!(app["microformat"], Value::Null);
}

#[tokio::test]
async fn the_player_route_refuses_what_names_no_video() {
    let youtube = TestYouTube::start().await;
    for body in ["", "{}", "[", r#"{"videoId": 7}"#] {
        let response = youtube.post("/youtubei/v1/player", body.to_owned()).await;
        assert_eq!(response.status(), 400, "{body}");
    }
    assert_eq!(youtube.fake.hits().route(Route::Player), 4);
}

#[tokio::test]
async fn oembed_knows_title_author_and_picture() {
    let youtube = TestYouTube::start().await;
    let video = expected(ID);
    for link in [
        "https://www.youtube.com/watch?v=dQw4w9WgXcQ&t=1",
        "https://youtu.be/dQw4w9WgXcQ",
        "https://www.youtube.com/shorts/dQw4w9WgXcQ?x=y",
    ] {
        let query: String = url::form_urlencoded::byte_serialize(link.as_bytes()).collect();
        let response = youtube.get(&format!("/oembed?format=json&url={query}")).await;
        let answer = json(response).await;
        assert_eq!(answer["title"], video.title, "{link}");
        assert_eq!(answer["author_name"], video.author);
        assert!(answer["thumbnail_url"].as_str().unwrap().contains(ID));
    }
    for (query, status) in
        [("", 404), ("?url=nothing", 404), ("?url=https://youtu.be/dQw4w9WgXcQ&format=xml", 501)]
    {
        assert_eq!(youtube.get(&format!("/oembed{query}")).await.status(), status, "{query}");
    }
}

#[tokio::test]
async fn the_player_that_a_page_names_is_there() {
    let youtube = TestYouTube::start().await;
    let page = youtube.watch(ID).await.text().await.unwrap();
    let (_, after) = page.split_once(r#""jsUrl":""#).unwrap();
    let (path, _) = after.split_once('"').unwrap();
    assert_eq!(path, pages::BASE_JS_PATH);
    let response = youtube.get(path).await;
    assert_eq!(
        (response.status().as_u16(), &response.headers()["content-type"]),
        (200, &"text/javascript".parse().unwrap())
    );
    assert_eq!(youtube.fake.hits().route(Route::BaseJs), 1);
}

#[tokio::test]
async fn everything_else_is_not_found() {
    let youtube = TestYouTube::start().await;
    for path in ["/", "/watch", "/feed/trending", "/youtubei/v1/player", "/s/player/1/other.js"] {
        assert_eq!(youtube.get(path).await.status(), 404, "{path}");
    }
    assert_eq!(youtube.post("/watch?v=dQw4w9WgXcQ", String::new()).await.status(), 404);
    let hits = youtube.fake.hits();
    assert_eq!((hits.route(Route::Other), hits.route(Route::Watch), hits.total), (5, 1, 6));
}

#[tokio::test]
async fn what_cannot_be_an_id_is_a_video_that_is_not_there() {
    let youtube = TestYouTube::start().await;
    for id in ["short", "twelve-chars", "with%20space", "%F0%9F%8E%ACabcdefg"] {
        let response = youtube.watch_json(id).await;
        assert_eq!(response["playabilityStatus"]["status"], "ERROR", "{id}");
        assert_eq!(response["videoDetails"], Value::Null);
    }
}

#[tokio::test]
async fn the_hosts_of_google_are_told_apart_by_name() {
    let youtube = TestYouTube::start().await;
    let addr = youtube.fake.addr();
    let client = client_builder(&youtube.fake)
        .resolve("consent.youtube.com", addr)
        .resolve("www.google.com", addr)
        .build()
        .unwrap();
    let consent = client
        .get("https://consent.youtube.com/m?continue=https%3A%2F%2Fa%2F%3Fb%22")
        .send()
        .await
        .unwrap();
    let consent = consent.text().await.unwrap();
    assert!(consent.contains(r#"action="https://consent.youtube.com/save""#), "{consent}");
    assert!(consent.contains(r#"value="https://a/?b&quot;""#), "{consent}");
    let sorry = client.get("https://www.google.com/sorry/index").send().await.unwrap();
    assert_eq!(sorry.status(), 429);
    let watch = client.get(format!("https://www.youtube.com/watch?v={ID}")).send().await.unwrap();
    assert_eq!(watch.status(), 200);
    let hits = youtube.fake.hits();
    assert_eq!(
        [Route::Consent, Route::Sorry, Route::Watch].map(|route| hits.route(route)),
        [1, 1, 1]
    );
}

#[tokio::test]
async fn only_who_trusts_the_authority_gets_through() {
    let youtube = TestYouTube::start().await;
    let stranger = Client::builder().build().unwrap();
    let error = stranger.get(youtube.fake.base_url()).send().await.unwrap_err();
    assert!(format!("{error:?}").contains("UnknownIssuer"), "{error:?}");
    assert_eq!(youtube.fake.hits().total, 0);
    assert_eq!(youtube.watch(ID).await.status(), 200);
}

#[tokio::test]
async fn http2_is_spoken_where_it_is_asked_for() {
    for (http2, version) in [(false, Version::HTTP_11), (true, Version::HTTP_2)] {
        let youtube = TestYouTube::start_with(|settings| settings.http2 = http2).await;
        let response = youtube.watch(ID).await;
        assert_eq!(response.version(), version);
        let page = response.text().await.unwrap();
        assert_tells_of(&assigned(&page, "ytInitialPlayerResponse"), &expected(ID));
    }
}

#[tokio::test]
async fn a_page_may_be_filled_up_to_a_realistic_size() {
    let youtube = TestYouTube::start_with(|settings| settings.page_bytes = 1_000_000).await;
    let page = youtube.watch(ID).await.text().await.unwrap();
    assert_eq!(page.len(), 1_000_000);
    assert_tells_of(&assigned(&page, "ytInitialPlayerResponse"), &expected(ID));
}
