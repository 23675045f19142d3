use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use linkrelay_store::jobs::{Job, JobState};
use linkrelay_store::{JobStore, testing::Method};
use serde_json::{Value, json};

use crate::helpers::fake_publish::{Do, FakePublish};
use crate::helpers::{NO_BROKER, TestAnswer, TestApp, answer, settings};

async fn replay(app: &TestApp, body: &Value) -> TestAnswer {
    answer(app.request("POST", "/dlq/replay").json(body)).await
}

/// A job whose row was written this long ago.
fn job(id: &str, age: SignedDuration) -> Job {
    let at = Timestamp::now() - age;
    Job {
        id: id.to_owned(),
        kind: "dlq_replay".to_owned(),
        state: JobState::Running,
        arguments: r#"{"all":true}"#.to_owned(),
        progress: r#"{"total":9,"done":4,"counts":{"replayed":3,"stored":1}}"#.to_owned(),
        error: None,
        begun_at: at,
        updated_at: at,
    }
}

const FIRST: &str = "0199f7a0-0000-7000-8000-000000000001";
const SECOND: &str = "0199f7a0-0000-7000-8000-000000000002";

#[tokio::test]
async fn bad_input_is_named_and_begins_nothing() {
    let app = TestApp::with_acks().await;
    for (body, word) in [
        (json!({}), "all"),
        (json!({"all": false}), "all"),
        (json!({"dry_run": true}), "all"),
        (json!({"all": true, "classes": ["transient"]}), "all"),
        (json!({"al": true}), "al"),
        (json!({"classes": ["fatal"]}), "fatal"),
        (json!({"classes": "transient"}), "sequence"),
        (json!({"request_id": "7"}), "request"),
        (json!({"since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"}), "since"),
        (json!({"since": "soon"}), "soon"),
        (json!({"all": true, "max_replays": 0}), "max_replays"),
        (json!({"all": true, "batch": 0}), "batch"),
        (json!({"all": true, "batch": 501}), "batch"),
        (json!({"ids": vec!["a"; 1_001]}), "ids"),
        (json!([]), "all"),
        (json!("all"), "string"),
    ] {
        let refused = replay(&app, &body).await;
        refused.assert_problem(400, "bad_body");
        let detail = refused.json["detail"].as_str().unwrap();
        assert!(detail.contains(word), "{body}: {detail}");
    }
    answer(app.request("POST", "/dlq/replay")).await.assert_problem(415, "unsupported_media_type");
    for path in [
        "/dlq?class=fatal",
        "/dlq?since=soon",
        "/dlq?since=2026-01-02&until=2026-01-01",
        "/dlq?request_id=7",
        "/dlq?limit=0",
        "/dlq?limit=501",
        "/dlq?after=x",
        "/dlq?after=0-1-2",
        "/dlq?unknown=1",
        "/dlq/replays?after=x",
        "/dlq/replays?limit=101",
        "/dlq/replays?unknown=1",
    ] {
        let refused = app.get(path).await;
        refused.assert_problem(400, "bad_query");
    }
    for path in ["/dlq/replays/x", "/dlq/replays/%ff", &format!("/dlq/replays/{FIRST}")] {
        app.get(path).await.assert_problem(404, "unknown_replay");
    }
    assert_eq!(app.store.counts(Method::BeginJob).calls, 0);
    app.stop().await;
}

#[tokio::test]
async fn a_replay_that_runs_is_named_and_a_silent_one_is_interrupted() {
    let app = TestApp::with_acks().await;
    let running = job(FIRST, SignedDuration::from_secs(1));
    app.store.begin_job(&running, running.begun_at).await.unwrap();
    let refused = replay(&app, &json!({"all": true})).await;
    refused.assert_problem(409, "replay_running");
    assert_eq!(
        (refused.id(), &refused.json["status_url"]),
        (FIRST, &json!(format!("/dlq/replays/{FIRST}")))
    );
    let shown = app.get(&format!("/dlq/replays/{FIRST}")).await.json;
    assert_eq!(
        (&shown["state"], &shown["total"], &shown["done"]),
        (&json!("running"), &json!(9), &json!(4))
    );
    assert_eq!((&shown["counts"]["stored"], &shown["request"]), (&json!(1), &json!({"all": true})));

    let done = Job { state: JobState::Done, ..running };
    app.store.update_job(&done).await.unwrap();
    let silent = job(SECOND, SignedDuration::from_secs(60));
    app.store.begin_job(&silent, silent.begun_at).await.unwrap();
    let all = app.get("/dlq/replays?limit=1").await.json;
    let entry = &all["replays"][0];
    assert_eq!((&entry["id"], &entry["state"]), (&json!(SECOND), &json!("interrupted")), "{all}");
    let rest = app.get(all["next"].as_str().unwrap()).await.json;
    let entry = &rest["replays"][0];
    assert_eq!((&entry["id"], &entry["state"]), (&json!(FIRST), &json!("done")), "{rest}");
    app.stop().await;
}

#[tokio::test]
async fn a_failing_store_is_a_503_and_nothing_begins() {
    let app = TestApp::with_acks().await;
    app.store.set_down(true);
    replay(&app, &json!({"all": true})).await.assert_problem(503, "store_unavailable");
    for path in ["/dlq/replays", "/dlq/replays/x"] {
        app.get(path).await.assert_problem(503, "store_unavailable");
    }
    app.stop().await;
}

#[tokio::test]
async fn a_store_that_hangs_leaves_open_whether_a_replay_has_begun() {
    let app = TestApp::with_acks().await;
    app.store.hang(Method::BeginJob);
    let answer = replay(&app, &json!({"all": true})).await;
    answer.assert_problem(503, "store_unavailable");
    let detail = answer.json["detail"].as_str().unwrap();
    assert!(detail.contains("not known whether the replay has begun"), "{detail}");
    app.stop().await;
}

/// A list whose broker does not answer ends with its answer, so that its place is free again.
#[tokio::test]
async fn a_list_without_a_broker_holds_its_place_no_longer_than_its_client_waits() {
    let mut settings = settings(NO_BROKER);
    settings.api.request_timeout = Duration::from_secs(2);
    let app = TestApp::start(settings, FakePublish::new(|_| Do::Ack)).await;
    for _ in 0..2 {
        // As many as are read at the same time.
        let (one, other) = tokio::join!(app.get("/dlq"), app.get("/dlq"));
        for refused in [one, other] {
            refused.assert_problem(503, "dead_letters_unavailable");
            let detail = refused.json["detail"].as_str().unwrap();
            assert!(detail.contains("the broker does not answer"), "{detail}");
        }
    }
    app.stop().await;
}

#[tokio::test]
async fn without_a_broker_the_list_is_a_503_that_names_no_host() {
    let app = TestApp::with_acks().await;
    let refused = app.get("/dlq").await;
    refused.assert_problem(503, "dead_letters_unavailable");
    assert!(!refused.json.to_string().contains("127.0.0.1"), "{refused:?}");
    app.stop().await;
}
