//! `GET /history`.

use crate::helpers::{TestApp, until};

#[tokio::test]
async fn the_first_point_is_taken_at_the_start() {
    let app = TestApp::with_acks().await;
    app.get("/history?x=1").await.assert_problem(400, "bad_query");
    until("there is a point", async || {
        let series = app.get("/history").await.json["series"].clone();
        series["consumers"].as_array().unwrap().len() == 1
    })
    .await;
    let answer = app.get("/history").await;
    assert_eq!((answer.status, &answer.json["step_seconds"]), (200, &serde_json::json!(10)));
    let series = answer.json["series"].as_object().unwrap();
    assert_eq!(series.len(), 6);
    assert_eq!(series["consumers"], serde_json::json!([0.0]));
    assert_eq!(series["lag"], serde_json::json!([null]));
    app.stop().await;
}
