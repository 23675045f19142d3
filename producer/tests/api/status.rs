use linkrelay_common::RequestId;
use linkrelay_store::LinkStore;
use linkrelay_store::contract::sample::{expanded, failed, stored};
use linkrelay_store::testing::Method;
use serde_json::json;

use crate::helpers::{LINK, TestApp};
use crate::submit::assert_snapshot;

#[tokio::test]
async fn a_request_shows_complete_and_pending_links() {
    let app = TestApp::with_acks().await;
    let id = RequestId::new(4);
    let documents = [stored(id, 2), failed(id, 0), stored(RequestId::new(4), 1)];
    app.store.write_batch(&documents).await.unwrap();
    let status = app.get(&format!("/links/{id}")).await;
    assert_eq!(status.status, 200, "{status:?}");
    assert_eq!(status.id(), id.to_string());
    assert_snapshot!(status);
    app.stop().await;
}

#[tokio::test]
async fn pages_follow_each_other_to_the_end() {
    let app = TestApp::with_acks().await;
    let id = RequestId::new(250);
    for index in (0..250).filter(|index| index % 10 != 3) {
        let document = if index % 10 == 0 { failed(id, index) } else { stored(id, index) };
        app.store.write_batch(&[document]).await.unwrap();
    }
    let mut next = Some(format!("/links/{id}"));
    let mut seen = Vec::new();
    let mut pages_count = 0;
    while let Some(path) = next {
        let page = app.get(&path).await;
        assert_eq!(page.status, 200);
        let counts = ["total", "stored", "failed", "pending"].map(|name| page.json[name].as_u64());
        assert_eq!(counts, [250, 200, 25, 25].map(Some), "{path}");
        for link in page.json["links"].as_array().unwrap() {
            let index = link["index"].as_u64().unwrap();
            let status = match index % 10 {
                0 => "failed",
                3 => "pending",
                _ => "stored",
            };
            assert_eq!(link["status"], status, "{link}");
            seen.push(index);
        }
        pages_count += 1;
        next = page.json["next"].as_str().map(str::to_owned);
    }
    assert_eq!(pages_count, 3);
    assert_eq!(seen, (0..250).collect::<Vec<_>>());

    let end = app.get(&format!("/links/{id}?from=249&limit=1000")).await;
    assert_eq!(end.json["links"].as_array().unwrap().len(), 1);
    let beyond = app.get(&format!("/links/{id}?from=4294967295")).await;
    assert_eq!((beyond.status, &beyond.json["links"]), (200, &json!([])));
    app.stop().await;
}

#[tokio::test]
async fn the_videos_of_lists_are_a_part_of_their_request() {
    let app = TestApp::with_acks().await;
    let id = RequestId::new(3);
    let counts = |json: &serde_json::Value| {
        ["total", "stored", "failed", "expanded", "pending"].map(|name| json[name].as_u64())
    };
    let path = format!("/links/{id}");
    assert_eq!(counts(&app.get(&path).await.json), [3, 0, 0, 0, 3].map(Some));
    let documents = [expanded(id, 0, 120), stored(id, 1), stored(id, 3), failed(id, 122)];
    app.store.write_batch(&documents).await.unwrap();
    let status = app.get(&format!("{path}?limit=4")).await;
    assert_eq!(counts(&status.json), [123, 2, 1, 1, 119].map(Some));
    assert_snapshot!(status);
    let documents = [expanded(id, 2, 2), stored(id, 20_004)];
    app.store.write_batch(&documents).await.unwrap();
    let page = app.get(&format!("{path}?from=122&limit=1")).await;
    assert_eq!(counts(&page.json), [125, 3, 1, 2, 119].map(Some));
    assert_eq!(page.json["next"], format!("{path}?from=20003&limit=1"));
    let page = app.get(page.json["next"].as_str().unwrap()).await;
    assert_eq!(page.json["links"], json!([{"index": 20_003, "status": "pending"}]));
    let page = app.get(page.json["next"].as_str().unwrap()).await;
    assert_eq!(page.json["links"][0]["status"], "stored");
    assert_eq!(page.json.get("next"), None);
    app.stop().await;
}

#[tokio::test]
async fn a_wrong_query_is_refused() {
    let app = TestApp::with_acks().await;
    let id = RequestId::new(3);
    for wrong in ["x", "4294967296", &format!("{id}0000000000"), &id.to_string().to_uppercase()] {
        if wrong != id.to_string() {
            app.get(&format!("/links/{wrong}")).await.assert_problem(400, "bad_request_id");
        }
    }
    // Not UTF-8.
    app.get("/links/%ff").await.assert_problem(400, "bad_request_id");
    for query in ["limit=0", "limit=1001", "limit=x", "from=-1", "from=4294967296"] {
        app.get(&format!("/links/{id}?{query}")).await.assert_problem(400, "bad_query");
    }
    app.stop().await;
}

#[tokio::test]
async fn an_unreachable_store_is_a_503_without_its_secrets() {
    let app = TestApp::with_acks().await;
    app.store.set_down(true);
    for count in [1, 5_000] {
        let refused = app.get(&format!("/links/{}", RequestId::new(count))).await;
        refused.assert_problem(503, "store_unavailable");
        assert_eq!(refused.retry_after.as_deref(), Some("5"));
        assert!(!refused.json.to_string().contains("secret"), "{refused:?}");
    }
    assert_eq!(
        app.submit(&json!({"links": LINK})).await.status,
        201,
        "links are accepted nevertheless"
    );
    app.stop().await;
}

#[tokio::test]
async fn a_store_that_hangs_is_also_a_503() {
    let app = TestApp::with_acks().await;
    app.store.hang(Method::RequestLinks);
    let refused = app.get(&format!("/links/{}", RequestId::new(1))).await;
    refused.assert_problem(503, "store_unavailable");
    app.stop().await;
}
