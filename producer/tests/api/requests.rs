//! `GET /requests`.

use linkrelay_kafka::publish::PublishError;
use linkrelay_store::LinkStore;
use linkrelay_store::contract::sample::{expanded, failed, stored};
use linkrelay_store::testing::Method;
use serde_json::{Value, json};

use crate::helpers::fake_publish::{Do, FakePublish};
use crate::helpers::{LINK, OTHER_LINK, TestAnswer, TestApp, answer, until};

fn ids(list: &Value) -> Vec<&str> {
    let requests = list["requests"].as_array().unwrap();
    requests.iter().map(|request| request["id"].as_str().unwrap()).collect()
}

/// Waits until this number of requests is listed.
async fn until_listed(app: &TestApp, count: usize) {
    until("the requests are listed", async || ids(&app.get("/requests").await.json).len() == count)
        .await;
}

async fn with_key(app: &TestApp, key: &str, links: &Value) -> TestAnswer {
    let request = app.submission(&json!({ "links": links })).header("Idempotency-Key", key);
    answer(request).await
}

#[tokio::test]
async fn a_request_is_listed_with_how_far_it_is_and_once_however_often_it_is_sent() {
    let app = TestApp::with_acks().await;
    let sent = with_key(&app, "k", &json!([LINK, OTHER_LINK, LINK])).await;
    until_listed(&app, 1).await;
    let first = app.get("/requests").await.json["requests"][0].clone();
    assert_eq!(with_key(&app, "k", &json!([LINK, OTHER_LINK, LINK])).await.id(), sent.id());
    let other = app.submit(&json!({ "links": ["hello", LINK] })).await;
    assert_eq!(other.status, 207);
    until_listed(&app, 2).await;
    let id = sent.id().parse().unwrap();
    app.store.write_batch(&[stored(id, 0), failed(id, 1), expanded(id, 2, 4)]).await.unwrap();
    let list = app.get("/requests").await.json;
    assert_eq!(ids(&list), [other.id(), sent.id()]);
    let mut expected = first;
    for (field, value) in [("total", 7), ("stored", 1), ("failed", 1), ("expanded", 1)] {
        expected[field] = value.into();
    }
    expected["pending"] = 4.into();
    assert_eq!(list["requests"][1], expected, "also accepted_at");
    insta::with_settings!({ sort_maps => true }, {
        insta::assert_json_snapshot!(list, {
            ".requests[].id" => "[id]", ".requests[].accepted_at" => "[time]",
            ".requests[].status_url" => "[url]",
        });
    });
    let page = app.get("/requests?limit=1").await.json;
    assert_eq!(ids(&page), [other.id()]);
    let next = app.get(page["next"].as_str().unwrap()).await.json;
    assert_eq!((ids(&next), &next["next"]), (vec![sent.id()], &Value::Null));
    app.stop().await;
}

#[tokio::test]
async fn no_client_waits_for_a_store_that_fails_or_is_refused_for_it() {
    let app = TestApp::with_acks().await;
    app.store.set_down(true);
    let mut accepted = Vec::new();
    for _ in 0..3 {
        let sent = app.submit(&json!({ "links": LINK })).await;
        assert_eq!(sent.status, 201, "{sent:?}");
        accepted.insert(0, sent.id().to_owned());
    }
    app.get("/requests").await.assert_problem(503, "store_unavailable");
    until("a write has failed", async || app.store.counts(Method::AddRequests).failed > 0).await;
    app.store.set_down(false);
    until_listed(&app, 3).await;
    assert_eq!(ids(&app.get("/requests").await.json), accepted);
    app.stop().await;
}

#[tokio::test]
async fn a_request_is_listed_if_at_least_one_of_its_links_is_safe() {
    let publish = FakePublish::new(|number| match number {
        1 => Do::Ack,
        _ => Do::Refuse(PublishError::QueueFull),
    });
    let app = TestApp::with_publish(publish).await;
    let none = app.submit(&json!({ "links": OTHER_LINK })).await;
    let some = app.submit(&json!({ "links": [LINK, OTHER_LINK] })).await;
    assert_eq!((none.status, some.status), (503, 503));
    until_listed(&app, 1).await;
    assert_eq!(ids(&app.get("/requests").await.json), [some.id()]);
    app.stop().await;
}

#[tokio::test]
async fn a_stop_writes_the_rows_that_are_queued() {
    let app = TestApp::with_acks().await;
    for _ in 0..5 {
        assert_eq!(app.submit(&json!({ "links": LINK })).await.status, 201);
    }
    let store = std::sync::Arc::clone(&app.store);
    app.stop().await;
    let rows = linkrelay_store::RequestStore::requests(store.as_ref(), None, 10).await.unwrap();
    assert_eq!(rows.len(), 5);
}

#[tokio::test]
async fn wrong_parameters_are_named() {
    let app = TestApp::with_acks().await;
    for (query, name) in [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=x", "limit"),
        ("after=5", "after"),
        ("after=5.5", "after"),
        ("after=05.0193e3a4-0000-7000-8000-000000000000-3", "after"),
        ("pending=yes", "pending"),
        ("pending=true&pending=true", "pending"),
        ("from=1", "from"),
    ] {
        let refused = app.get(&format!("/requests?{query}")).await;
        refused.assert_problem(400, "bad_query");
        let detail = refused.json["detail"].as_str().unwrap();
        assert!(detail.contains(name), "{query}: {detail}");
    }
    app.stop().await;
}
