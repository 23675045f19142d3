use linkrelay_fake_youtube::Route;
use linkrelay_fake_youtube::pages::player::{self, Client};
use linkrelay_fake_youtube::pages::{Playability, expected, oembed};
use reqwest::Version;
use serde_json::Value;

use crate::helpers::{ID, TestYouTube, json};

fn player_response(client: Client) -> Value {
    player::response(&expected(ID), Playability::Ok, client)
}

#[tokio::test]
async fn the_player_route_has_a_microformat_only_for_pages() {
    let youtube = TestYouTube::start().await;
    for (name, client) in [("WEB", Client::Web), ("MWEB", Client::Web), ("ANDROID", Client::App)] {
        let response = json(youtube.player(ID, name).await).await;
        assert_eq!(response, player_response(client), "{name}");
        assert_eq!(response["microformat"].is_object(), client == Client::Web, "{name}");
    }
}

#[tokio::test]
async fn the_player_route_refuses_a_body_without_a_video() {
    let youtube = TestYouTube::start().await;
    for body in ["", "{}", "[", r#"{"videoId": 7}"#] {
        let response = youtube.post("/youtubei/v1/player", body.to_owned()).await;
        assert_eq!(response.status(), 400, "{body}");
    }
    assert_eq!(youtube.fake.hits().route(Route::Player), 4);
}

#[tokio::test]
async fn oembed_answers_about_the_video_in_the_link() {
    let youtube = TestYouTube::start().await;
    assert_eq!(json(youtube.oembed(ID).await).await, oembed::response(&expected(ID)));
    for query in ["", "?url=nothing", "?url=https://www.youtube.com/watch?v=short"] {
        assert_eq!(youtube.get(&format!("/oembed{query}")).await.status(), 404, "{query}");
    }
}

#[tokio::test]
async fn everything_else_is_not_found() {
    let youtube = TestYouTube::start().await;
    for path in ["/", "/watch", "/feed/trending", "/youtubei/v1/player", "/s/player/1/base.js"] {
        assert_eq!(youtube.get(path).await.status(), 404, "{path}");
    }
    assert_eq!(youtube.post("/watch?v=dQw4w9WgXcQ", String::new()).await.status(), 404);
    let hits = youtube.fake.hits();
    assert_eq!((hits.route(Route::Other), hits.route(Route::Watch), hits.total), (5, 1, 6));
}

#[tokio::test]
async fn a_text_that_is_not_an_id_is_a_video_that_does_not_exist() {
    let youtube = TestYouTube::start().await;
    for id in ["short", "twelve-chars", "with%20space", "%F0%9F%8E%ACabcdefg"] {
        let response = youtube.watch_json(id).await;
        assert_eq!(response["playabilityStatus"]["status"], "ERROR", "{id}");
        assert_eq!(response["videoDetails"], Value::Null);
    }
}

#[tokio::test]
async fn a_page_of_real_size_comes_over_both_protocols() {
    for (http2, version) in [(false, Version::HTTP_11), (true, Version::HTTP_2)] {
        let youtube = TestYouTube::start_with(|settings| {
            settings.http2 = http2;
            settings.page_bytes = 1_000_000;
        })
        .await;
        let response = youtube.watch(ID).await;
        assert_eq!((response.version(), response.content_length()), (version, Some(1_000_000)));
        assert_eq!(response.bytes().await.unwrap().len(), 1_000_000);
        assert_eq!(youtube.watch_json(ID).await, player_response(Client::Web));
    }
}
