//! `GET /stats`.

use linkrelay_common::RequestId;
use linkrelay_store::LinkStore;
use linkrelay_store::contract::sample::{failed, stored};
use linkrelay_store::testing::Method;
use serde_json::json;

use crate::helpers::TestApp;

#[tokio::test]
async fn documents_and_videos_are_counted() {
    let app = TestApp::with_acks().await;
    app.get("/stats?x=1").await.assert_problem(400, "bad_query");
    let id = RequestId::new(3);
    app.store.write_batch(&[stored(id, 0), stored(id, 1), failed(id, 2)]).await.unwrap();
    let answer = app.get("/stats").await;
    assert_eq!(answer.status, 200);
    let mut totals = answer.json;
    let as_of = totals.as_object_mut().unwrap().remove("as_of").unwrap();
    assert!(as_of.is_string());
    assert_eq!(
        totals,
        json!({
            "documents_total": 3,
            "documents": { "stored": 2, "failed": 1, "expanded": 0, "deleted": 0 },
            "videos": {
                "total": 3, "stored": 2, "failed": 1,
                "by_availability": { "age_restricted": 2 },
                "by_source": { "watch_page": 2 },
                "by_error_class": { "permanent": 1 },
                "first_seen_at": "2025-11-24T16:00:01Z",
                "last_seen_at": "2025-11-24T16:00:01Z",
            },
            "top_channels": [
                { "channel_id": "UC0123456789012345678901", "name": "An author", "videos": 2 },
            ],
        })
    );
    // It is not counted again within a minute.
    app.store.write_batch(&[stored(RequestId::new(1), 0)]).await.unwrap();
    assert_eq!(app.get("/stats").await.json["as_of"], as_of);
    assert_eq!(app.store.counts(Method::Stats).calls, 1);
    app.stop().await;
}

#[tokio::test]
async fn a_client_does_not_wait_for_long() {
    let app = TestApp::with_acks().await;
    app.store.hang(Method::Stats);
    let answer = app.get("/stats").await;
    answer.assert_problem(503, "stats_pending");
    assert_eq!(answer.retry_after.as_deref(), Some("5"));
    app.stop().await;
    let app = TestApp::with_acks().await;
    app.store.set_down(true);
    app.get("/stats").await.assert_problem(503, "store_unavailable");
    app.stop().await;
}
