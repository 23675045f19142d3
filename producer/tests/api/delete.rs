use linkrelay_common::RequestId;
use linkrelay_store::LinkStore;
use linkrelay_store::contract::sample::{expanded, failed, stored};
use linkrelay_store::testing::Method;
use serde_json::json;

use crate::helpers::{TestAnswer, TestApp, answer};

async fn delete(app: &TestApp, id: impl std::fmt::Display) -> TestAnswer {
    answer(app.request("DELETE", &format!("/links/{id}"))).await
}

#[tokio::test]
async fn a_complete_request_is_deleted_once_and_is_gone_then() {
    let app = TestApp::with_acks().await;
    let (id, other) = (RequestId::new(3), RequestId::new(1));
    // A list counts with its videos.
    let documents = [stored(id, 0), failed(id, 1), expanded(id, 2, 1), stored(id, 20_003)];
    app.store.write_batch(&documents).await.unwrap();
    app.store.write_batch(&[stored(other, 0)]).await.unwrap();
    for deleted in [4, 0, 0] {
        let answer = delete(&app, id).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.json, json!({ "id": id.to_string(), "deleted": deleted }));
        let status = app.get(&format!("/links/{id}?limit=1")).await;
        status.assert_problem(410, "request_deleted");
    }
    assert_eq!(app.get(&format!("/links/{other}")).await.json["stored"], 1);
    app.stop().await;
}

#[tokio::test]
async fn a_request_with_pending_links_is_not_deleted() {
    let app = TestApp::with_acks().await;
    let (request, list, unknown) = (RequestId::new(2), RequestId::new(1), RequestId::new(1));
    app.store.write_batch(&[stored(request, 0), expanded(list, 0, 1)]).await.unwrap();
    for id in [request, list, unknown] {
        delete(&app, id).await.assert_problem(409, "request_pending");
    }
    assert_eq!(app.store.counts(Method::DeleteRequest).calls, 0);
    app.store.write_batch(&[stored(request, 1), failed(list, 1)]).await.unwrap();
    for id in [request, list] {
        assert_eq!(delete(&app, id).await.json["deleted"], 2);
    }
    app.stop().await;
}

#[tokio::test]
async fn a_deletion_that_failed_midway_is_completed_by_the_next() {
    let app = TestApp::with_acks().await;
    let id = RequestId::new(2);
    let list = expanded(id, 0, 1);
    let documents = [list.clone(), stored(id, 1), stored(id, 2)];
    app.store.write_batch(&documents[1..]).await.unwrap();
    // As if the process had been killed after the list's document, which knew of a video.
    app.store.write_batch(&[list.deleted(jiff::Timestamp::now())]).await.unwrap();
    assert_eq!(delete(&app, id).await.json["deleted"], 2);
    app.get(&format!("/links/{id}")).await.assert_problem(410, "request_deleted");
    app.stop().await;
}

#[tokio::test]
async fn what_is_not_an_id_is_refused_and_a_store_that_fails_is_a_503() {
    let app = TestApp::with_acks().await;
    for wrong in ["x", "%ff"] {
        delete(&app, wrong).await.assert_problem(400, "bad_request_id");
    }
    let id = RequestId::new(1);
    app.store.write_batch(&[stored(id, 0)]).await.unwrap();
    app.store.fail(Method::DeleteRequest, 0..1);
    delete(&app, id).await.assert_problem(503, "store_unavailable");
    assert_eq!(delete(&app, id).await.json["deleted"], 1);
    app.store.hang(Method::DeleteRequest);
    delete(&app, id).await.assert_problem(503, "store_unavailable");
    app.stop().await;
}
