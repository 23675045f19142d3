//! `GET /videos` and `GET /videos/{video_id}`.

use linkrelay_common::RequestId;
use linkrelay_store::LinkStore;
use linkrelay_store::contract::sample::{failed, stored};
use serde_json::{Value, json};

use crate::helpers::{TestApp, WRONG_SELECTIONS, assert_each_is_named};

fn ids(list: &Value) -> Vec<&str> {
    let videos = list["videos"].as_array().unwrap();
    videos.iter().map(|video| video["video_id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn videos_come_page_by_page_the_newest_first() {
    let app = TestApp::with_acks().await;
    let id = RequestId::new(5);
    for index in 0..4 {
        app.store.write_batch(&[stored(id, index)]).await.unwrap();
    }
    app.store.write_batch(&[failed(id, 4)]).await.unwrap();
    let first = app.get("/videos?limit=3&total=true").await;
    assert_eq!(first.status, 200);
    assert_eq!(first.json["total"], 5);
    assert_eq!(ids(&first.json), ["video-00004", "video-00003", "video-00002"]);
    let second = app.get(first.json["next"].as_str().unwrap()).await;
    assert_eq!(ids(&second.json), ["video-00001", "video-00000"]);
    assert_eq!(second.json["next"], Value::Null);
    let selected = app.get("/videos?order=asc&status=stored&length_from=212&q=").await;
    assert_eq!(ids(&selected.json).len(), 4);
    assert_eq!(ids(&app.get("/videos?category=Comedy").await.json).len(), 0);
    app.stop().await;
}

#[tokio::test]
async fn a_video_shows_its_metadata_and_the_links_that_named_it() {
    let app = TestApp::with_acks().await;
    let id = RequestId::new(3);
    let mut again = stored(RequestId::new(1), 0);
    again.video_id = Some("video-00001".to_owned());
    let mut refused = failed(id, 2);
    refused.video_id.clone_from(&again.video_id);
    app.store.write_batch(&[stored(id, 1), again, refused]).await.unwrap();
    let video = app.get("/videos/video-00001").await;
    assert_eq!(video.status, 200, "{video:?}");
    assert_eq!(video.json["links_count"], 3);
    assert_eq!(video.json["error"]["code"], "private");
    let first = app.get("/videos/video-00001?limit=1").await;
    insta::with_settings!({ sort_maps => true }, {
        insta::assert_json_snapshot!(first.json, {
            ".links[].id" => "[id]", ".links[].request_id" => "[id]", ".next" => "[next]",
            ".video.description" => "[description]",
        });
    });
    let mut path = Some("/videos/video-00001?limit=1".to_owned());
    let mut links = Vec::new();
    while let Some(next) = path {
        let page = app.get(&next).await;
        links.extend(page.json["links"].as_array().unwrap().clone());
        path = page.json["next"].as_str().map(str::to_owned);
    }
    assert_eq!(json!(links), video.json["links"]);
    app.stop().await;
}

#[tokio::test]
async fn a_search_selects_and_its_next_page_has_the_same_words() {
    let app = TestApp::with_acks().await;
    let id = RequestId::new(20);
    for index in 0..12 {
        app.store.write_batch(&[stored(id, index)]).await.unwrap();
    }
    let first = app.get("/videos?q=TITULO+1&limit=2&total=true").await;
    assert_eq!(first.json["total"], 3, "{first:?}");
    assert_eq!(ids(&first.json), ["video-00011", "video-00010"]);
    let second = app.get(first.json["next"].as_str().unwrap()).await;
    assert_eq!(ids(&second.json), ["video-00001"]);
    app.stop().await;
}

#[tokio::test]
async fn every_wrong_parameter_is_named() {
    let app = TestApp::with_acks().await;
    assert_each_is_named(&app, "/videos", &WRONG_SELECTIONS).await;
    let own = [
        "limit=0",
        "limit=501",
        "limit=x",
        "limit=-1",
        "q=1+2+3+4+5+6+7+8+9+10+11+12+13+14+15+16+17",
        "total=yes",
        "channel=UC",
        "limit=1&limit=2",
    ];
    assert_each_is_named(&app, "/videos", &own).await;
    for query in ["limit=0", "after=x", "after=1", "sort=published"] {
        app.get(&format!("/videos/video-00001?{query}")).await.assert_problem(400, "bad_query");
    }
    for (path, status, code) in [
        ("/videos/short", 400, "bad_video_id"),
        ("/videos/%ff", 400, "bad_video_id"),
        ("/videos/video-00001", 404, "unknown_video"),
    ] {
        app.get(path).await.assert_problem(status, code);
    }
    app.store.set_down(true);
    app.get("/videos").await.assert_problem(503, "store_unavailable");
    app.get("/videos/video-00001").await.assert_problem(503, "store_unavailable");
    app.stop().await;
}
